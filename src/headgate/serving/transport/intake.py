"""The receiving half of a connection, the same for every transport: what a client may send, and how slowly.

A transport feeds what it receives to `data_received` and gives its own meaning to `refuse`. The parser (llhttp, strict)
refuses what is not HTTP: control characters, folded lines, conflicting or malformed lengths. Here is what it lets pass:

    the head      at most 64 KiB, 128 fields and as many repetitions, a target of 8 KiB; HTTP/1.0 or 1.1; no CONNECT;
                  no transfer coding but `chunked`, and that not in HTTP/1.0; nothing expected but `100-continue`
    the body      what is announced, or sent, beyond DISCARDED_BODY is refused at once; chunks may not be mostly
                  framing, nor trail more fields than a head may have
    upgrades      are ignored, as a server may (Java's client offers `h2c` with its first request). The parser stops at
                  such a head, so a fresh one is given the same head without the offer, and all that follows it

Complete requests that came in one read cost a comparison each: whatever must be counted is counted only when a read
ends within a request. Time is looked at once a second (`late`), not by a timer for each request.
"""

import enum

import httptools

from headgate.errors import HeadgateError
from headgate.serving.answers import (
    ExpectationFailed,
    HeadTooLarge,
    TargetTooLong,
    TooSlow,
    UnknownCoding,
    not_http,
)
from headgate.serving.service import Service
from headgate.serving.transport.crowd import Crowd

MAX_HEAD = 65_536
MAX_FIELDS = 128
MAX_TARGET = 8_192
_MAX_FRAMING = 16
"""How many bytes a chunked body may take for each byte it holds, beyond the first MAX_HEAD."""

_MAX_BODY_PATIENCE = 10
"""How many times `body_seconds` a body may take that does make progress."""

_LINGER = 2.0
"""Seconds for which a refused client may go on sending before it is cut off. Closing at once would reset the connection
while the answer is still on its way."""

IDLE, HEAD, BODY, DEAF = range(4)


class Late(enum.Enum):
    """What is to be done about a connection that takes too long."""

    CLOSE = enum.auto()
    ABORT = enum.auto()
    REFUSE = enum.auto()


class Stop(Exception):
    """Ends the parser's work after a refusal."""


