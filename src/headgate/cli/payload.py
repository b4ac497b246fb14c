"""A request's body as given on the command line: JSON itself, `@file`, or `-` for standard input."""

import os
import sys
from pathlib import Path

from headgate.errors import InvalidInput, NotFound, UsageError

JSON = "application/json"
BY_SUFFIX = {".csv": "text/csv", ".json": JSON}


def read_payload(given: str, content_type: str | None) -> tuple[bytes, str]:
    """The body and its content type. JSON is parsed here, so that a slip is told before anything is asked.

    Raises NotFound for a missing file, InvalidInput for what is not JSON, UsageError for what is no content type.
    """
    body, guessed = _read(given)
    content_type = content_type or guessed
    if not (content_type.isascii() and content_type.isprintable()):
        raise UsageError(f"{content_type!r} is not a content type.", hint="Such as application/json or text/csv.")
    if content_type.partition(";")[0].strip() == JSON:
        import json

        try:
            json.loads(body)
        except (json.JSONDecodeError, UnicodeDecodeError) as error:
            raise InvalidInput(
                f"The input is not JSON: {error}.",
                hint="""Give a row such as '{"a": 1.5}', a list of rows, @file, or - for standard input.""",
            ) from None
    return body, content_type


def _read(given: str) -> tuple[bytes, str]:
    if given == "-":
        return sys.stdin.buffer.read(), JSON
    if not given.startswith("@"):
        return os.fsencode(given), JSON  # the bytes as typed, whatever the locale
    path = Path(given[1:])
    try:
        return path.read_bytes(), BY_SUFFIX.get(path.suffix.lower(), JSON)
    except (FileNotFoundError, IsADirectoryError):
        raise NotFound(
            f"There is no file {given[1:]!r}.", hint="@ is followed by the name of a file with the rows."
        ) from None
