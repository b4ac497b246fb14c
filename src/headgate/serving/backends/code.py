"""The user's `code/inference.py`, with the hooks that SageMaker's containers call:

    model_fn(model_dir) -> model
    input_fn(body, content_type) -> data          default: checked rows; without a schema see `defaults`
    predict_fn(data, model) -> prediction
    output_fn(prediction, accept) -> body | (body, content type)    default: see `defaults`
    transform_fn(model, body, content_type, accept) -> body | (body, content type)   instead of the last three

Each may take a trailing `context`. As in those containers, `body` is text for JSON and CSV, bytes otherwise, and the
folder of inference.py is importable. What the hooks raise is a ModelFailure under its own type and message; an error of
ours (InvalidInput, say) passes as it is, so that user code can refuse a request.

The hooks are plain functions called in one thread at a time. Neither numpy nor onnxruntime is loaded unless needed.
"""

import importlib.util
import inspect
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

from headgate.core.schema import InputSchema
from headgate.errors import HeadgateError, InvalidInput
from headgate.serving.backends.defaults import DEFAULT_OUTPUTS, decode_default, encode_default
from headgate.serving.codecs import Answer, decode_batch
from headgate.serving.failure import ModelFailure
from headgate.serving.media import CSV, JSON, choose_media, content_type_of, decode_text
from headgate.serving.predictor import NO_HEADERS, Call, Headers, Mode, answer_or_error
from headgate.serving.validation import Validator


@dataclass(frozen=True, slots=True)
class Context:
    """What a hook may ask about its surroundings."""

    system_properties: Mapping[str, Any]
    """`model_dir` and `gpu_id` (None), as in SageMaker's containers."""


class Hook:
    """One function of the user's, whose exceptions become ModelFailure."""

    def __init__(self, function: Callable[..., Any], arguments: int, context: Context) -> None:
        positional = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
        takes = sum(p.kind in positional for p in inspect.signature(function).parameters.values())
        self._function = function
        self._trailing = (context,) if takes > arguments else ()

    def __call__(self, *arguments: Any) -> Any:
        """Call it. Raises ModelFailure, or whatever HeadgateError the user raised."""
        try:
            return self._function(*arguments, *self._trailing)
        except HeadgateError:
            raise
        except (Exception, SystemExit) as error:
            raise ModelFailure(str(error)[:2000], kind=type(error).__name__) from error


class CodePredictor:
    """A predictor that calls the user's hooks."""

    backend = "code"
    mode: Mode = "thread"
    max_batch = 1

    def __init__(self, model_dir: Path, program: str, schema: InputSchema | None, *, project: str = "") -> None:
        """Import the code and load the model. Raises InvalidInput or ModelFailure."""
        self.project = project
        self.schema = schema
        self._validator = Validator(schema) if schema else None
        context = Context({"model_dir": str(model_dir), "gpu_id": None})
        hooks = _find_hooks(_import_program(model_dir / "code" / program), context)
        self._input, self._predict = hooks.get("input_fn"), hooks.get("predict_fn")
        self._output, self._transform = hooks.get("output_fn"), hooks.get("transform_fn")
        self._model = _call_at_load(hooks["model_fn"], str(model_dir), program)

    def warm_up(self) -> None:
        """Nothing: no request is known that the user's code would take."""

    def predict_many(self, calls: Sequence[Call]) -> list[Answer | HeadgateError]:
        """One result for each call."""
        return [answer_or_error(self.predict, call) for call in calls]

    def predict(
        self,
        body: bytes,
        content_type: str | None,
        accept: str | None,
        headers: Headers = NO_HEADERS,  # noqa: ARG002
    ) -> Answer:
        """Answer one request. Raises ModelFailure, InvalidInput, UnsupportedMedia."""
        wanted = accept if accept and accept != "*/*" else JSON
        media, parameters = content_type_of(content_type)
        if self._transform:
            given = _as_given(body, media, parameters)
            return _as_answer(self._transform(self._model, given, content_type or JSON, wanted), wanted)
        if self._output is None:
            choose_media(wanted, DEFAULT_OUTPUTS)  # refuse before the work is done
        if self._input:
            data = self._input(_as_given(body, media, parameters), content_type or JSON)
        else:
            data = self._default_input(body, content_type)
        assert self._predict is not None
        prediction = self._predict(data, self._model)
        if self._output:
            return _as_answer(self._output(prediction, wanted), wanted)
        return encode_default(prediction, wanted)

    def _default_input(self, body: bytes, content_type: str | None) -> Any:
        """With a schema: checked rows, a list of dicts, missing values None."""
        if self._validator and self.schema:
            names = [f.name for f in self.schema.features]
            rows = self._validator.check(decode_batch(body, content_type))
            return [dict(zip(names, row, strict=True)) for row in rows]
        return decode_default(body, content_type)


def _import_program(path: Path) -> ModuleType:
    if not path.is_file():
        raise InvalidInput(f"The package has no code/{path.name}.", hint="Add it, or set SAGEMAKER_PROGRAM.")
    sys.path.insert(0, str(path.parent))
    sys.dont_write_bytecode = True  # the package's folder may be read-only, or shared by many processes
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[path.stem] = module  # pickles and dataclasses look their module up by name
    try:
        spec.loader.exec_module(module)
    except (Exception, SystemExit) as error:
        raise ModelFailure(
            f"code/{path.name} cannot be imported: {type(error).__name__}: {error}",
            kind=type(error).__name__,
            hint="Packages it needs belong in code/requirements.txt." if isinstance(error, ImportError) else "",
        ) from error
    return module


_ARGUMENTS = {"model_fn": 1, "input_fn": 2, "predict_fn": 2, "output_fn": 2, "transform_fn": 4}


def _find_hooks(module: ModuleType, context: Context) -> dict[str, Hook]:
    found = {name: getattr(module, name) for name in _ARGUMENTS if callable(getattr(module, name, None))}
    for name, function in found.items():
        if inspect.iscoroutinefunction(function):
            raise InvalidInput(f"{module.__name__}.py: {name} is async.", hint="Make it a plain function.")
    if "model_fn" not in found or not {"predict_fn", "transform_fn"} & set(found):
        raise InvalidInput(
            f"{module.__name__}.py lacks {'model_fn' if 'model_fn' not in found else 'predict_fn'}.",
            hint="It needs model_fn(model_dir), and predict_fn(data, model) or transform_fn.",
        )
    return {name: Hook(function, _ARGUMENTS[name], context) for name, function in found.items()}


def _call_at_load(model_fn: Hook, model_dir: str, program: str) -> Any:
    try:
        return model_fn(model_dir)
    except ModelFailure as error:
        raise ModelFailure(
            f"model_fn in code/{program} failed: {error.kind}: {error.message}", kind=error.kind
        ) from error.__cause__


def _as_given(body: bytes, media: str, parameters: Mapping[str, str]) -> str | bytes:
    return decode_text(body, parameters) if media in (JSON, CSV) else body


def _as_answer(result: Any, accept: str) -> Answer:
    content_type = accept
    if isinstance(result, tuple) and len(result) == 2:
        result, content_type = result
    if isinstance(result, str):
        result = result.encode()
    if not isinstance(content_type, str) or not content_type.isascii() or not content_type.isprintable():
        raise ModelFailure(f"The user's code answered with the content type {str(content_type)[:100]!r}.")
    if not isinstance(result, bytes | bytearray | memoryview):
        raise ModelFailure(
            f"The user's code answered with {type(result).__name__}; expected text or bytes.",
            hint="Return the body, or (body, content type), from output_fn or transform_fn.",
        )
    return Answer(bytes(result), content_type)
