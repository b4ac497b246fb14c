"""The init phase: Lambda imports a module, and what is to answer stands when the import is over."""

import logging
import sys
from collections.abc import Callable
from typing import Protocol, TypeVar

from headgate.errors import HeadgateError
from headgate.serving.aws_lambda.door import Invocation
from headgate.serving.logs import configure_logging


class _Answering(Protocol):
    invocation: Invocation


Made = TypeVar("Made", bound=_Answering)


def started(make: Callable[[], Made]) -> Made:
    """What `make` makes, with its log set up. Raises what `make` raises; Lambda reports it as an init error."""
    configure_logging(sys.stderr)
    try:
        made = make()
    except HeadgateError as error:  # the init error that Lambda keeps has no room for the hint
        sys.stderr.write(" ".join(f"headgate: {error.message} {error.hint}".split()) + "\n")
        raise
    for sink in logging.getLogger().handlers:
        sink.addFilter(made.invocation)
    return made
