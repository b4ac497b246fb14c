"""The rows that a project learns from, and the division of them."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from headgate.core.progress import Progress, silent
from headgate.data.bundled import read_bundled
from headgate.data.newsgroups import keep_newsgroups
from headgate.data.rows import read_csv
from headgate.data.table import Table, checked
from headgate.data.texts import TEXT, read_texts
from headgate.errors import InvalidInput
from headgate.spec import Project

Indices = npt.NDArray[np.intp]


@dataclass(frozen=True, slots=True)
class Division:
    """The rows to learn from and those held out: sorted row numbers that share none and miss none."""

    train: Indices
    test: Indices


def load(project: Project, progress: Progress = silent) -> Table:
    """The project's table. Raises NotFound or InvalidInput saying what is wrong with it, Unavailable without internet
    where rows have to be downloaded."""
    spec, data = project.spec, project.spec.data
    kind, _, name = data.source.rpartition(":")
    if spec.train.recipe == "text":
        table = _texts(project, name if kind == "sklearn" else "", progress)
    elif kind == "sklearn":
        table = read_bundled(name, spec.task, data.target, data.features)
    else:
        path = project.root / data.source
        table = read_csv(
            path,
            spec.task,
            data.target,
            data.features,
            columns=data.columns,
            labels=data.labels,
            progress=progress,
        )
    return checked(table, spec.task, data.source)


def _texts(project: Project, fetched: str, progress: Progress) -> Table:
    """`fetched`: the data set that scikit-learn downloads; empty for a CSV file."""
    data = project.spec.data
    columns = data.text or data.features or [TEXT]
    feature = TEXT if data.text else columns[0]
    path = keep_newsgroups(project.store, progress=progress) if fetched else project.root / data.source
    names = [TEXT, data.target] if fetched else data.columns
    return read_texts(path, data.target, columns, feature=feature, names=names, labels=data.labels, progress=progress)


def divide(project: Project, table: Table) -> Division:
    """Hold out the share that the spec asks for. Equal seeds give equal rows.

    RandomState is used because NumPy promises that its streams never change between versions; Generator's may.
    Stratified, every class gives its share, at least one row to either side.
    """
    split = project.spec.data.split
    random = np.random.RandomState(split.seed)
    groups = (
        [np.flatnonzero(table.y == label) for label in table.labels]
        if project.spec.stratify
        else [np.arange(len(table.y))]
    )
    held = np.zeros(len(table.y), bool)
    for group in groups:
        count = min(max(1, round(split.test * len(group))), len(group) - 1)
        held[random.permutation(group)[:count]] = True
    division = Division(np.flatnonzero(~held), np.flatnonzero(held))
    if project.spec.task == "classification":
        unseen = sorted(set(table.labels) - {str(label) for label in np.unique(table.y[division.train])})
        if unseen:
            raise InvalidInput(
                f"{project.spec.data.source}: no row to learn from is left of class {', '.join(unseen)}.",
                hint="Set data/split/stratify to true, or another seed.",
            )
    return division
