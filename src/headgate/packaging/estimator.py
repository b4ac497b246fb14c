"""Models of scikit-learn: which engines may serve them, and which does. Our own recipes' (`estimator_of_run`) and those
that somebody trained without us (`package_estimator`) go the same way.

    texts (a vectoriser and a linear model)   the text backend, else ONNX
    tables (anything that skl2onnx converts)  ONNX

What the estimator answers is asked of itself, on rows that the caller has kept out of training and on rows made to be
difficult. A classifier's answer is the label of the highest probability; one whose `predict` says otherwise is refused,
and one without probabilities is packaged for texts only, to answer with labels alone. Nothing is pickled: the package
holds what the estimator has learnt as data.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from headgate.core.digest import digest_json
from headgate.core.manifest import ONNX_NAME, TEXT_NAME, Backend
from headgate.core.progress import Progress, silent
from headgate.core.schema import Feature, InputSchema, Policy, Task
from headgate.data.fitted import Fitted
from headgate.data.packages import Package, PackageRecord
from headgate.data.runs import VALIDATION_NAME, Run
from headgate.data.validation import Validation
from headgate.errors import HeadgateError, InvalidInput
from headgate.packaging.candidates import Candidate, Measured, Rows, choose, measure
from headgate.packaging.categories import known_categories
from headgate.packaging.convert import Column, pipeline_to_onnx
from headgate.packaging.keep import keep
from headgate.packaging.parity import TIE, Answers, Parity, compare, served
from headgate.packaging.probes import on_thresholds
from headgate.packaging.table import MAX_ROWS, Table
from headgate.packaging.text import takes_texts, text_documents
from headgate.packaging.texts import adversarial_texts
from headgate.serving.backends.onnx import OnnxModel
from headgate.serving.backends.text import TextModel
from headgate.serving.rows import Model

TEXT_FEATURE = "text"

Engine = Callable[[InputSchema], list[Candidate]]


@dataclass(frozen=True, slots=True)
class Subject:
    """What an estimator takes: the same rows as it takes them (`given`) and as a server does (`values`)."""

    features: tuple[Feature, ...]
    given: Any
    values: Rows
    real: int
    """The first of the rows are the caller's, so many."""
    engines: Mapping[str, Engine]


@dataclass(frozen=True, slots=True)
class Portable:
    """A model that a server can answer with, and how it came to be chosen."""

    backend: Backend
    schema: InputSchema
    members: Mapping[str, bytes]
    parity: Parity
    engines: Sequence[Measured]
    real: int
    """How many of the rows that were given it was compared on, beside those that were made."""
    large_batch: int = 0

    def compared(self) -> dict[str, Any]:
        """The comparison for a package's record."""
        return self.parity.to_json() | {"real_rows": self.real}


def package_estimator(
    estimator: Any,
    rows: Any,
    *,
    project: str,
    target: str,
    task: Task,
    store: Path,
    features: Sequence[str] = (),
    run: str = "",
    metrics: Mapping[str, float | None] | None = None,
    policy: Policy | None = None,
    progress: Progress = silent,
    now: datetime | None = None,
) -> Package:
    """Package a fitted estimator or pipeline and keep the archive in the project's `store`, as `package` does.

    `rows` are held-out ones, at least one (the first 5,000 are compared), in the form that the estimator takes: texts,
    a data frame, or an array, whose columns `features` names. The parity and the times of each engine that was tried
    are in the package's record.
    Raises InvalidInput where the rows do not fit, GateFailed where no engine answers like the estimator.
    """
    subject = _texts(estimator, rows) if takes_texts(estimator) else _table(estimator, rows, features)
    schema = InputSchema(task, target, subject.features, _labels(estimator, task), policy or Policy())
    made = _portable(estimator, subject, schema, progress)
    progress("writing", None)
    record = PackageRecord(
        project=project,
        task=task,
        run=run,
        created=(now or datetime.now(UTC)).astimezone(UTC).isoformat(timespec="milliseconds"),
        metrics=dict(metrics or {}),
        data_sha256="",
        held_out_sha256=digest_json(subject.values[: subject.real]),
        commit=None,
        parity=made.compared(),
        engines=[one.to_json() for one in made.engines],
    )
    return keep(store, record, made.backend, schema, made.members)


def estimator_of_run(run: Run, policy: Policy, progress: Progress = silent) -> Portable:
    """The pipeline of a run, compared on the rows that were held out of it. Raises as `package_estimator` does."""
    record, trained = run.record, Fitted.of(run)
    held = Validation.from_bytes(run.read(VALIDATION_NAME))
    if held.X.dtype == object:
        subject = _texts(trained.estimator, held.X[:, 0], record.features[0])
        # What the recipe makes is known: ONNX's other tokens need not be tried, nor another link than its own.
        link = "softmax" if len(record.labels) > 2 else "sigmoid"
        subject = replace(subject, engines={"text": lambda schema: _text(trained.estimator, schema, (link,))})
    else:
        subject = _imputed(trained.estimator, held.X, record.features)
    schema = InputSchema(record.task, record.target, subject.features, record.labels, policy)
    return _portable(trained.estimator, subject, schema, progress)


def _portable(estimator: Any, subject: Subject, schema: InputSchema, progress: Progress) -> Portable:
    expected = _answers(estimator, subject.given, schema)
    tried: list[Measured] = []
    for name, engine in subject.engines.items():
        progress(f"trying {name}", None)
        tried += _try(name, engine, schema, subject, expected)
    best = choose(tried)
    assert best.candidate is not None
    assert best.parity is not None
    return Portable(best.candidate.backend, schema, best.candidate.members, best.parity, tried, subject.real)


