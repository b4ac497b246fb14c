"""JSON and JSON lines."""

import json
from collections.abc import Mapping
from typing import Any

from headgate.errors import InvalidInput
from headgate.serving.codecs.batch import Batch
from headgate.serving.media import decode_text

_HINT = 'Send one row as {"feature": value, ...}, or a list of such rows.'
_LINES_HINT = 'Send one row as {"feature": value, ...} on each line.'


def parse_json(body: bytes, parameters: Mapping[str, str]) -> Any:
    """The JSON value in `body`. Raises InvalidInput."""
    return _parse(decode_text(body, parameters) if parameters else body, "The body", _HINT)


def parse_lines(body: bytes, parameters: Mapping[str, str]) -> list[Any]:
    """The JSON value on each line that is not empty. Raises InvalidInput."""
    lines = decode_text(body, parameters).split("\n")  # splitlines would break at U+2028, which may be in a text
    return [_parse(line, f"Line {n} of the body", _LINES_HINT) for n, line in enumerate(lines, 1) if line.strip()]


def _parse(text: str | bytes, what: str, hint: str) -> Any:
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        where = f"line {error.lineno}, column {error.colno}"
        raise InvalidInput(f"{what} is not JSON: {error.msg} at {where}.", hint=hint) from None
    except UnicodeDecodeError:
        raise InvalidInput(f"{what} is not JSON: it is not UTF-8.", hint=hint) from None
    except RecursionError:
        raise InvalidInput(f"{what} is nested too deeply.", hint=hint) from None
    except ValueError:  # an integer of thousands of digits
        raise InvalidInput(f"{what} holds a number that is too long.", hint=hint) from None


def as_batch(value: Any) -> Batch:
    """The rows in a JSON value. Raises InvalidInput."""
    if isinstance(value, dict):
        return _in_object(value)
    if isinstance(value, list):
        if value and not isinstance(value[0], dict | list):
            return Batch([value], many=False)
        return Batch(value, many=True)
    raise InvalidInput("The body is neither a row nor a list of rows.", hint=_HINT)


def _in_object(value: dict[str, Any]) -> Batch:
    """A feature is never a list, so that an object of lists only is a table by columns."""
    if not value or not all(isinstance(item, list) for item in value.values()):
        return Batch([value], many=False)
    if len(value) == 1 and "instances" in value:
        return Batch(value["instances"], many=True)
    if {"columns", "data"} <= value.keys() <= {"columns", "data", "index"}:
        columns = value["columns"]
        if all(isinstance(name, str) for name in columns):
            return Batch(value["data"], many=True, columns=columns)
    lengths = {name: len(column) for name, column in value.items()}
    if len(set(lengths.values())) > 1:
        shortest, longest = min(lengths, key=lengths.__getitem__), max(lengths, key=lengths.__getitem__)
        raise InvalidInput(
            f"The columns differ in length: {shortest[:50]!r} has {lengths[shortest]} values, "
            f"{longest[:50]!r} has {lengths[longest]}.",
            hint=_HINT,
        )
    return Batch(list(zip(*value.values(), strict=True)), many=True, columns=list(value))
