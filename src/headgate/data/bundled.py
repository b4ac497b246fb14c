"""scikit-learn's bundled data sets: real, small, and on disk already."""

import importlib
import re

import numpy as np

from headgate.core.digest import canonical_json, sha256
from headgate.core.schema import Task
from headgate.data.table import Table
from headgate.errors import InvalidInput, MissingExtra


def read_bundled(name: str, task: Task, target: str, features: list[str] | None) -> Table:
    """The data set `name`; `target` is the name to give to what it predicts. Columns lose their spaces and units.

    The digest covers names, numbers and labels, so that it changes if scikit-learn ever changes the data. Raises
    InvalidInput where `features` names a column that is not there.
    """
    try:
        datasets = importlib.import_module("sklearn.datasets")
    except ImportError:
        raise MissingExtra("A scikit-learn data set", "train") from None
    found = getattr(datasets, f"load_{name}")()
    columns = [_column(str(name)) for name in found.feature_names]
    names = columns if features is None else features
    absent = [column for column in names if column not in columns]
    if absent or target in columns:
        wrong = f"no column {', '.join(map(repr, absent))}" if absent else f"a feature called {target!r} already"
        raise InvalidInput(
            f"sklearn:{name} has {wrong}; its features are {', '.join(columns)}.",
            hint="Look at data/target and data/features in headgate.yaml.",
        )
    whole = np.ascontiguousarray(found.data, "<f8")
    if task == "classification":
        y = np.array([str(found.target_names[index]) for index in found.target], str)
    else:
        y = np.asarray(found.target, np.float64)
    described = canonical_json({"name": name, "columns": columns, "shape": whole.shape, "y": y.tolist()})
    X = whole[:, [columns.index(column) for column in names]].astype(np.float32)
    return Table(tuple(names), target, X, y, sha256(described + whole.tobytes()))


def _column(name: str) -> str:
    """A name that is easy to type: `sepal length (cm)` becomes sepal_length."""
    return "_".join(re.sub(r"\(.*?\)", "", name).replace("/", " ").split())
