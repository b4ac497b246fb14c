"""The text backend against scikit-learn, on texts that translations of a vectoriser get wrong."""

import json
from pathlib import Path
from typing import Any

import numpy
import pytest
from sklearn.feature_extraction.text import CountVectorizer, TfidfTransformer, TfidfVectorizer
from sklearn.linear_model import LogisticRegression, Ridge, SGDClassifier
from sklearn.naive_bayes import MultinomialNB
from sklearn.pipeline import make_pipeline
from sklearn.svm import LinearSVC

from headgate.core.manifest import SCHEMA_NAME, TEXT_NAME
from headgate.core.schema import Feature, InputSchema
from headgate.errors import InvalidInput, NotAcceptable
from headgate.packaging.text import text_documents
from headgate.packaging.texts import adversarial_texts
from headgate.serving.backends.text import TextModel
from headgate.serving.load import load
from tests.serving.models import write_manifest

TEXTS = (
    "A very good film, don't miss it! café naïve",
    "An awful, awful film: I left after 5 minutes",
    "Очень хороший фильм, смотрите!",
    "Плохой фильм и скучный до слёз",
    "とても良い映画です 好き",
    "这部电影 不好看 <b>bad</b>",
    "l'été était beau, c'est une œuvre",
    "x y z so-so, 3 of 10 🙂",
)
TWO, THREE = ["good", "bad"] * 4, ["good", "bad", "good", "bad", "good", "bad", "fair", "fair"]
STRANGE = adversarial_texts(["film", "плохой", "été", "1", "awful film"], TEXTS)
EXACT = 1e-12

VECTORIZERS: dict[str, Any] = {
    "default": {},
    "one character": {"token_pattern": r"(?u)\b\w+\b"},
    "apostrophes": {"token_pattern": r"[\w']+", "norm": "l1"},
    "white space": {"token_pattern": r"\S+", "lowercase": False, "norm": None},
    "ascii pattern": {"token_pattern": r"[a-z]{2,}", "smooth_idf": False},
    "accents": {"strip_accents": "unicode", "sublinear_tf": True},
    "to ascii": {"strip_accents": "ascii", "use_idf": False},
    "pairs": {"ngram_range": (1, 2), "stop_words": "english", "binary": True},
    "triples only": {"ngram_range": (2, 3), "stop_words": ["film", "a"]},
    "characters": {"analyzer": "char", "ngram_range": (1, 3)},
    "in words": {"analyzer": "char_wb", "ngram_range": (2, 5), "strip_accents": "unicode"},
}


def schema_of(labels: tuple[str, ...]) -> InputSchema:
    task = "classification" if labels else "regression"
    return InputSchema(task, "y", (Feature("text", "string", nullable=True),), labels)  # type: ignore[arg-type]


def opened(folder: Path, pipeline: Any, link: str, task: Any = "classification") -> TextModel:
    (folder / TEXT_NAME).write_bytes(text_documents(pipeline, task)[link])
    labels = tuple(map(str, pipeline.classes_)) if task == "classification" else ()
    return TextModel(folder / TEXT_NAME, schema_of(labels))


def difference(model: TextModel, pipeline: Any, texts: Any) -> float:
    """The largest between the probabilities; the labels must be the same."""
    predictions = model.run([(text,) for text in texts], probabilities=True)
    assert [p["label"] for p in predictions] == pipeline.predict(texts).tolist()
    assert all(p["probability"] == p["probabilities"][p["label"]] for p in predictions)
    found = numpy.array([list(p["probabilities"].values()) for p in predictions])
    return float(numpy.abs(found - pipeline.predict_proba(texts)).max())


@pytest.mark.parametrize("name", VECTORIZERS)
def test_terms_are_scikit_learns(tmp_path: Path, name: str) -> None:
    pipeline = make_pipeline(TfidfVectorizer(**VECTORIZERS[name]), LogisticRegression(C=30)).fit(TEXTS, TWO)
    assert difference(opened(tmp_path, pipeline, "sigmoid"), pipeline, [*TEXTS, *STRANGE]) < EXACT


@pytest.mark.parametrize(
    ("link", "y", "steps"),
    [
        ("softmax", THREE, [TfidfVectorizer(), LogisticRegression()]),
        ("sigmoid", THREE, [TfidfVectorizer(), SGDClassifier(loss="log_loss", random_state=0)]),
        ("sigmoid", TWO, [CountVectorizer(), TfidfTransformer(sublinear_tf=True), LogisticRegression()]),
        ("softmax", TWO, [CountVectorizer(), MultinomialNB()]),
        ("softmax", THREE, [CountVectorizer(binary=True), MultinomialNB()]),
    ],
)
def test_scores_become_scikit_learns_probabilities(tmp_path: Path, link: str, y: list[str], steps: list[Any]) -> None:
    pipeline = make_pipeline(*steps).fit(TEXTS, y)
    assert difference(opened(tmp_path, pipeline, link), pipeline, [*TEXTS, *STRANGE]) < EXACT


