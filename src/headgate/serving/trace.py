"""W3C trace context: whose trace a request belongs to, read from `traceparent` and `tracestate`.

Read strictly, as the recommendation asks: a `traceparent` that breaks a rule is as good as none, and without a valid
one `tracestate` means nothing; a `tracestate` that breaks a rule is left out alone. The server makes no spans of its
own: log lines and hooks are told the caller's, under which theirs belong.
"""

import re
from typing import NamedTuple

from headgate.serving.predictor import Headers

_PARENT = re.compile(r"([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-[\x21-\x7e]*)?", re.ASCII)
_MEMBER = re.compile(r"[a-z0-9][a-z0-9_*/@-]{0,255}=[\x20-\x2b\x2d-\x3c\x3e-\x7e]{0,255}[\x21-\x2b\x2d-\x3c\x3e-\x7e]")
_MAX_MEMBERS = 32
_MAX_STATE = 8_192


class Trace(NamedTuple):
    """The caller's trace and span. `state` is the vendors' part, as it came; empty where there is none."""

    trace_id: str
    span_id: str
    sampled: bool
    state: str = ""


def trace_of(headers: Headers) -> Trace | None:
    """The trace that a request belongs to, or None."""
    given = headers.get(b"traceparent")
    if given is None:
        return None
    found = _PARENT.fullmatch(given.decode("latin-1"))
    if found is None:
        return None
    version, trace_id, span_id, flags, rest = found.groups()
    # later versions may carry more behind what is known today
    if version == "ff" or (version == "00" and rest is not None) or not trace_id.strip("0") or not span_id.strip("0"):
        return None
    return Trace(trace_id, span_id, bool(int(flags, 16) & 1), _state(headers.get(b"tracestate", b"")))


def _state(given: bytes) -> str:
    text = given.decode("latin-1")
    members = [member.strip(" \t") for member in text.split(",")]
    members = [member for member in members if member]
    keys = {member.partition("=")[0] for member in members}
    sound = len(given) <= _MAX_STATE and len(members) <= _MAX_MEMBERS and len(keys) == len(members)
    return text.strip(" \t") if sound and all(map(_MEMBER.fullmatch, members)) else ""
