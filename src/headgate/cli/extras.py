"""Optional parts: a missing package is an answer for the user, not a traceback."""

from collections.abc import Iterator
from contextlib import contextmanager

from headgate.errors import MissingExtra


@contextmanager
def needs(what: str, extra: str) -> Iterator[None]:
    """Import inside this; raises MissingExtra where a package that is not ours is missing."""
    try:
        yield
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] == "headgate":
            raise
        raise MissingExtra(what, extra) from error
