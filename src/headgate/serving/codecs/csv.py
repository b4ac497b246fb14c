"""CSV as in RFC 4180: with or without a header line, quoted fields, empty fields for missing values."""

import csv
import io
from collections.abc import Iterable, Mapping
from typing import Any

from headgate.errors import InvalidInput
from headgate.serving.codecs.batch import Batch
from headgate.serving.media import decode_text


def parse_csv(body: bytes, parameters: Mapping[str, str]) -> list[list[str]]:
    """The lines of a CSV body as lists of text, empty lines left out. Raises InvalidInput."""
    text = decode_text(body, parameters)
    try:
        return [row for row in csv.reader(io.StringIO(text, newline=""), strict=True) if row]
    except csv.Error as error:
        raise InvalidInput(f"The body is not CSV: {error}.", hint="Quote fields as in RFC 4180.") from None


def as_batch(lines: list[list[str]], header: str | None) -> Batch:
    """The rows in the lines; `header` is `present`, `absent`, or anything else where nobody says."""
    if header == "present" and lines:
        return Batch(lines[1:], many=True, form="text", columns=[name.strip() for name in lines[0]])
    return Batch(lines, many=True, form="text", headed=header != "absent")


def encode_csv(rows: Iterable[Iterable[Any]]) -> bytes:
    """One line a row, fields quoted where needed."""
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(rows)
    return text.getvalue().encode()