@pytest.mark.parametrize("y", [TWO, THREE])
def test_a_model_without_probabilities_answers_with_its_label(tmp_path: Path, y: list[str]) -> None:
    pipeline = make_pipeline(TfidfVectorizer(), LinearSVC(random_state=0)).fit(TEXTS, y)
    model = opened(tmp_path, pipeline, "scores")
    texts = [*TEXTS, *STRANGE]
    expected = [{"label": label} for label in pipeline.predict(texts)]
    assert model.run([(text,) for text in texts], probabilities=True) == expected


def test_a_regressor_answers_its_score(tmp_path: Path) -> None:
    pipeline = make_pipeline(TfidfVectorizer(), Ridge()).fit(TEXTS, numpy.arange(8.0))
    model = opened(tmp_path, pipeline, "scores", "regression")
    found = [prediction["value"] for prediction in model.run([(text,) for text in STRANGE])]
    assert found == pytest.approx(pipeline.predict(STRANGE).tolist(), abs=EXACT)


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("text")
    pipeline = make_pipeline(TfidfVectorizer(), LogisticRegression()).fit(TEXTS, TWO)
    (folder / TEXT_NAME).write_bytes(text_documents(pipeline, "classification")["sigmoid"])
    (folder / SCHEMA_NAME).write_text(json.dumps(schema_of(("bad", "good")).to_json()))
    return write_manifest(folder, "text")


def test_a_package_answers_requests(package: Path) -> None:
    predictor = load(package)
    assert (predictor.backend, predictor.mode) == ("text", "inline")
    answer = json.loads(predictor.predict(b'{"text": "an awful film"}', None, None).body)
    assert answer["prediction"]["label"] == "bad"
    nothing = [predictor.predict(body, None, None).body for body in (b'{"text": null}', b'{"text": ""}')]
    assert nothing[0] == nothing[1]
    with pytest.raises(InvalidInput, match="feature 'text': expected a string, got 7"):
        predictor.predict(b'{"text": 7}', None, None)


def test_long_texts_of_slow_models_do_not_hold_up_the_event_loop(tmp_path: Path) -> None:
    vectorizer = TfidfVectorizer(analyzer="char", ngram_range=(1, 9))
    pipeline = make_pipeline(vectorizer, LogisticRegression()).fit(TEXTS, TWO)
    opened(tmp_path, pipeline, "sigmoid")
    (tmp_path / SCHEMA_NAME).write_text(json.dumps(schema_of(("bad", "good")).to_json()))
    predictor = load(write_manifest(tmp_path, "text"))
    assert (predictor.mode, predictor.max_batch) == ("thread", 64)


def test_labels_are_no_array_of_numbers(tmp_path: Path) -> None:
    pipeline = make_pipeline(TfidfVectorizer(), LinearSVC(random_state=0)).fit(TEXTS, TWO)
    opened(tmp_path, pipeline, "scores")
    (tmp_path / SCHEMA_NAME).write_text(json.dumps(schema_of(("bad", "good")).to_json()))
    predictor = load(write_manifest(tmp_path, "text"))
    assert predictor.predict(b'{"text": "awful"}', None, "text/csv").body == b"bad\n"
    with pytest.raises(NotAcceptable, match="labels alone"):
        predictor.predict(b'{"text": "awful"}', None, "application/x-npy")


DOCUMENT: dict[str, Any] = {
    "vectorizer": {},
    "terms": {"film": [1.0, 2.0]},
    "intercepts": [0.0],
    "link": "sigmoid",
    "format": 1,
}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"format": 2}, "is not a text model: Invalid enum value 2"),
        ({"vectorizer": {"token_pattern": "["}}, "is not a text model: unterminated character set"),
        ({"vectorizer": {"token_pater": "x"}}, "unknown field"),
        ({"terms": {"film": [1.0]}}, "has terms without all their weights"),
        ({"intercepts": [0.0, 0.0, 0.0]}, "has 3 scores, schema.json 2 labels"),
        ({"terms": {"film": ["1", 2]}}, "Expected `float`"),
    ],
)
def test_what_is_damaged_is_not_loaded(tmp_path: Path, change: dict[str, Any], message: str) -> None:
    path = tmp_path / TEXT_NAME
    path.write_text(json.dumps(DOCUMENT))
    TextModel(path, schema_of(("a", "b")))
    path.write_text(json.dumps(DOCUMENT | change))
    with pytest.raises(InvalidInput, match=message):
        TextModel(path, schema_of(("a", "b")))


def test_it_takes_one_text_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / TEXT_NAME
    path.write_text(json.dumps(DOCUMENT))
    features = (Feature("text", "string"), Feature("n"))
    with pytest.raises(InvalidInput, match="takes one text"):
        TextModel(path, InputSchema("classification", "y", features, ("a", "b")))