class Intake:
    """What one connection has received of the request it is in."""

    parser: httptools.HttpRequestParser

    def __init__(self, service: Service, crowd: Crowd) -> None:
        self.service = service
        self.crowd = crowd
        self.parser = httptools.HttpRequestParser(self)
        self.stage = IDLE
        self.persistent = True
        """Whether another request may follow this one. None does in HTTP/1.0, though it may be offered there."""
        self.requests = 0
        """Complete ones."""
        self.target = b""
        self.fields: dict[bytes, bytes] = {}
        """Header fields, names in lower case; those that are repeated joined by commas."""
        self.head: dict[bytes, bytes] | None = None
        """The fields of a chunked request, once `fields` collects what trails it."""
        self.size = 0
        """Bytes of the body so far."""
        self._repeated = self._repeated_for = 0
        self._read = self._read_for = 0
        self._measure = False
        self._mark: tuple[object, ...] = ()
        self._since = self._body_since = 0.0

    def refuse(self, error: HeadgateError) -> None:
        """Answer with an error once what is in flight is answered, and hear nothing more."""
        raise NotImplementedError

    def ask_for_body(self) -> None:
        """A client has sent a head, and perhaps part of its body."""

    def data_received(self, data: bytes) -> None:
        """Feed the parser."""
        if self.stage == DEAF:
            return
        complete = self.requests
        self._measure = self.stage == HEAD or len(data) > MAX_HEAD
        try:
            self.parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade) as reason:
            if self.stage != DEAF:
                self._stopped(reason, data)
        if self.stage:
            self._look_at_part(0 if self.requests > complete else len(data))

    def on_message_begin(self) -> None:
        """The first byte of a request."""
        self.stage = HEAD

    def on_url(self, url: bytes) -> None:
        """A piece of the target."""
        self.target += url

    def on_header(self, name: bytes, value: bytes) -> None:
        """One field, of the head or of what trails a chunked body."""
        name = name.lower()
        if name in self.fields:
            self._repeat(name, value)
        else:
            self.fields[name] = value

    def on_headers_complete(self) -> None:
        """The head is complete."""
        fields = self.fields
        self.persistent = self.parser.should_keep_alive()
        if (
            self._measure
            or not self.persistent
            or self.target[:1] != b"/"
            or b"upgrade" in fields
            or b"expect" in fields
            or b"transfer-encoding" in fields
            or len(fields) > MAX_FIELDS
            or len(self.target) > MAX_TARGET
            or len(fields.get(b"content-length", b"")) > 7
            or (b"connection" in fields and self.parser.get_http_version() != "1.1")
        ):
            error = self._fault_in_head()
            if error:
                self.refuse(error)
                raise Stop
            if self.parser.should_upgrade():
                return
            self.persistent = self.persistent and self.parser.get_http_version() == "1.1"
            if b"transfer-encoding" in fields:
                self.head, self.fields = fields, {}
        self.stage = BODY

    def count_body(self, length: int) -> None:
        """A piece of the body has come."""
        self.size += length
        if self.size > self.service.most_discarded:
            self.refuse(self.service.too_large())
            raise Stop

    def late(self, now: float, *, excused: bool, blocked: bool) -> Late | None:
        """What is due to a connection that has not moved, asked once a second.

        `excused`: it is the server that keeps the client waiting. `blocked`: the client does not read its answers.
        """
        mark = (self.stage, self.requests, self.size, blocked, excused)
        if mark != self._mark:
            if self.stage != BODY or not self._mark or self._mark[:2] != mark[:2]:
                self._body_since = now
            self._mark, self._since = mark, now
        still = now - self._since
        crowd = self.crowd
        if blocked:
            return Late.ABORT if still > crowd.body_seconds else None
        if excused:
            return None
        if self.stage == IDLE:
            return Late.CLOSE if still > (crowd.idle_seconds if self.requests else crowd.head_seconds) else None
        if self.stage == DEAF:
            return Late.ABORT if still > _LINGER else None
        if self.stage == HEAD:
            slow = still > crowd.head_seconds
        else:
            slow = still > crowd.body_seconds or now - self._body_since > _MAX_BODY_PATIENCE * crowd.body_seconds
        return Late.REFUSE if slow else None

    def too_slow(self) -> TooSlow:
        """The error for a request that did not arrive in time."""
        return TooSlow("The request did not arrive in time.", hint="Send head and body without pauses.")

    def _stopped(self, reason: Exception, data: bytes) -> None:
        """The parser did not take all of the data, and it was not told to."""
        if isinstance(reason, httptools.HttpParserUpgrade) and self.stage == HEAD:
            self._feed_without_upgrade(data[reason.args[0] :])
        elif isinstance(reason, httptools.HttpParserCallbackError):
            self.refuse(self.service.defect(reason.__context__))
        elif self.stage == IDLE and not self.persistent:
            self.stage = DEAF  # whatever follows the last request is not read
        else:
            self.refuse(not_http())

    def _feed_without_upgrade(self, rest: bytes) -> None:
        lines = [b"%b: %b\r\n" % field for field in self.fields.items() if field[0] != b"upgrade"]
        method, version = self.parser.get_method(), self.parser.get_http_version().encode()
        head = b"%b %b HTTP/%b\r\n%b\r\n" % (method, self.target, version, b"".join(lines))
        self.target, self.fields, self.stage = b"", {}, IDLE
        self.parser = httptools.HttpRequestParser(self)
        Intake.data_received(self, head + rest)

    def _repeat(self, name: bytes, value: bytes) -> None:
        if self._repeated_for != self.requests:
            self._repeated_for, self._repeated = self.requests, 0
        self.fields[name] += b", " + value
        self._repeated += 1
        if self._repeated > MAX_FIELDS:
            self.refuse(_too_many())
            raise Stop

    def _fault_in_head(self) -> HeadgateError | None:
        """What is wrong with a complete head."""
        fields, version = self.fields, self.parser.get_http_version()
        try:
            httptools.parse_url(self.target)
        except httptools.HttpParserInvalidURLError:
            return not_http()
        if version not in ("1.0", "1.1") or self.parser.get_method() == b"CONNECT":
            return not_http()
        coding = fields.get(b"transfer-encoding")
        if coding is not None and version == "1.0":
            return not_http()
        if coding is not None and coding.strip().lower() != b"chunked":
            return UnknownCoding("The transfer coding of the body is not known.", hint="Send it plain or chunked.")
        if fields.get(b"expect", b"100-continue").lower() != b"100-continue":
            return ExpectationFailed("The request expects what this server does not know.", hint="Leave Expect out.")
        return self._excess_in_head() or self.service.check_announced(fields)

    def _excess_in_head(self) -> HeadgateError | None:
        """What there is too much of in a complete head."""
        fields = self.fields
        if len(self.target) > MAX_TARGET:
            return TargetTooLong(f"The request's target is longer than {MAX_TARGET:,} bytes.")
        if len(fields) > MAX_FIELDS:
            return _too_many()
        if len(self.target) + sum(len(name) + len(value) + 4 for name, value in fields.items()) > MAX_HEAD:
            return _too_long()
        return None

    def _look_at_part(self, length: int) -> None:
        """A read has ended within a request; `length` bytes of it belong to that request, as far as is known."""
        if self._read_for != self.requests:
            self._read_for, self._read = self.requests, 0
        self._read += length
        if self.stage == HEAD and self._read > MAX_HEAD:
            self.refuse(_too_long())
        elif self.stage == BODY and self._read > _MAX_FRAMING * self.size + 2 * MAX_HEAD:
            self.refuse(not_http())
        elif self.stage == BODY and len(self.fields) > MAX_FIELDS:
            self.refuse(_too_many())
        elif self.stage == BODY:
            self.ask_for_body()


def _too_long() -> HeadTooLarge:
    return HeadTooLarge(f"The request's head is larger than {MAX_HEAD:,} bytes.")


def _too_many() -> HeadTooLarge:
    return HeadTooLarge(f"The request has more than {MAX_FIELDS} header fields.")