def _texts(estimator: Any, rows: Any, name: str = TEXT_FEATURE) -> Subject:
    real = [str(text) for text in rows][:MAX_ROWS]
    if not real:
        raise InvalidInput("There are no texts to compare on.", hint="Give some of the held-out ones.")
    texts = [*real, *adversarial_texts(list(estimator.steps[0][1].vocabulary_), real)]
    engines: dict[str, Engine] = {
        "text": lambda schema: _text(estimator, schema),
        "onnx": lambda schema: _onnx(estimator, schema),
    }
    return Subject((Feature(name, "string"),), texts, [(text,) for text in texts], len(real), engines)


def _text(estimator: Any, schema: InputSchema, links: Sequence[str] = ()) -> list[Candidate]:
    """One candidate for each link, or for each of `links`."""
    return [
        Candidate(f"text ({link})", "text", {TEXT_NAME: document}, lambda path: TextModel(path / TEXT_NAME, schema))
        for link, document in text_documents(estimator, schema.task).items()
        if not links or link in links
    ]


def _table(estimator: Any, rows: Any, names: Sequence[str]) -> Subject:
    table = Table.of(rows, names)
    features = table.features(known_categories(estimator, list(table.columns)))
    return _numbers(estimator, table, table.probes(), features)


def _imputed(estimator: Any, rows: Any, names: Sequence[str]) -> Subject:
    """Numbers of which any may be missing, whether or not one is among `rows`: there is an imputer."""
    table = Table.of(rows, names, may_lack=True)
    probes = table.probes().followed_by(on_thresholds(rows, _thresholds(estimator)))
    return _numbers(estimator, table, probes, tuple(Feature(name, nullable=True) for name in names))


def _thresholds(estimator: Any) -> list[tuple[int, float]]:
    """Every (column, threshold) that some boosted tree of a pipeline splits at, sorted."""
    trees = [tree.tree_ for tree in estimator.steps[-1][1].estimators_.ravel()]
    splits = ((tree.feature[node], tree.threshold[node]) for tree in trees for node in range(tree.node_count))
    return sorted({(int(column), float(value)) for column, value in splits if column >= 0})  # a leaf has none


def _numbers(estimator: Any, table: Table, probes: Table, features: tuple[Feature, ...]) -> Subject:
    engines: dict[str, Engine] = {"onnx": lambda schema: _onnx(estimator, schema)}
    return Subject(features, probes.as_given(), probes.as_values(), len(table), engines)


def _onnx(estimator: Any, schema: InputSchema) -> list[Candidate]:
    if schema.task == "classification" and not hasattr(estimator, "predict_proba"):
        raise InvalidInput("it has no probabilities; CalibratedClassifierCV gives it some.")
    onnx = pipeline_to_onnx(estimator, [Column(f.name, f.kind == "string") for f in schema.features])
    return [Candidate("onnx", "onnx", {ONNX_NAME: onnx}, lambda path: OnnxModel(path / ONNX_NAME, schema))]


def _try(name: str, engine: Engine, schema: InputSchema, subject: Subject, expected: Answers) -> list[Measured]:
    """What became of the candidates of an engine, or of the engine where it has none."""
    try:
        candidates = engine(schema)
    except HeadgateError as error:
        return [Measured(name, None, None, {}, error.message)]

    def parity(model: Model) -> Parity:
        found = served(model, subject.values, schema)
        return compare(expected, found, [_kind(at, subject) for at in range(len(found))], schema.labels, engine=name)

    return [measure(candidate, parity, subject.values[: subject.real]) for candidate in candidates]


def _kind(at: int, subject: Subject) -> str:
    return "a given row" if at < subject.real else f"a row made to be difficult, {str(subject.values[at])[:100]}"


def _labels(estimator: Any, task: Task) -> tuple[str, ...]:
    if task == "regression":
        return ()
    classes = getattr(estimator, "classes_", None)
    if classes is None or np.ndim(classes) != 1:
        raise InvalidInput("The estimator is not a fitted classifier of one target.", hint="Fit it, or say its task.")
    return tuple(str(label) for label in classes)


def _answers(estimator: Any, given: Any, schema: InputSchema) -> Answers:
    """What the estimator answers: values [n], probabilities [n, classes], or 1 for the label where it has no more."""
    predicted = estimator.predict(given)
    if schema.task == "regression":
        values: Answers = np.asarray(predicted, np.float64).reshape(len(predicted))
        return values
    places = {label: place for place, label in enumerate(schema.labels)}
    said = np.array([places[str(label)] for label in predicted])
    if not hasattr(estimator, "predict_proba"):
        certain: Answers = np.eye(len(places))[said]
        return certain
    probabilities: Answers = np.asarray(estimator.predict_proba(given), np.float64)
    short = probabilities.max(axis=1) - probabilities[np.arange(len(said)), said]
    if (short > TIE).any():
        raise InvalidInput(
            f"The estimator's predict is not the label of its highest probability in {int((short > TIE).sum()):,} of "
            f"{len(said):,} rows, so it has no one answer.",
            hint="Calibrate it (CalibratedClassifierCV), or serve it with hooks of your own: package/code.",
        )
    return probabilities
