"""AWS JSON: a document in, a document out. Times are numbers."""

import json
from collections.abc import Mapping
from typing import Any

from headgate.engine.api.errors import ApiError


def decode(body: bytes) -> object:
    """The document of a request; nothing is an empty one."""
    try:
        return json.loads(body or b"{}")
    except ValueError as error:
        raise ApiError("SerializationException", f"The body is not JSON: {error}") from None


def encode(answer: Mapping[str, Any]) -> bytes:
    """An answer, or an error's members."""
    return json.dumps(answer).encode()
