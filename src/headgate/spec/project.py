"""A project: a folder with a headgate.yaml, found, read and checked."""

import os
from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError

from headgate.errors import NotFound, SpecError
from headgate.spec.model import Spec, crossed
from headgate.spec.problems import empty, explain
from headgate.spec.source import MAX_BYTES, parse

FILE_NAME = "headgate.yaml"


@dataclass(frozen=True, slots=True)
class Project:
    """`root` is the absolute folder of headgate.yaml, which relative paths in it start from."""

    root: Path
    spec: Spec

    @property
    def name(self) -> str:
        """The project's name."""
        return self.spec.project

    @property
    def store(self) -> Path:
        """The folder for runs and packages; it need not exist yet."""
        return self.root / self.spec.store


def load(folder: Path) -> Project:
    """Read `folder`/headgate.yaml.

    Raises NotFound where there is none and SpecError, carrying every problem, where it is wrong.
    """
    path = folder / FILE_NAME
    try:
        with path.open("rb") as file:
            content = file.read(MAX_BYTES + 1)
    except (FileNotFoundError, NotADirectoryError):
        raise NotFound(
            f"There is no {FILE_NAME} in {folder.absolute()}.",
            hint="Go to the project's folder, or start one: `headgate init iris DIR`.",
        ) from None
    except OSError as error:
        raise SpecError(f"{path} cannot be read: {error.strerror}.") from None
    return Project(Path(os.path.abspath(folder)), read(str(path), content))  # noqa: PTH100  # keeps symbolic links


def read(name: str, content: bytes) -> Spec:
    """The spec in `content`; `name` is what the file is called in messages. Raises SpecError with every problem."""
    document = parse(name, content)
    problems: list[str] = []
    spec = None
    try:
        spec = Spec.model_validate(document)
    except ValidationError as error:
        problems = explain(error.errors(include_url=False), Spec.model_json_schema())
    problems += [*empty(document), *crossed(document)]
    if spec is None or problems:
        count = "a problem" if len(problems) == 1 else f"{len(problems)} problems"
        raise SpecError(
            f"{name} has {count}:",
            problems,
            hint="`python -m headgate.spec.reference DIR` writes the reference of all keys.",
        )
    return spec
