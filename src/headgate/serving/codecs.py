"""Bytes to rows, predictions to bytes.

In:  JSON   one row `{"a": 1}` or `[1, 2]`; a list of rows; `{"instances": [rows]}`
     CSV    with or without a header line (validation finds out; `header=present|absent` in the content type settles it)
Out: JSON   `{"prediction": {...}}` for one row, `{"predictions": [{...}]}` where a list or a table was sent
     CSV    one line a row

Rows leave here unchecked: what is in them is the business of `validation`.
"""

import csv
import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from headgate.errors import InvalidInput, UnsupportedMedia
from headgate.serving.media import CSV, JSON, content_type_of, decode_text

Prediction = Mapping[str, Any]
"""`{"label": str, "probability": float}` of a classifier, `{"value": float}` of a regressor."""

to_json = json.JSONEncoder(separators=(",", ":"), allow_nan=False).encode
"""Compact JSON in ASCII, so that text from outside (lone surrogates too) is always valid. Refuses NaN."""


@dataclass(frozen=True, slots=True)
class Batch:
    """The rows of one request. `many`: answer with a list. `text`: all values are text, as in CSV.

    `header`: whether the first row names the columns; None where that has to be found out.
    """

    rows: Sequence[Any]
    many: bool
    text: bool = False
    header: bool | None = False


@dataclass(frozen=True, slots=True)
class Answer:
    """What goes back to the caller."""

    body: bytes
    content_type: str


def decode_batch(body: bytes, content_type: str | None) -> Batch:
    """The rows in a request body. Raises InvalidInput or UnsupportedMedia."""
    media, parameters = content_type_of(content_type)
    if media == JSON:
        return _as_batch(parse_json(body, parameters))
    if media == CSV:
        header = {"present": True, "absent": False}.get(parameters.get("header", ""))
        return Batch(parse_csv(body, parameters), many=True, text=True, header=header)
    raise UnsupportedMedia(f"The content type {media[:100]!r} is not supported.", hint=f"Send {JSON} or {CSV}.")


def parse_json(body: bytes, parameters: Mapping[str, str]) -> Any:
    """The JSON value in `body`. Raises InvalidInput."""
    try:
        return json.loads(decode_text(body, parameters) if parameters else body)
    except json.JSONDecodeError as error:
        where = f"line {error.lineno}, column {error.colno}"
        raise InvalidInput(f"The body is not JSON: {error.msg} at {where}.", hint=_JSON_HINT) from None
    except UnicodeDecodeError:
        raise InvalidInput("The body is not JSON: it is not UTF-8.", hint=_JSON_HINT) from None
    except RecursionError:
        raise InvalidInput("The body is nested too deeply.", hint=_JSON_HINT) from None
    except ValueError:  # an integer of thousands of digits
        raise InvalidInput("The body holds a number that is too long.", hint=_JSON_HINT) from None


_JSON_HINT = 'Send one row as {"feature": value, ...}, or a list of such rows.'


def _as_batch(value: Any) -> Batch:
    if isinstance(value, dict):
        if len(value) == 1 and isinstance(value.get("instances"), list):
            return Batch(value["instances"], many=True)
        return Batch([value], many=False)
    if isinstance(value, list):
        if value and not isinstance(value[0], dict | list):
            return Batch([value], many=False)
        return Batch(value, many=True)
    raise InvalidInput("The body is neither a row nor a list of rows.", hint=_JSON_HINT)


def parse_csv(body: bytes, parameters: Mapping[str, str]) -> list[list[str]]:
    """The lines of a CSV body as lists of text, empty lines left out. Raises InvalidInput."""
    text = decode_text(body, parameters)
    try:
        return [row for row in csv.reader(io.StringIO(text, newline=""), strict=True) if row]
    except csv.Error as error:
        raise InvalidInput(f"The body is not CSV: {error}.", hint="Quote fields as in RFC 4180.") from None


def encode_predictions(predictions: Sequence[Prediction], *, many: bool, media: str) -> Answer:
    """The answer for `predictions` as JSON or CSV."""
    if media == CSV:
        return Answer(encode_csv([list(p.values()) for p in predictions]), f"{CSV}; charset=utf-8")
    document = {"predictions": predictions} if many else {"prediction": predictions[0]}
    return Answer(to_json(document).encode(), JSON)


def encode_csv(rows: Sequence[Sequence[Any]]) -> bytes:
    """One line a row, fields quoted where needed."""
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(rows)
    return text.getvalue().encode()
