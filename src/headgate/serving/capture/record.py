"""One captured request as a line of JSON in SageMaker's form.

What CSV and JSON are is a matter of settings; such bodies are kept as text, everything else as base64, and so is what
is not UTF-8 and what came without a content type. `customAttributes` is a list of one: the header is opaque, and
commas in it mean whatever the caller means by them.
"""

import time
import uuid
from collections.abc import Callable
from typing import NamedTuple

import msgspec
from msgspec import UNSET, UnsetType

from headgate.serving.codecs import Answer
from headgate.serving.media import parse_media_type
from headgate.serving.settings import CaptureSettings

Redact = Callable[[bytes, str | None], bytes]
"""The body to keep in place of the one that came, by its content type."""


OVERHEAD = 500
"""What an exchange holds beside its bodies, in bytes."""


class Exchange(NamedTuple):
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


class Payload(msgspec.Struct, rename="camel", gc=False):
    """One side of an exchange; bytes are written as base64."""

    observed_content_type: str | UnsetType
    mode: str
    data: str | bytes
    encoding: str


class Sides(msgspec.Struct, rename="camel", gc=False):
    """Which of them are there is a setting."""

    endpoint_input: Payload | UnsetType
    endpoint_output: Payload | UnsetType


class Event(msgspec.Struct, rename="camel", gc=False):
    """What tells one exchange from another."""

    event_id: str
    inference_id: str | UnsetType
    custom_attributes: list[str] | UnsetType
    inference_time: str


class Record(msgspec.Struct, rename="camel", gc=False):
    """The line."""

    capture_data: Sides
    event_metadata: Event
    event_version: str


class Encoder:
    """Exchanges to lines."""

    def __init__(self, settings: CaptureSettings, redact_input: Redact | None, redact_output: Redact | None) -> None:
        self._types = dict.fromkeys(settings.json_types, "JSON") | dict.fromkeys(settings.csv_types, "CSV")
        self._input = settings.mode != "Output"
        self._output = settings.mode != "Input"
        self._redact_input, self._redact_output = redact_input, redact_output
        self._encodings: dict[str | None, str] = {}
        self._new_id = EventIds()
        self._encode = msgspec.json.Encoder().encode
        self._second = -1
        self._time = self._hour = ""

    def encode(self, exchange: Exchange) -> tuple[str, bytes]:
        """The hour it belongs to, `yyyy/mm/dd/hh`, and the line, with its end."""
        moment, body, content_type, answer, inference_id, attributes = exchange
        second = int(moment)
        if second != self._second:
            self._second = second
            self._time = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(second))
            self._hour = time.strftime("%Y/%m/%d/%H", time.gmtime(second))
        sides = Sides(
            self._payload("INPUT", body, content_type, self._redact_input) if self._input else UNSET,
            self._payload("OUTPUT", answer.body, answer.content_type, self._redact_output) if self._output else UNSET,
        )
        event = Event(
            self._new_id(),
            inference_id.decode("latin-1") if inference_id else UNSET,
            [attributes.decode("latin-1")] if attributes else UNSET,
            self._time,
        )
        return self._hour, self._encode(Record(sides, event, "0")) + b"\n"

    def _payload(self, mode: str, body: bytes, content_type: str | None, redact: Redact | None) -> Payload:
        if redact:
            body = redact(body, content_type)
        encoding = self._encodings.get(content_type) or self._encoding(content_type)
        data: str | bytes = body
        if encoding != "BASE64":
            try:
                data = body.decode()
            except UnicodeDecodeError:
                encoding = "BASE64"
        return Payload(content_type or UNSET, mode, data, encoding)

    def _encoding(self, content_type: str | None) -> str:
        media, parameters = parse_media_type(content_type or "")
        # text in another character set can be valid UTF-8 by accident
        text = parameters.get("charset", "utf-8") in ("utf-8", "utf8", "us-ascii", "ascii")
        encoding = self._types.get(media, "BASE64") if text else "BASE64"
        if len(self._encodings) < 64:  # callers send the same few again and again; others must not fill the memory
            self._encodings[content_type] = encoding
        return encoding


class EventIds:
    """Distinct UUIDs, in the form of version 4: the first half is drawn once, the last twelve digits count.

    `uuid.uuid4` asks the system for each, which takes longer than all else that a record takes.
    """

    def __init__(self) -> None:
        self._start = str(uuid.uuid4())[:24]
        self._number = 0

    def __call__(self) -> str:
        """Another one."""
        self._number += 1
        return f"{self._start}{self._number:012x}"
