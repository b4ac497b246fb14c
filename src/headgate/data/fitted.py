"""A trained pipeline of scikit-learn, and the file it is kept in: skops, which holds data and names of types, no code.

Only what our own recipes make is read: every type and every way of making one that a file names has to be on the lists
below, which are narrower than what skops trusts by itself. A file that names anything else is refused before anything
in it is made.

Equal models give equal bytes: skops writes addresses in memory and the time, which are taken out again. An address says
that two places share one object; those of arrays and the like become numbers in the order in which they come, those of
plain values and types are left out.
"""

import io
import json
import re
import warnings
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from headgate.core.schema import Task
from headgate.data.runs import ESTIMATOR_NAME, Run
from headgate.errors import InvalidInput, MissingExtra

try:
    import sklearn
    import skops.io
    from skops.io.exceptions import UntrustedTypesFoundException
except ImportError:
    raise MissingExtra("Reading a scikit-learn model", "train") from None

SCHEMA = "schema.json"
TREE = "sklearn.tree._tree.Tree"
TRUSTED = ("numpy.dtype", TREE)
"""What skops would not read unasked."""

TYPES = frozenset(
    {
        *("builtins.dict", "builtins.list", "builtins.str", "builtins.tuple"),
        *("numpy.dtype", "numpy.float64", "numpy.ndarray", "numpy.random.mtrand.RandomState"),
        "sklearn.pipeline.Pipeline",
        *("sklearn.feature_extraction.text.TfidfVectorizer", "sklearn.feature_extraction.text.TfidfTransformer"),
        "sklearn.linear_model._logistic.LogisticRegression",
        "sklearn.impute._base.SimpleImputer",
        *("sklearn.ensemble._gb.GradientBoostingClassifier", "sklearn.ensemble._gb.GradientBoostingRegressor"),
        *("sklearn.dummy.DummyClassifier", "sklearn.dummy.DummyRegressor"),
        *("sklearn.tree._classes.DecisionTreeRegressor", TREE),
        *(f"sklearn._loss.loss.{name}" for name in ("HalfBinomialLoss", "HalfMultinomialLoss", "HalfSquaredError")),
        *("sklearn._loss._loss.CyHalfBinomialLoss", "sklearn._loss._loss.CyHalfMultinomialLoss"),
        "sklearn._loss._loss.CyHalfSquaredError",
        *(f"sklearn._loss.link.{name}" for name in ("IdentityLink", "Interval", "LogitLink", "MultinomialLogit")),
    }
)
"""Every type that a file may name."""

LOADERS = frozenset(
    {
        *("DictNode", "DTypeNode", "JsonNode", "ListNode", "LossNode", "NdArrayNode", "ObjectNode"),
        *("RandomStateNode", "TreeNode", "TupleNode", "TypeNode"),
    }
)
"""Every way of making one: none of them calls a function that the file names."""

_PLAIN = ("JsonNode", "TypeNode")
_MEMBER = re.compile(r"[0-9]+\.np[yz]")


@dataclass(frozen=True, slots=True)
class Fitted:
    """A pipeline, and what its answers mean."""

    estimator: Any
    task: Task
    labels: tuple[str, ...]

    @classmethod
    def of(cls, run: Run) -> "Fitted":
        """The model of a run. Raises InvalidInput where its file was changed, or another scikit-learn wrote it."""
        wrote = run.record.versions.get("scikit-learn")
        if wrote != sklearn.__version__:
            raise InvalidInput(
                f"Run {run.id} was trained by scikit-learn {wrote}; this is {sklearn.__version__}.",
                hint="Train again, or install the version it was trained by.",
            )
        return cls(loads(run.read(ESTIMATOR_NAME)), run.record.task, run.record.labels)

    def predict(self, X: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """Probabilities [n, classes] in the order of `labels`, or values [n]. X: float32 [n, f], or texts [n, 1]."""
        rows = X[:, 0] if X.dtype == object else X
        return np.asarray(self.estimator.predict_proba(rows) if self.labels else self.estimator.predict(rows))

    def to_bytes(self) -> bytes:
        """As `of` reads it. Equal models give equal bytes."""
        return dumps(self.estimator)


def dumps(estimator: Any) -> bytes:
    """A file of skops, whose bytes depend on the estimator alone."""
    with zipfile.ZipFile(io.BytesIO(skops.io.dumps(estimator))) as file:
        schema = json.loads(file.read(SCHEMA))
        numbers: dict[Any, int] = {}
        members = {}
        for node in _nodes(schema):
            shared = node.pop("__id__", None)
            if shared is not None and node["__loader__"] not in _PLAIN:
                node["__id__"] = numbers.setdefault(shared, len(numbers) + 1)
            name = node.get("file")
            if isinstance(name, str) and _MEMBER.fullmatch(name):
                node["file"] = f"{node['__id__']}{name[name.index('.') :]}"
                members[node["file"]] = file.read(name)
    return _zipped({SCHEMA: json.dumps(schema, separators=(",", ":")).encode(), **members})


def loads(content: bytes) -> Any:
    """The estimator in a file of skops. Raises InvalidInput where it is none, or names what our recipes never make."""
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as file:
            foreign = {name for node in _nodes(json.loads(file.read(SCHEMA))) for name in _foreign(node)}
        if foreign:
            raise InvalidInput(
                f"The model names what Headgate never writes: {', '.join(sorted(foreign))[:200]}.",
                hint="It was not made by `headgate train`. Train again.",
            )
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # scikit-learn's about its versions, which the run was held against
            return skops.io.loads(content, trusted=list(TRUSTED))
    except (UntrustedTypesFoundException, zipfile.BadZipFile, ValueError, KeyError, TypeError, AttributeError) as error:
        raise InvalidInput(f"The model cannot be read: {error}.", hint="Train again.") from None


def _nodes(value: Any) -> Iterator[dict[str, Any]]:
    """Everything in a schema that becomes an object, in the order in which it stands there."""
    if isinstance(value, dict):
        if "__loader__" in value:
            yield value
        for inner in [*value.values()]:
            yield from _nodes(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _nodes(inner)


def _foreign(node: dict[str, Any]) -> Iterator[str]:
    name, loader = f"{node.get('__module__')}.{node.get('__class__')}", node["__loader__"]
    if name not in TYPES:
        yield name
    if loader not in LOADERS:
        yield str(loader)


def _zipped(members: dict[str, bytes]) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED, compresslevel=6) as made:
        for name, content in members.items():
            made.writestr(zipfile.ZipInfo(name), content, zipfile.ZIP_DEFLATED)
    return file.getvalue()
