"""The rows that users send, from a file: a JSON list, or one JSON value a line."""

import json
from pathlib import Path

from headgate.errors import InvalidInput, NotFound

LARGEST = 10 * 1024 * 1024


def read_rows(path: Path) -> tuple[str, ...]:
    """The bodies in a file, JSON each. Raises NotFound and InvalidInput."""
    try:
        with path.open("rb") as file:
            content = file.read(LARGEST + 1)
    except (FileNotFoundError, IsADirectoryError):
        raise NotFound(f"There is no file {str(path)!r}.", hint="--rows names a file with the rows to send.") from None
    except OSError as error:
        raise NotFound(
            f"{str(path)!r} cannot be read: {error.strerror}.", hint="--rows names a file with the rows to send."
        ) from None
    if len(content) > LARGEST:
        raise InvalidInput(f"{path} is larger than {LARGEST:,} bytes.", hint="A few hundred rows are enough.")
    try:
        text = content.decode()
        try:
            whole = json.loads(text)
            found = whole if isinstance(whole, list) else [whole]
        except json.JSONDecodeError:
            found = [json.loads(line) for line in text.splitlines() if line.strip()]
        return tuple(json.dumps(row) for row in found)
    except (ValueError, RecursionError) as error:
        hint = 'Such as [{"a": 1.5}, {"a": 2}], or a row on each line.'
        raise InvalidInput(f"{path} is no JSON: {error}.", hint=hint) from None
