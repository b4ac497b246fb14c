"""The recipe `text`: from headlines to a run, and what is refused."""

from pathlib import Path
from typing import Any

import pytest

from headgate.data.fitted import Fitted
from headgate.data.runs import ESTIMATOR_NAME, VALIDATION_NAME
from headgate.data.validation import Validation
from headgate.errors import InvalidInput
from headgate.spec import Project, load
from headgate.training import train
from tests.data.projects import make

WORDS = {"good": "хороший good lovely été", "bad": "плохой bad awful hiver", "so": "так so meh printemps"}


def texts(folder: Path, rows: int = 60, **params: Any) -> Project:
    """A small project: three classes, told apart by their words."""
    make(
        folder,
        "texts.csv",
        "classification",
        data={"target": "class"},
        train={"recipe": "text", "params": {"C": [1, 10], **params}},
    )
    lines = [(name, words.split()) for name, words in WORDS.items()]
    written = [f"{lines[n % 3][1][n % 4]} film {lines[n % 3][1][n % 2]} {n % 7},{lines[n % 3][0]}" for n in range(rows)]
    (folder / "texts.csv").write_text("\n".join(["text,class", *written]), encoding="utf-8")
    return load(folder)


@pytest.mark.slow
def test_equal_texts_give_equal_models_and_the_record_says_how_c_was_chosen(tmp_path: Path) -> None:
    first, again = train(texts(tmp_path / "a")), train(texts(tmp_path / "b"))
    assert first.read(ESTIMATOR_NAME) == again.read(ESTIMATOR_NAME)
    assert first.read(VALIDATION_NAME) == again.read(VALIDATION_NAME)
    record = first.record
    assert (record.recipe, record.features, record.labels) == ("text", ("text",), ("bad", "good", "so"))
    report = record.cross_validation
    assert (report["parameter"], report["folds"], report["metric"]) == ("C", 3, "log_loss")
    losses = report["scores"]["log_loss"]
    assert [*losses] == ["1", "10"]
    assert f"{report['chosen']:g}" == min(losses, key=losses.__getitem__)
    held = Validation.from_bytes(first.read(VALIDATION_NAME))
    assert held.X.shape == (12, 1)
    assert all(isinstance(text, str) and "film" in text for text in held.X[:, 0])
    assert record.naive["metrics"]["accuracy"] == pytest.approx(1 / 3)
    assert Fitted.of(first).predict(held.X).shape == (12, 3)


@pytest.mark.slow
def test_one_value_of_c_needs_no_folds(tmp_path: Path) -> None:
    assert train(texts(tmp_path, C=[3])).record.cross_validation == {}


@pytest.mark.slow
def test_what_cannot_be_learnt_is_said_with_a_remedy(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="no terms in common") as caught:
        train(texts(tmp_path / "a", min_df=1000))
    assert "min_df" in caught.value.hint
    with pytest.raises(InvalidInput, match="Only 4 rows of class 'bad' are left to learn from, too few for 10 folds"):
        train(texts(tmp_path / "b", rows=15, folds=10))
