"""One attempt at a model server, as the gateway's attempt log tells it (`gateway.attempt_log` writes it).

What a line says of the ways to fail, measured:

    500                           its status, no flag
    reset, killed                 a flag (UC, UPE), and status 0 where it came before the answer
    dead, cannot be reached       status 0, flag UF
    hung, with a time-out a try   status 0, flag UT
    hung, no such time-out        status 0, no flag, after as long as any request may take
    the caller went away          status 0, no flag, sooner: nobody's failure
    ejected                       no line of its own servers: one of the fallback's
"""

import json
from dataclasses import dataclass
from hashlib import blake2b


@dataclass(frozen=True, slots=True)
class Attempt:
    """One attempt. Hashes have 64 bits; `ended` is in epoch seconds."""

    ended: float
    endpoint: str
    variant: str
    """The variant that the request was assigned to, whoever answered it."""
    answered_by: str
    """The variant of the server that this attempt went to; empty where none was reached."""
    randomised: bool
    """False where the caller chose the variant: an invocation, but no unit of evidence."""
    request: int
    client: int | None
    """Whom the request came from, where routing is sticky."""
    number: int
    """1 for a request's first attempt."""
    status: int
    """0 where there was no answer."""
    failed: bool
    """5xx, time-out, reset, no connection, or another variant's server had to answer."""
    microseconds: int | None
    """How long the assigned variant's own server took; None where it did not answer."""


_decode = json.JSONDecoder().decode
_NONE = "-"
_LONGEST_NUMBER = 15
_TIMER_SECONDS = 0.01
"""How much earlier than told a time-out may seem to come: clocks are read at different moments."""


def read_attempt(line: bytes) -> Attempt | None:
    """The attempt that a line tells of; None for a line that is damaged or cut."""
    try:
        told = _decode(line.decode())
        endpoint, parts = told["endpoint"], told["cluster"].split("/")
        variant = parts[1] if len(parts) == 3 else told["cluster"]
        server, status, named = told["server"] or "", int(told["status"]), told["named"] is True
        client = told["user"]
        if client is None:
            client = told["client"]
        ended = float(told["ended"])
        failed = status >= 500 or told["flags"] != _NONE or server not in (variant, "")
        if status == 0 and not failed:
            failed = ended - float(told["began"]) > told["longest"] - _TIMER_SECONDS
        return Attempt(
            ended,
            endpoint,
            variant,
            server,
            not named,
            _hash(told["request"]),
            None if client is None or named else _hash(client),
            int(told["number"]),
            status,
            failed,
            _microseconds(told["model_us"], told["us"]) if status and server == variant else None,
        )
    except (OverflowError, ValueError, KeyError, TypeError, AttributeError):
        return None


def _hash(text: str) -> int:
    return int.from_bytes(blake2b(text.encode(errors="surrogatepass"), digest_size=8).digest(), "big")


def _microseconds(said: str | None, measured: int | None) -> int | None:
    """What the model server says of itself, where that is a number; else what Envoy measured."""
    if said is not None and said.isascii() and said.isdecimal() and len(said) <= _LONGEST_NUMBER:
        return int(said)
    return measured
