"""How long work tells whoever waits how far it is. Libraries never print."""

from typing import Protocol


class Progress(Protocol):
    """Called with what is being done and, where it is known, the share that is done (0 to 1)."""

    def __call__(self, message: str, fraction: float | None, /) -> None:
        """Take note; return at once."""


def silent(_message: str, _fraction: float | None, /) -> None:
    """For those who do not want to know."""
