"""Transport-free predictions: the model server, a Lambda handler and `headgate predict` are skins over a predictor."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal, NamedTuple, Protocol, runtime_checkable

from headgate.core.schema import InputSchema
from headgate.errors import HeadgateError
from headgate.serving.codecs import Answer

Headers = Mapping[bytes, bytes]
"""Headers of a request, names in lower case, as on the wire."""

NO_HEADERS: Headers = {}

Mode = Literal["inline", "turn", "thread", "async"]
"""Where predictions are made: on the event loop (they take microseconds), each as it comes or those of one turn
together; on the model thread; or as coroutines."""


class Call(NamedTuple):
    """What one request asks of a predictor."""

    body: bytes
    content_type: str | None
    accept: str | None
    headers: Headers = NO_HEADERS


class Predictor(Protocol):
    """Bytes in, bytes out. `max_batch`: how many waiting calls `predict_many` may be given at once (1: no batching)."""

    @property
    def project(self) -> str:
        """The project that packaged the model; empty for foreign packages."""

    @property
    def backend(self) -> str:
        """The name of the backend, as in the manifest."""

    @property
    def mode(self) -> Mode:
        """Where predictions are made."""

    @property
    def max_batch(self) -> int:
        """At least 1."""

    @property
    def schema(self) -> InputSchema | None:
        """The input schema, where there is one."""

    def predict(
        self, body: bytes, content_type: str | None, accept: str | None, headers: Headers = NO_HEADERS
    ) -> Answer:
        """Answer one request. Raises InvalidInput, PayloadTooLarge, UnsupportedMedia, NotAcceptable, ModelFailure."""

    def predict_many(self, calls: Sequence[Call]) -> list[Answer | HeadgateError]:
        """One result for each call; what `predict` raises is a result."""


@runtime_checkable
class AsyncPredictor(Predictor, Protocol):
    """A predictor whose mode is `async`."""

    async def predict_async(
        self, body: bytes, content_type: str | None, accept: str | None, headers: Headers = NO_HEADERS
    ) -> Answer:
        """Answer one request. Raises as `predict` does."""


class TurnPredictor(Predictor, Protocol):
    """A predictor whose mode is `turn`: reading a request and answering it are two steps."""

    def read_one(self, body: bytes, content_type: str | None, accept: str | None) -> Any | None:
        """The checked row of a request that can be answered together with others; None for one that has to be given
        to `predict`. Raises NotAcceptable.
        """

    def answer_each(self, rows: Sequence[Any]) -> list[Answer | HeadgateError]:
        """One result for each of these rows."""


def answer_or_error(predict: Callable[..., Answer], call: tuple[Any, ...]) -> Answer | HeadgateError:
    """The result of one call of many; `call` holds the arguments of `predict`."""
    try:
        return predict(*call)
    except HeadgateError as error:
        return error
