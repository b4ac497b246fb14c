"""The numbers of SageMaker's container contract. Tests tighten them; nobody else should."""

from dataclasses import dataclass

MEBIBYTE = 1_048_576
MAX_BODY = 6 * MEBIBYTE
"""The largest body that InvokeEndpoint passes on; serverless endpoints pass 4 MiB."""


@dataclass(frozen=True, slots=True)
class Limits:
    """All in seconds."""

    start: float = 240.0
    """From the start of the process to the first 200 of /ping; the default of a real-time endpoint."""
    start_serverless: float = 180.0
    ping: float = 2.0
    connect: float = 0.25
    answer: float = 60.0
    drain: float = 30.0
    """From SIGTERM to SIGKILL."""
    refusal: float = 10.0
    """How long a process may take to refuse an unknown argument. Ours, not SageMaker's."""
    silence: float = 10.0
    """How long the smallest requests may take. Ours: a check must not wait for a minute to call it a hang."""
