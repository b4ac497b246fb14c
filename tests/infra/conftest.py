"""The templates of three projects, made once for all tests of a worker: the CDK takes seconds to start."""

import json
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from headgate.core.progress import silent
from headgate.infra.app import Built, synthesise
from headgate.infra.site import Site
from tests.infra.projects import PROJECTS, site_of

Template = Mapping[str, Any]


@dataclass(frozen=True)
class Assembly:
    """What was written for one environment."""

    site: Site
    built: list[Built]

    def template(self, stack: str) -> Template:
        """The template of a stack."""
        (path,) = (made.template for made in self.built if made.outline.id == stack)
        found: Template = json.loads(path.read_bytes())
        return found

    def resources(self, kind: str = "") -> dict[str, dict[str, Any]]:
        """The resources of all stacks, or those of one type, as `stack/Name`."""
        return {
            f"{made.outline.id}/{name}": resource
            for made in self.built
            for name, resource in self.template(made.outline.id)["Resources"].items()
            if kind in ("", resource["Type"])
        }

    def properties(self, stack: str, name: str) -> dict[str, Any]:
        """The properties of one resource."""
        found: dict[str, Any] = self.template(stack)["Resources"][name]["Properties"]
        return found


Synth = Callable[[Site], Assembly]


@pytest.fixture(scope="session")
def synth(tmp_path_factory: pytest.TempPathFactory) -> Synth:
    """Makes templates. The node that it starts ends with the worker."""

    def make(site: Site) -> Assembly:
        folder = tmp_path_factory.mktemp("synth")
        return Assembly(site, synthesise(site, folder / "out", os.environ, silent))

    return make


@pytest.fixture(scope="session")
def assemblies(synth: Synth) -> dict[str, Assembly]:
    """Those of the three projects."""
    return {name: synth(site_of(name)) for name in PROJECTS}


@pytest.fixture
def student(assemblies: dict[str, Assembly]) -> Assembly:
    """A serverless endpoint with a front door."""
    return assemblies["student"]


@pytest.fixture
def news(assemblies: dict[str, Assembly]) -> Assembly:
    """A Lambda function with a front door."""
    return assemblies["news"]


@pytest.fixture
def iris(assemblies: dict[str, Assembly]) -> Assembly:
    """An endpoint on instances with a front door and workflows."""
    return assemblies["iris"]


def folder_of(assembly: Assembly) -> Path:
    """Where an assembly is."""
    return assembly.built[0].template.parent
