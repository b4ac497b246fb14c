"""Models of scikit-learn in files of skops: what is read is what our recipes write, and nothing else."""

import io
import json
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import skops.io
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import FunctionTransformer

from headgate.core.progress import silent
from headgate.data.fitted import LOADERS, SCHEMA, TYPES, Fitted, dumps, loads
from headgate.data.runs import ESTIMATOR_NAME, Runs
from headgate.errors import InvalidInput
from headgate.spec.train import GradientBoostingParams, TextParams
from headgate.training.pipeline import learn_pipeline
from headgate.training.text import learn_texts
from tests.data.test_runs import HELD, RECORD

X = np.random.RandomState(0).standard_normal((40, 3)).astype(np.float32)
X[::5, 1] = np.nan
TEXTS = ["good film été", "bad film зима", "good мир film", "bad film"] * 5


def boosted(task: Any = "classification", labels: tuple[str, ...] = ("a", "b", "c"), subsample: float = 0.5) -> Fitted:
    y = np.array([labels[n % len(labels)] for n in range(40)]) if labels else X[:, 0] * 2.0
    params = GradientBoostingParams(n_estimators=4, subsample=subsample)
    return learn_pipeline(task, labels, X, y, params=params, seed=7, progress=silent)


def learnt() -> Fitted:
    y = np.array(["good", "bad"] * 10)
    return learn_texts(("bad", "good"), TEXTS, y, params=TextParams(C=[1.0]), seed=7, progress=silent)[0]


MAKERS: list[Callable[[], Fitted]] = [
    boosted,
    lambda: boosted(labels=("a", "b"), subsample=1.0),
    lambda: boosted("regression", ()),
    learnt,
]


@pytest.mark.parametrize("make", MAKERS)
def test_what_a_recipe_makes_comes_back_and_equal_models_give_equal_bytes(make: Callable[[], Fitted]) -> None:
    model = make()
    content = model.to_bytes()
    assert content == make().to_bytes()
    rows = np.array(TEXTS, object).reshape(-1, 1) if model.labels == ("bad", "good") else X
    again = replace(model, estimator=loads(content))
    np.testing.assert_array_equal(again.predict(rows), model.predict(rows))


def named(value: Any) -> Iterator[tuple[str, str]]:
    """Every type in a schema of skops, with how it is made."""
    if isinstance(value, dict) and "__loader__" in value:
        yield f"{value['__module__']}.{value['__class__']}", value["__loader__"]
    for inner in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from named(inner)


def test_the_lists_hold_what_is_written_and_nothing_else() -> None:
    found = set()
    for make in MAKERS:
        with zipfile.ZipFile(io.BytesIO(make().to_bytes())) as file:
            found |= set(named(json.loads(file.read(SCHEMA))))
    assert {name for name, _ in found} == TYPES
    assert {loader for _, loader in found} == LOADERS


@pytest.mark.parametrize(
    ("estimator", "foreign"),
    [
        (FunctionTransformer(np.sum), "numpy.sum"),
        (FunctionTransformer(print), "print"),
        (RandomForestClassifier(2).fit([[0], [1]], [0, 1]), "sklearn.ensemble._forest.RandomForestClassifier"),
        ({"a": Path()}, "pathlib"),
        (LogisticRegression().fit([[0], [1]], [0, 1]).coef_.astype("f4")[0][0], "numpy.float32"),
    ],
)
def test_foreign_types_are_refused_by_name(estimator: Any, foreign: str) -> None:
    with pytest.raises(InvalidInput, match="names what Headgate never writes") as caught:
        loads(skops.io.dumps(estimator))
    assert foreign in caught.value.message


def test_a_way_of_making_that_calls_is_refused() -> None:
    node = {"__class__": "str", "__module__": "builtins", "__loader__": "ReduceNode", "content": None}
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as made:
        made.writestr(SCHEMA, json.dumps({**node, "protocol": 2, "_skops_version": "0.16"}))
    with pytest.raises(InvalidInput, match="names what Headgate never writes: ReduceNode"):
        loads(file.getvalue())


@pytest.mark.parametrize("content", [b"", b"PK", b"\x80\x04K\x01."])
def test_what_is_no_model_is_refused(content: bytes) -> None:
    with pytest.raises(InvalidInput, match="cannot be read"):
        loads(content)


def test_a_file_that_lacks_an_array_is_refused() -> None:
    with zipfile.ZipFile(io.BytesIO(dumps(boosted().estimator))) as file:
        schema = file.read(SCHEMA)
    damaged = io.BytesIO()
    with zipfile.ZipFile(damaged, "w") as made:
        made.writestr(SCHEMA, schema)
    with pytest.raises(InvalidInput, match="cannot be read"):
        loads(damaged.getvalue())


def test_another_scikit_learn_wrote_it(tmp_path: Path) -> None:
    record = replace(RECORD, recipe="text", versions={"scikit-learn": "0.24.2"})
    run = Runs(tmp_path).save(record, learnt().to_bytes(), HELD.to_bytes(), model_name=ESTIMATOR_NAME)
    with pytest.raises(InvalidInput, match=r"trained by scikit-learn 0\.24\.2; this is") as caught:
        Fitted.of(run)
    assert "Train again" in caught.value.hint
