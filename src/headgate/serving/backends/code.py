"""The user's `code/inference.py`, with the hooks that SageMaker's containers call:

    model_fn(model_dir) -> model
    input_fn(body, content_type) -> data          default: checked rows; without a schema see `defaults`
    predict_fn(data, model) -> prediction
    output_fn(prediction, accept) -> body | (body, content type)    default: see `defaults`
    transform_fn(model, body, content_type, accept) -> body | (body, content type)   instead of the last three

Each may take a trailing `context`, which knows the request: its headers, `request_id`, `traceparent`, and `trace`, the
caller's trace_id and span_id for the hook's own log lines and spans; None where the caller sent none. As in those
containers, `body` is text for JSON and CSV, bytes otherwise, and the folder of inference.py is importable. What the
hooks raise is a ModelFailure under its own type and message; an error of ours (InvalidInput, say) passes as it is, so
that user code can refuse a request.

Plain hooks are called in one thread, one at a time. Where one but model_fn is `async def`, requests are answered by
coroutines, which the service runs side by side on its event loop; plain hooks in between run inside of them and should
be short. model_fn is always plain: it runs before there is a loop.

With a schema whose policy says `batch`, and nothing written but model_fn and predict_fn(data, model), the rows of that
many waiting requests go to predict_fn in one call, which answers with one prediction for each row. Where it raises, the
requests are tried one by one, so that a bad one fails alone.

Neither numpy nor onnxruntime is loaded unless needed.
"""

import asyncio
import importlib.util
import inspect
import sys
import weakref
from collections.abc import Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from types import ModuleType
from typing import Any, TypeVar, cast

from headgate.core import headers
from headgate.core.schema import InputSchema
from headgate.errors import HeadgateError, InvalidInput
from headgate.serving.backends.defaults import DEFAULT_OUTPUTS, decode_default, encode_default
from headgate.serving.codecs import Answer, decode_batch
from headgate.serving.failure import ModelFailure
from headgate.serving.media import CSV, JSON, choose_media, content_type_of, decode_text
from headgate.serving.predictor import NO_HEADERS, Call, Headers, Mode, answer_or_error
from headgate.serving.trace import Trace, trace_of
from headgate.serving.validation import Validator

T = TypeVar("T")
_Results = dict[int, Answer | HeadgateError]


@dataclass(frozen=True, slots=True)
class Context:
    """What a hook may ask about its surroundings and its request; none is there while the model is loaded."""

    system_properties: Mapping[str, Any]
    """`model_dir` and `gpu_id` (None), as in SageMaker's containers."""
    headers: Headers
    """The headers of the request, names in lower case, as on the wire."""

    @property
    def request_id(self) -> str | None:
        """The id that log lines and answers carry."""
        return self.get_request_header(0, headers.REQUEST_ID)

    @property
    def traceparent(self) -> str | None:
        """The W3C trace context, to be sent along with whatever the hook calls."""
        return self.get_request_header(0, "traceparent")

    @property
    def trace(self) -> Trace | None:
        """The trace that the request belongs to; None without a valid `traceparent`."""
        return trace_of(self.headers)

    def get_request_id(self, idx: int = 0) -> str | None:  # noqa: ARG002 one request at a time
        """The same as `request_id`, under the name that hooks for SageMaker's containers use."""
        return self.request_id

    def get_request_header(self, idx: int, key: str) -> str | None:  # noqa: ARG002 one request at a time
        """One header of the request; None where it was not sent."""
        value = self.headers.get(key.lower().encode("latin-1", "replace"))
        return None if value is None else value.decode("latin-1")

    def get_all_request_header(self, idx: int = 0) -> dict[str, str]:  # noqa: ARG002 one request at a time
        """All headers of the request."""
        return {name.decode("latin-1"): value.decode("latin-1") for name, value in self.headers.items()}


