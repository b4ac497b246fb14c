"""One captured request as a line of JSON in SageMaker's form.

What CSV and JSON are is a matter of settings; such bodies are kept as text, everything else as base64, and so is what
is not UTF-8 and what came without a content type. `customAttributes` is a list of one: the header is opaque, and
commas in it mean whatever the caller means by them.

All of a line but the bodies and ids comes again in the next, so it is put together from pieces (two thirds of the time
that encoding objects takes, measured).
"""

import time
import uuid
from collections.abc import Callable

import msgspec

from headgate.serving.codecs import Answer
from headgate.serving.media import parse_media_type
from headgate.serving.settings import CaptureSettings

Redact = Callable[[bytes, str | None], bytes]
"""The body to keep in place of the one that came, by its content type."""


_END = '"inferenceTime":"%Y-%m-%dT%H:%M:%SZ"},"eventVersion":"0"}\n'
_encode = msgspec.json.Encoder().encode

OVERHEAD = 500
"""What an exchange holds beside its bodies, in bytes."""


class Exchange(msgspec.Struct, gc=False):
    """A request and its answer, as the event loop leaves them. `moment`: seconds since the epoch."""

    moment: float
    body: bytes
    content_type: str | None
    answer: Answer
    inference_id: bytes | None
    attributes: bytes | None

    @property
    def size(self) -> int:
        """Roughly the memory it holds, in bytes."""
        return len(self.body) + len(self.answer.body) + OVERHEAD


class Encoder:
    """Exchanges to lines."""

    def __init__(self, settings: CaptureSettings, redact_input: Redact | None, redact_output: Redact | None) -> None:
        self._types = dict.fromkeys(settings.json_types, "JSON") | dict.fromkeys(settings.csv_types, "CSV")
        self._input = settings.mode != "Output"
        self._output = settings.mode != "Input"
        self._redact_input, self._redact_output = redact_input, redact_output
        self._kinds: dict[tuple[str, str | None], tuple[bytes, str]] = {}
        self._new_id = EventIds()
        self._second = -1
        self._end = b""
        self._hour = ""

    def encode(self, exchange: Exchange) -> tuple[str, bytes]:
        """The hour it belongs to, `yyyy/mm/dd/hh`, and the line, with its end."""
        second = int(exchange.moment)
        if second != self._second:
            self._second = second
            self._end = time.strftime(_END, time.gmtime(second)).encode()
            self._hour = time.strftime("%Y/%m/%d/%H", time.gmtime(second))
        sides = b""
        if self._input:
            sides = self._side("INPUT", exchange.body, exchange.content_type, self._redact_input)
        if self._output:
            side = self._side("OUTPUT", exchange.answer.body, exchange.answer.content_type, self._redact_output)
            sides = b"%b,%b" % (sides, side) if sides else side
        caller = b""
        if exchange.inference_id:
            caller = b'"inferenceId":%b,' % _encode(exchange.inference_id.decode("latin-1"))
        if exchange.attributes:
            caller += b'"customAttributes":%b,' % _encode([exchange.attributes.decode("latin-1")])
        return self._hour, b'{"captureData":{%b},"eventMetadata":{"eventId":"%b",%b%b' % (
            sides,
            self._new_id(),
            caller,
            self._end,
        )

    def _side(self, mode: str, body: bytes, content_type: str | None, redact: Redact | None) -> bytes:
        """One side of an exchange, with its name."""
        if redact:
            body = redact(body, content_type)
        begin, encoding = self._kinds.get((mode, content_type)) or self._kind(mode, content_type)
        data: str | bytes = body  # bytes are written as base64
        if encoding != "BASE64":
            try:
                data = body.decode()
            except UnicodeDecodeError:
                encoding = "BASE64"
        return b'%b%b,"encoding":"%b"}' % (begin, _encode(data), encoding.encode())

    def _kind(self, mode: str, content_type: str | None) -> tuple[bytes, str]:
        """What a side of this content type begins with, and its encoding."""
        observed = f'"observedContentType":{_encode(content_type).decode()},' if content_type else ""
        begin = f'"endpoint{mode.title()}":{{{observed}"mode":"{mode}","data":'
        kind = begin.encode(), self._encoding(content_type)
        if len(self._kinds) < 64:  # callers send the same few again and again; others must not fill the memory
            self._kinds[mode, content_type] = kind
        return kind

    def _encoding(self, content_type: str | None) -> str:
        media, parameters = parse_media_type(content_type or "")
        # text in another character set can be valid UTF-8 by accident
        text = parameters.get("charset", "utf-8") in ("utf-8", "utf8", "us-ascii", "ascii")
        return self._types.get(media, "BASE64") if text else "BASE64"


class EventIds:
    """Distinct UUIDs, in the form of version 4: the first half is drawn once, the last twelve digits count.

    `uuid.uuid4` asks the system for each, which takes longer than all else that a record takes.
    """

    def __init__(self) -> None:
        self._start = str(uuid.uuid4())[:24].encode()
        self._number = 0

    def __call__(self) -> bytes:
        """Another one."""
        self._number += 1
        return b"%b%012x" % (self._start, self._number)
