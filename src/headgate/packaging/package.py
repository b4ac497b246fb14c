"""The package of a run: convert, compare, describe, archive, keep.

XGBoost's models go to ONNX here; those of scikit-learn go through `estimator`, which tries several engines.

The archive is the same, byte for byte, whenever the same model is packaged by the same versions: nothing in it tells
time, place or run. Where it came from stands beside it (`data.packages`). Nothing is kept unless the portable model
answers like the trained one.

With `package/code` the user's hooks serve (backend `code`) and the portable model lies beside them for `model_fn` to
load; the parity that is recorded is the model's, not that of what the hooks make of it.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

from headgate.core.manifest import ONNX_NAME, UBJ_NAME
from headgate.core.progress import Progress, silent
from headgate.core.schema import Feature, InputSchema, Policy
from headgate.data.categories import as_sent
from headgate.data.packages import Package, PackageRecord
from headgate.data.runs import MODEL_NAME, VALIDATION_NAME, Record, Run
from headgate.data.trained import Trained
from headgate.data.validation import Validation
from headgate.packaging.candidates import Candidate, Measured, measure
from headgate.packaging.code import collect_code
from headgate.packaging.convert import to_onnx
from headgate.packaging.estimator import Portable, estimator_of_run
from headgate.packaging.keep import keep
from headgate.packaging.large import large_batch
from headgate.packaging.parity import Parity, check_parity, compare, served
from headgate.packaging.probes import Probes, probe_rows
from headgate.serving.backends.onnx import OnnxModel
from headgate.serving.backends.xgboost import SizedModel
from headgate.serving.rows import Model
from headgate.spec import Project


def package(run: Run, project: Project, *, progress: Progress = silent, now: datetime | None = None) -> Package:
    """Package a run of the project and keep the archive in the project's store.

    `now` is the time that is recorded beside the archive (aware; the present by default). Raises GateFailed where the
    portable model answers differently, InvalidInput or NotFound where the run or the code folder is wrong.
    """
    code = project.spec.package.code
    members = collect_code(project.root / code) if code else {}
    policy = project.spec.serving.policy()
    if run.record.recipe == "xgboost":
        made = _booster(run, policy, progress, large=not code)
    else:
        made = estimator_of_run(run, policy, progress)
    progress("writing", None)
    record = PackageRecord(
        project=project.name,
        task=run.record.task,
        run=run.id,
        created=(now or datetime.now(UTC)).astimezone(UTC).isoformat(timespec="milliseconds"),
        metrics=dict(run.record.metrics),
        data_sha256=run.record.data_sha256,
        held_out_sha256=run.record.held_out_sha256,
        commit=run.record.commit,
        parity=made.compared(),
        engines=[engine.to_json() for engine in made.engines],
    )
    return keep(
        project.store,
        record,
        "code" if code else made.backend,
        made.schema,
        {**members, **made.members},
        large_batch=made.large_batch,
    )


def _booster(run: Run, policy: Policy, progress: Progress, *, large: bool) -> Portable:
    """XGBoost's model as ONNX. `large`: whether XGBoost itself may answer large batches, where it is faster."""
    trained = Trained.of(run)
    held = Validation.from_bytes(run.read(VALIDATION_NAME))
    progress("converting", None)
    onnx = to_onnx(trained, len(run.record.features))
    progress("comparing", None)
    categories = run.record.categories
    probes = probe_rows(trained, held.X, {run.record.features.index(name): len(c) for name, c in categories.items()})
    parity = check_parity(trained, onnx, probes)
    schema = _schema(run.record, policy)
    requests = as_sent(run.record.features, categories, probes.X[probes.sent])
    answered = partial(_parity_of, trained, schema, probes, requests)
    members = {ONNX_NAME: onnx}
    small = Candidate("onnx", "onnx", {ONNX_NAME: onnx}, lambda path: OnnxModel(path / ONNX_NAME, schema))
    onnx_parity = partial(answered, engine="ONNX") if categories else lambda _: parity
    engines = [measure(small, onnx_parity, requests)]
    at = large_batch(trained) if large else 0
    if at:
        own = {UBJ_NAME: run.read(MODEL_NAME)}
        engines.append(_try_xgboost(small, own, schema, partial(answered, engine="XGBoost"), requests))
        members |= {} if engines[-1].refused else own
    return Portable("onnx", schema, members, parity, engines, len(held.X), at if UBJ_NAME in members else 0)


def _try_xgboost(
    small: Candidate,
    own: Mapping[str, bytes],
    schema: InputSchema,
    parity: Callable[[Model], Parity],
    requests: Sequence[Sequence[Any]],
) -> Measured:
    """XGBoost's library, called as the model server calls it for large batches, with the model in its `own` format."""

    def open_large(folder: Path) -> Model:
        return SizedModel(small.open(folder), folder / UBJ_NAME, schema, 1)

    return measure(Candidate("xgboost", "onnx", {**small.members, **own}, open_large), parity, requests)


def _parity_of(
    trained: Trained,
    schema: InputSchema,
    probes: Probes,
    requests: Sequence[Sequence[Any]],
    model: Model,
    *,
    engine: str,
) -> Parity:
    """What a model answers to the probes that can be sent, as requests, against the trained one."""
    found = served(model, requests, schema)
    kinds = [kind for kind, sent in zip(probes.kinds, probes.sent, strict=True) if sent]
    return compare(trained.predict(probes.X[probes.sent]), found, kinds, trained.labels, engine=engine)


def _schema(record: Record, policy: Policy) -> InputSchema:
    """A value may be missing in a request exactly where one was in the project's rows, also where chance held all of
    those out: the trees know a way for it, and the comparison went it."""
    features = tuple(
        Feature(
            name,
            "string" if record.categories.get(name) else "number",
            nullable=name in record.features_with_missing,
            categories=record.categories.get(name, ()),
        )
        for name in record.features
    )
    return InputSchema(record.task, record.target, features, record.labels, policy)