class Hook:
    """One function of the user's, whose exceptions become ModelFailure."""

    def __init__(self, function: Callable[..., Any], arguments: int) -> None:
        positional = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
        takes = sum(p.kind in positional for p in inspect.signature(function).parameters.values())
        self._function = function
        self.takes_context = takes > arguments
        self.is_async = inspect.iscoroutinefunction(function)

    async def __call__(self, context: Context, *arguments: Any) -> Any:
        """Call it, and wait where it is async. Raises ModelFailure, or whatever HeadgateError the user raised."""
        try:
            result = self._function(*arguments, *((context,) if self.takes_context else ()))
            return await result if self.is_async else result
        except HeadgateError:
            raise
        except (Exception, SystemExit) as error:
            raise ModelFailure(str(error)[:2000], kind=type(error).__name__) from error


class CodePredictor:
    """A predictor that calls the user's hooks."""

    backend = "code"

    def __init__(self, model_dir: Path, program: str, schema: InputSchema | None, *, project: str = "") -> None:
        """Import the code and load the model. Raises InvalidInput or ModelFailure."""
        self.project = project
        self.schema = schema
        self._validator = Validator(schema) if schema else None
        self._context = Context({"model_dir": str(model_dir), "gpu_id": None}, NO_HEADERS)
        hooks = _find_hooks(_import_program(model_dir / "code" / program))
        self._input, self._predict = hooks.get("input_fn"), hooks.get("predict_fn")
        self._output, self._transform = hooks.get("output_fn"), hooks.get("transform_fn")
        self.mode: Mode = "async" if any(hook.is_async for hook in hooks.values()) else "thread"
        plain = self.mode == "thread" and hooks.keys() == {"model_fn", "predict_fn"}
        batched = plain and schema is not None and not hooks["predict_fn"].takes_context
        self.max_batch = schema.policy.batch if batched and schema else 1
        self._runner: asyncio.Runner | None = None
        self._model = _call_at_load(hooks["model_fn"], self._context, program)

    def predict(
        self, body: bytes, content_type: str | None, accept: str | None, headers: Headers = NO_HEADERS
    ) -> Answer:
        """Answer one request. Raises ModelFailure, InvalidInput, UnsupportedMedia.

        Where hooks are async this is for callers without an event loop, such as the command line: one at a time.
        """
        answer = self.predict_async(body, content_type, accept, headers)
        if self.mode == "thread":
            return _finish(answer)
        if self._runner is None:
            self._runner = asyncio.Runner()  # the same loop for each call: what hooks keep open belongs to it
            weakref.finalize(self, self._runner.close)
        return self._runner.run(answer)

    async def predict_async(
        self, body: bytes, content_type: str | None, accept: str | None, headers: Headers = NO_HEADERS
    ) -> Answer:
        """Answer one request. Raises as `predict` does."""
        wanted = _wanted(accept)
        media, parameters = content_type_of(content_type)
        context = replace(self._context, headers=headers) if headers else self._context
        if self._transform:
            given = _as_given(body, media, parameters)
            result = await self._transform(context, self._model, given, content_type or JSON, wanted)
            return _as_answer(result, wanted)
        if self._output is None:
            choose_media(wanted, DEFAULT_OUTPUTS)  # refuse before the work is done
        if self._input:
            data = await self._input(context, _as_given(body, media, parameters), content_type or JSON)
        else:
            data = self._default_input(body, content_type)
        assert self._predict is not None
        prediction = await self._predict(context, data, self._model)
        if self._output:
            return _as_answer(await self._output(context, prediction, wanted), wanted)
        return encode_default(prediction, wanted)

    def predict_many(self, calls: Sequence[Call]) -> list[Answer | HeadgateError]:
        """One result for each call."""
        if self.max_batch == 1 or len(calls) == 1:
            return [answer_or_error(self.predict, call) for call in calls]
        results: _Results = {}
        parts: dict[int, list[Any]] = {}
        for number, call in enumerate(calls):
            try:
                choose_media(call.accept, DEFAULT_OUTPUTS)
                parts[number] = self._default_input(call.body, call.content_type)
            except HeadgateError as error:
                results[number] = error
        if parts:
            results |= self._predict_parts(calls, parts)
        return [results[number] for number in range(len(calls))]

    def _predict_parts(self, calls: Sequence[Call], parts: Mapping[int, list[Any]]) -> _Results:
        """The rows of several calls, by the number of the call, in one call of predict_fn."""
        assert self._predict is not None
        rows = [row for part in parts.values() for row in part]
        try:
            predictions = _finish(self._predict(self._context, rows, self._model))
        except HeadgateError:
            return {number: answer_or_error(self.predict, calls[number]) for number in parts}
        if _count(predictions) != len(rows):
            found = _count(predictions)
            failure = ModelFailure(
                f"predict_fn answered {len(rows)} rows with "
                f"{type(predictions).__name__ if found is None else f'{found} predictions'}.",
                hint="With serving/batch it gets the rows of several requests and returns a list, one for each row.",
            )
            return dict.fromkeys(parts, failure)
        results: _Results = {}
        start = 0
        for number, part in parts.items():
            own = predictions[start : start + len(part)]
            results[number] = answer_or_error(encode_default, (own, calls[number].accept or JSON))
            start += len(part)
        return results

    def _default_input(self, body: bytes, content_type: str | None) -> Any:
        """With a schema: checked rows, a list of dicts, missing values None."""
        if self._validator and self.schema:
            names = [f.name for f in self.schema.features]
            rows = self._validator.check(decode_batch(body, content_type, max_rows=self.schema.policy.max_rows))
            return [dict(zip(names, row, strict=True)) for row in rows]
        return decode_default(body, content_type)


