"""Named fields leave a body before it is kept.

    by name    in JSON objects at any depth (a row, a list of rows, instances, columns), in rows beside their own
               `columns`, as pandas writes them, and in CSV with a header
    by place   in rows without names, where the schema tells which place is whose

What a request holds is kept only where every value in it can be given a name: a body of another type (NPY, Parquet),
one that cannot be parsed, a row of another width become `[redacted]` as a whole. An answer is the model's own, so there
a list that is not as wide as the schema is kept: it is no row that was echoed. Of our own answers only JSON repeats the
request, as objects; those of a user's hooks may repeat it in any form above.

This is slow next to answering and runs on the capture's own thread.
"""

import json
from collections.abc import Sequence
from typing import Any

from headgate.errors import InvalidInput
from headgate.serving.codecs import encode_csv, parse_csv, parse_json
from headgate.serving.media import CSV, JSON, content_type_of, decode_text

REDACTED = "[redacted]"
_JSON_LINES = ("application/jsonlines", "application/jsonl", "application/x-jsonlines", "application/x-ndjson")
_to_json = json.JSONEncoder(separators=(",", ":")).encode  # NaN, which Python reads, is written again


class Redactor:
    """Takes `names` out of bodies. `features` are the schema's, in order; none where there is no schema."""

    def __init__(self, names: Sequence[str], features: Sequence[str]) -> None:
        self._names = frozenset(names)
        self._features = tuple(features)
        self._places = {place for place, name in enumerate(features) if name in self._names}

    def input(self, body: bytes, content_type: str | None) -> bytes:
        """A request's body without them."""
        return self._redact(body, content_type, strict=True)

    def output(self, body: bytes, content_type: str | None) -> bytes:
        """An answer's body without them."""
        return self._redact(body, content_type, strict=False)

    def _redact(self, body: bytes, content_type: str | None, *, strict: bool) -> bytes:
        media, parameters = content_type_of(content_type)
        try:
            if media == JSON:
                return _to_json(self._value(parse_json(body, parameters), strict=strict)).encode()
            if media in _JSON_LINES:
                lines = [line.encode() for line in decode_text(body, parameters).split("\n") if line.strip()]
                values = [self._value(parse_json(line, {}), strict=strict) for line in lines]
                return "".join(_to_json(value) + "\n" for value in values).encode()
            if media == CSV:
                return encode_csv(self._table(parse_csv(body, parameters), parameters.get("header"), strict=strict))
        except (InvalidInput, RecursionError):
            pass
        return f'"{REDACTED}"'.encode() if media == JSON else REDACTED.encode()

    def _value(self, value: Any, *, strict: bool) -> Any:
        if isinstance(value, dict):
            if isinstance(value.get("columns"), list):
                return self._split(value)
            return {key: self._member(key, member, strict=strict) for key, member in value.items()}
        if isinstance(value, list):
            nested = any(isinstance(item, list | dict) for item in value)
            return [self._value(item, strict=strict) for item in value] if nested else self._row(value, strict=strict)
        if strict:
            raise InvalidInput("A value without a name.")
        return value

    def _member(self, key: str, member: Any, *, strict: bool) -> Any:
        if key in self._names:
            return REDACTED
        column = key in self._features and isinstance(member, list)
        if not isinstance(member, list | dict) or (column and not any(isinstance(x, list | dict) for x in member)):
            return member
        return self._value(member, strict=strict)

    def _split(self, table: dict[str, Any]) -> dict[str, Any]:
        """Rows whose places have the names in `columns`; an index has none. Raises InvalidInput for any other form."""
        columns, rows = table["columns"], table.get("data")
        named = all(isinstance(name, str) for name in columns) and table.keys() <= {"columns", "data", "index"}
        if not named or not isinstance(rows, list):
            raise InvalidInput("A table that cannot be redacted.")
        index = {"index": REDACTED} if "index" in table else {}
        return {"columns": columns, **index, "data": [self._named(row, columns) for row in rows]}

    def _named(self, row: Any, names: Sequence[str]) -> list[Any]:
        """A row whose places have these names. Raises InvalidInput where it is none."""
        if not isinstance(row, list) or len(row) != len(names) or any(isinstance(item, list | dict) for item in row):
            raise InvalidInput("A row that cannot be redacted.")
        return [REDACTED if name in self._names else value for name, value in zip(names, row, strict=True)]

    def _row(self, row: list[Any], *, strict: bool) -> list[Any]:
        """A row without names. Raises InvalidInput where its places have none."""
        if self._features and len(row) == len(self._features):
            return [REDACTED if place in self._places else value for place, value in enumerate(row)]
        if strict and row:
            raise InvalidInput("A row that cannot be redacted.")
        return row

    def _table(self, rows: list[list[str]], header: str | None, *, strict: bool) -> list[list[Any]]:
        names = [name.strip() for name in rows[0]] if rows and header != "absent" else []
        if self._names.isdisjoint(names) and (header != "present" and not set(self._features) & set(names)):
            return [self._row(row, strict=strict) for row in rows]
        return [rows[0], *(self._named(row, names) for row in rows[1:])]
