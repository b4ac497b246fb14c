"""Training runs of a project: one folder each, whole or not there at all, never changed again.

    <store>/runs/20261120T135507123Z-1a2b3c4d/
        run.json          what was trained from what, by what, and how good it is; the digests of the two files below
        model.ubj         the model in XGBoost's own format (no pickle), or
        model.skops       the model as skops writes scikit-learn's (data.fitted; no pickle either)
        validation.npz    the held-out rows (data.validation)

A run's id begins with the time and ends with run.json's digest. Ids sort by age: where the clock was set back, a new
run takes the time after the newest one's, or gates would go on judging that. The digests are checked whenever a file is
read: a run that was touched by hand is neither judged nor packaged.
"""

import json
import os
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from headgate.core.digest import canonical_json, sha256
from headgate.core.schema import Task
from headgate.data.whole import appearing
from headgate.errors import InvalidInput, NotFound, Unavailable

RECORD_NAME = "run.json"
MODEL_NAME = "model.ubj"
ESTIMATOR_NAME = "model.skops"
VALIDATION_NAME = "validation.npz"
ID = re.compile(r"[0-9]{8}T[0-9]{9}Z-[0-9a-f]{8}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Record:
    """What run.json holds beside the digests."""

    project: str
    task: Task
    target: str
    features: tuple[str, ...]
    features_with_missing: tuple[str, ...]
    """In any row, of those learnt from or held out."""
    labels: tuple[str, ...]
    """A classifier's classes in the order of its probabilities; empty for regression."""
    created: str
    """ISO 8601, UTC."""
    spec_sha256: str
    data_source: str
    data_sha256: str
    held_out_sha256: str
    """Equal for equal data, and an equal target of equal rows held out of it, whichever columns were learnt from."""
    rows_train: int
    rows_test: int
    recipe: str
    params: Mapping[str, Any]
    seed: int
    metrics: Mapping[str, float | None]
    """On the held-out rows; None where a metric could not be computed."""
    commit: str | None
    dirty: bool | None
    """Whether the project's folder differed from the commit; None where there is no commit."""
    versions: Mapping[str, str]
    naive: Mapping[str, Any] = field(default_factory=dict)
    """What always giving the same answer comes to: `answer`, the most frequent class or the mean of the rows that were
    learnt from, and its `metrics` on the held-out ones."""
    cross_validation: Mapping[str, Any] = field(default_factory=dict)
    """How a parameter was chosen on folds: `folds`, `metric`, the `scores` by metric and value, and what was
    `chosen`; empty where none was."""
    categories: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Of the features that were text: the place of a category here is its number for the model."""
    search: Mapping[str, Any] | None = None
    """How `params` were found (`training.search`); None where they are those of headgate.yaml."""


@dataclass(frozen=True, slots=True)
class Run:
    """One finished training run."""

    id: str
    folder: Path
    record: Record
    files: Mapping[str, str]
    """File name to sha256."""

    def read(self, name: str) -> bytes:
        """The content of one of the run's files. Raises InvalidInput where it is not what was written."""
        try:
            content = (self.folder / name).read_bytes()
        except OSError as error:
            raise InvalidInput(f"{self.folder / name} cannot be read: {error.strerror}.", hint="Train again.") from None
        if sha256(content) != self.files.get(name):
            raise InvalidInput(f"{self.folder / name} was changed after training.", hint="Train again.")
        return content


class Runs:
    """The runs in a project's store. Nothing is created before the first `save`."""

    def __init__(self, store: Path) -> None:
        self.folder = store / "runs"

    def check_writable(self) -> None:
        """Raises Unavailable where no run could be kept: better told before a long training than after it."""
        place = next(folder for folder in (self.folder, *self.folder.parents) if os.path.lexists(folder))
        if not place.is_dir() or not os.access(place, os.W_OK | os.X_OK):
            why = "may not be written to" if place.is_dir() else "is no folder"
            raise Unavailable(
                f"{self.folder} cannot be written: {place} {why}.",
                hint="Look at who owns it (`ls -ld`), or name another folder under store in headgate.yaml.",
            )

    def save(self, record: Record, model: bytes, validation: bytes, *, model_name: str = MODEL_NAME) -> Run:
        """Keep a run; durable when this returns."""
        contents = {model_name: model, VALIDATION_NAME: validation}
        files = {name: sha256(content) for name, content in contents.items()}
        document = canonical_json({"format": 1, **asdict(record), "files": files})
        created = datetime.fromisoformat(record.created).astimezone(UTC)
        tail = f"Z-{sha256(document)[:8]}"
        identity = f"{created:%Y%m%dT%H%M%S}{created.microsecond // 1000:03d}{tail}"
        newest = max(self.ids(), default="")
        if identity < newest:
            after = f"{int(newest[:8] + newest[9:18]) + 1:017d}"
            identity = f"{after[:8]}T{after[8:]}{tail}"
        with appearing(self.folder / identity) as folder:
            for name, content in {**contents, RECORD_NAME: document}.items():
                (folder / name).write_bytes(content)
        return Run(identity, self.folder / identity, record, files)

    def ids(self) -> list[str]:
        """The ids of all runs, oldest first."""
        if not self.folder.is_dir():
            return []
        return sorted(entry.name for entry in self.folder.iterdir() if ID.fullmatch(entry.name) and entry.is_dir())

    def list(self) -> list[Run]:
        """All runs, oldest first."""
        return [self.load(identity) for identity in self.ids()]

    def latest(self) -> Run:
        """The newest run. Raises NotFound where there is none."""
        ids = self.ids()
        if not ids:
            raise NotFound("This project has no training run yet.", hint="Run `headgate train`.")
        return self.load(ids[-1])

    def load(self, identity: str) -> Run:
        """The run with this id. Raises NotFound, or InvalidInput where its run.json is damaged."""
        folder = self.folder / identity
        if not ID.fullmatch(identity) or not folder.is_dir():
            newest = ", ".join(self.ids()[-3:])
            raise NotFound(f"There is no run {identity!r}.", hint=f"The newest: {newest or 'none'}.")
        path = folder / RECORD_NAME
        try:
            content = path.read_bytes()
        except OSError as error:
            hint = "Look at who may read it, or train again."
            raise InvalidInput(f"{path} cannot be read: {error.strerror}.", hint=hint) from None
        if sha256(content)[:8] != identity[-8:]:
            raise InvalidInput(f"{path} is damaged, or was changed after training.", hint="Train again.")
        try:
            return Run(identity, folder, *_parse(json.loads(content)))
        except (ValueError, KeyError, TypeError, AttributeError):
            raise InvalidInput(f"{path} was written by another version of Headgate.", hint="Train again.") from None


def _parse(document: dict[str, Any]) -> tuple[Record, dict[str, str]]:
    if document.pop("format") != 1:
        raise ValueError("not format 1")
    files = {str(name): str(digest) for name, digest in document.pop("files").items()}
    for name in ("features", "features_with_missing", "labels"):
        document[name] = tuple(document[name])
    document["categories"] = {name: tuple(given) for name, given in document.get("categories", {}).items()}
    return Record(**document), files