def _count(predictions: Any) -> int | None:
    """How many predictions a list or an array of them holds; None for anything else."""
    if isinstance(predictions, str | bytes | Mapping):
        return None
    try:
        return len(predictions)
    except TypeError:
        return None


def _finish(coroutine: Coroutine[Any, Any, T]) -> T:
    """The result of a coroutine in which only plain hooks are called: it never waits, so it needs no event loop."""
    try:
        coroutine.send(None)
    except StopIteration as done:
        return cast(T, done.value)
    raise AssertionError("a plain hook waited")


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


def _find_hooks(module: ModuleType) -> dict[str, Hook]:
    found = {name: getattr(module, name) for name in _ARGUMENTS if callable(getattr(module, name, None))}
    if inspect.iscoroutinefunction(found.get("model_fn")):
        raise InvalidInput(
            f"{module.__name__}.py: model_fn is async.", hint="Make it a plain function; the other hooks may be async."
        )
    if "model_fn" not in found or not {"predict_fn", "transform_fn"} & set(found):
        raise InvalidInput(
            f"{module.__name__}.py lacks {'model_fn' if 'model_fn' not in found else 'predict_fn'}.",
            hint="It needs model_fn(model_dir), and predict_fn(data, model) or transform_fn.",
        )
    return {name: Hook(function, _ARGUMENTS[name]) for name, function in found.items()}


def _call_at_load(model_fn: Hook, context: Context, program: str) -> Any:
    try:
        return _finish(model_fn(context, context.system_properties["model_dir"]))
    except ModelFailure as error:
        raise ModelFailure(
            f"model_fn in code/{program} failed: {error.kind}: {error.message}", kind=error.kind
        ) from error.__cause__


def _as_given(body: bytes, media: str, parameters: Mapping[str, str]) -> str | bytes:
    return decode_text(body, parameters) if media in (JSON, CSV) else body


def _wanted(accept: str | None) -> str:
    """The type the caller asks for. It may become the answer's, so it must be fit for a header."""
    wanted = accept if accept and accept != "*/*" else JSON
    if not wanted.isascii() or not wanted.isprintable():
        raise InvalidInput("The Accept header is no media type.", hint=f"Ask for {JSON}, say.")
    return wanted


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
