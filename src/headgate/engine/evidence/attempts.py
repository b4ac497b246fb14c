"""One attempt at a model server, as the gateway's attempt log tells it."""

from dataclasses import dataclass


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
