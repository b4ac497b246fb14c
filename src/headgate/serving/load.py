"""From the folder of an unpacked package to its predictor.

`load` looks at the folder and decides what it is:

    headgate.json          a package of ours: each member is verified by its digest; the manifest names the backend
    code/inference.py      a package made for SageMaker's containers: the user's hooks
    one *.onnx             a bare model: without a schema.json, rows are lists of values

A model of rows has been made to predict before `load` returns, so that what loads can answer. How long that took
decides where it predicts from then on: a model of some microseconds on the event loop, a slow one on the model thread.
An ONNX model gets the rows of requests that came together together, on either: it answers thirty of them in little more
than half the time of thirty answers. One of texts gains nothing by that.
"""

import json
import time
from collections.abc import Callable
from pathlib import Path, PurePosixPath
from typing import Any

from headgate.core.digest import sha256_file
from headgate.core.manifest import MANIFEST_NAME, ONNX_NAME, SCHEMA_NAME, TEXT_NAME, UBJ_NAME, Manifest
from headgate.core.schema import InputSchema
from headgate.errors import InvalidInput, NotFound
from headgate.serving.predictor import Predictor
from headgate.serving.rows import Model, RowPredictor

SLOW_SECONDS = 300e-6
"""A model that takes longer for one row does not belong on the event loop."""
SLOW_BATCH = 64
LONG_SECONDS = 3e-3
"""A text model that takes longer for the longest text that would be answered there does not either."""
_LONG_TEXT = "What somebody wrote, at length. " * 512
_TRIES = 5


def load(model_dir: Path, *, threads: int = 1, program: str = "inference.py") -> Predictor:
    """The predictor for the package unpacked in `model_dir`.

    `threads` work on one ONNX request; `program` is the user's file in code/. Raises NotFound, InvalidInput where the
    package is damaged or not one, ModelFailure where the user's code fails.
    """
    if not model_dir.is_dir():
        raise NotFound(f"There is no model folder {model_dir}.", hint="Unpack model.tar.gz there.")
    manifest = _read_manifest(model_dir, program)
    schema = _read_schema(model_dir)
    project = manifest.project if manifest else ""
    if manifest.backend == "code" if manifest else (model_dir / "code" / program).is_file():
        from headgate.serving.backends.code import CodePredictor

        return CodePredictor(model_dir, program, schema, project=project)
    if manifest and manifest.backend == "text":
        predictor = _load_text(model_dir, schema, project)
    else:
        predictor = _load_onnx(model_dir, manifest, schema, threads)
    fast = _is_fast(predictor.warm_up, SLOW_SECONDS)  # raises InvalidInput where the model cannot predict
    if not fast:
        predictor.mode, predictor.max_batch = "thread", SLOW_BATCH
    elif predictor.backend == "onnx":
        predictor.mode = "turn"
    return predictor


def _load_text(model_dir: Path, schema: InputSchema | None, project: str) -> RowPredictor:
    from headgate.serving.backends.text import TextModel

    assert schema is not None  # a manifest of this backend lists it
    model = TextModel(model_dir / TEXT_NAME, schema)
    predictor = RowPredictor(model, schema, backend="text", project=project)
    if not _is_fast(lambda: model.run([(_LONG_TEXT,)]), LONG_SECONDS):  # n-grams of characters, say
        predictor.mode, predictor.max_batch = "thread", SLOW_BATCH
    return predictor


def _load_onnx(model_dir: Path, manifest: Manifest | None, schema: InputSchema | None, threads: int) -> RowPredictor:
    from headgate.serving.backends.onnx import OnnxModel

    path = model_dir / ONNX_NAME if manifest else _only_onnx(model_dir)
    onnx = OnnxModel(path, schema, threads=threads)
    model: Model = onnx
    if manifest and manifest.large_batch and UBJ_NAME in manifest.files:
        from headgate.serving.backends.xgboost import SizedModel, find_library

        if find_library():
            model = SizedModel(onnx, model_dir / UBJ_NAME, onnx.schema, manifest.large_batch, threads=threads)
    return RowPredictor(model, onnx.schema, project=manifest.project if manifest else "")


def _is_fast(work: Callable[[], object], seconds: float) -> bool:
    """Whether one of some tries takes less. The first are slow with any model, and machines are busy."""
    for _ in range(_TRIES):
        begun = time.perf_counter()
        work()
        if time.perf_counter() - begun < seconds:
            return True
    return False


def _read_manifest(model_dir: Path, program: str) -> Manifest | None:
    path = model_dir / MANIFEST_NAME
    if not path.exists():
        return None
    manifest = Manifest.from_json(_read_json(path))
    needed = {
        "onnx": {ONNX_NAME, SCHEMA_NAME},
        "text": {TEXT_NAME, SCHEMA_NAME},
        "code": {f"code/{program}"},
    }[manifest.backend]
    loaded = needed | ({SCHEMA_NAME} if (model_dir / SCHEMA_NAME).exists() else set())
    unlisted = sorted(loaded - set(manifest.files))
    if unlisted:
        raise InvalidInput(f"{MANIFEST_NAME} does not list {', '.join(unlisted)}.", hint=_AGAIN)
    for name, digest in manifest.files.items():
        _verify(model_dir, name, digest)
    return manifest


_AGAIN = "The package is damaged or was changed: fetch it again, or package the model again."


def _verify(model_dir: Path, name: str, digest: str) -> None:
    member = PurePosixPath(name)
    if member.is_absolute() or ".." in member.parts:
        raise InvalidInput(f"{MANIFEST_NAME} names {name!r}, which is outside the package.", hint=_AGAIN)
    path = model_dir / member
    if not path.is_file():
        raise InvalidInput(f"The package lacks {name}.", hint=_AGAIN)
    if sha256_file(path) != digest:
        raise InvalidInput(f"{name} is not what was packaged: its sha256 differs from {MANIFEST_NAME}.", hint=_AGAIN)


def _read_schema(model_dir: Path) -> InputSchema | None:
    path = model_dir / SCHEMA_NAME
    return InputSchema.from_json(_read_json(path)) if path.exists() else None


def _read_json(path: Path) -> Any:
    try:
        return json.loads(path.read_bytes())
    except (ValueError, RecursionError) as error:
        raise InvalidInput(f"{path.name} is not JSON: {error}.", hint=_AGAIN) from None


def _only_onnx(model_dir: Path) -> Path:
    found = sorted(model_dir.glob("*.onnx"))
    if len(found) == 1:
        return found[0]
    there = sorted(p.name for p in model_dir.iterdir())[:5]
    what = f"{len(found)} ONNX models" if found else f"{', '.join(there)}" if there else "nothing"
    raise InvalidInput(
        f"{model_dir} is not a model package: it holds {what}.",
        hint=f"Expected {MANIFEST_NAME}, code/inference.py or one *.onnx; a model.tar.gz must be unpacked.",
    )
