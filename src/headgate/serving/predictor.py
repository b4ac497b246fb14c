"""Transport-free predictions: the model server, a Lambda handler and `headgate predict` are skins over this.

`load` looks at a folder and decides what it is:

    headgate.json          a package of ours: each member is verified by its digest; the manifest names the backend
    code/inference.py      a package made for SageMaker's containers: the user's hooks
    one *.onnx             a bare model: without a schema.json, rows are lists of values

A package whose backend is onnx has been made to predict once before `load` returns, so that what loads can answer.
"""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import Any, Protocol

from headgate.core.digest import sha256_file
from headgate.core.manifest import MANIFEST_NAME, ONNX_NAME, SCHEMA_NAME, Manifest
from headgate.core.schema import InputSchema
from headgate.errors import InvalidInput, NotFound
from headgate.serving.codecs import Answer, Batch, Prediction, decode_batch, encode_predictions
from headgate.serving.failure import NOT_FINITE, ModelFailure
from headgate.serving.media import CSV, JSON, choose_media
from headgate.serving.validation import Validator, Value


class Predictor(Protocol):
    """Bytes in, bytes out. `inline`: fast enough to be called on an event loop."""

    @property
    def project(self) -> str:
        """The project that packaged the model; empty for foreign packages."""

    @property
    def backend(self) -> str:
        """`onnx` or `code`."""

    @property
    def inline(self) -> bool:
        """Whether a small request takes microseconds."""

    @property
    def schema(self) -> InputSchema | None:
        """The input schema, where there is one."""

    def predict(self, body: bytes, content_type: str | None, accept: str | None) -> Answer:
        """Answer one request. Raises InvalidInput, PayloadTooLarge, UnsupportedMedia, ModelFailure."""


class Model(Protocol):
    """A model of checked rows."""

    def run(self, rows: Sequence[Sequence[Value | None]]) -> list[Prediction]:
        """One prediction for each row. Raises ModelFailure."""


class RowPredictor:
    """Decode, check, run, encode."""

    backend = "onnx"
    inline = True

    def __init__(self, model: Model, schema: InputSchema, *, project: str = "") -> None:
        self.project = project
        self.schema = schema
        self._model = model
        self._validator = Validator(schema.features)

    def predict(self, body: bytes, content_type: str | None, accept: str | None) -> Answer:
        """Answer one request. Raises InvalidInput, PayloadTooLarge, UnsupportedMedia, ModelFailure."""
        media = choose_media(accept, (JSON, CSV))
        batch = decode_batch(body, content_type)
        return encode_predictions(self._run(batch), many=batch.many, media=media)

    def predict_rows(self, rows: Sequence[Mapping[str, Any] | Sequence[Any]]) -> list[Prediction]:
        """One prediction for each row of named or ordered values. Raises as `predict` does."""
        return self._run(Batch(rows, many=True))

    def warm_up(self) -> None:
        """Predict once. Raises InvalidInput where the model cannot."""
        row = {f.name: False if f.kind == "boolean" else 0 for f in self.schema.features}
        try:
            self.predict(json.dumps(row).encode(), JSON, JSON)
        except ModelFailure as error:
            if error.kind != NOT_FINITE:  # a row of zeros need not make sense to the model
                raise InvalidInput(f"The model does not predict: {error.message}", hint="Package it again.") from None

    def _run(self, batch: Batch) -> list[Prediction]:
        return self._model.run(self._validator.check(batch))


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
    from headgate.serving.backends.onnx import OnnxModel

    model = OnnxModel(model_dir / ONNX_NAME if manifest else _only_onnx(model_dir), schema, threads=threads)
    predictor = RowPredictor(model, model.schema, project=project)
    predictor.warm_up()
    return predictor


def _read_manifest(model_dir: Path, program: str) -> Manifest | None:
    path = model_dir / MANIFEST_NAME
    if not path.exists():
        return None
    manifest = Manifest.from_json(_read_json(path))
    needed = {ONNX_NAME, SCHEMA_NAME} if manifest.backend == "onnx" else {f"code/{program}"}
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
