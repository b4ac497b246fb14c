"""Valid requests, made from the packaged schema, or the one that the user gave.

Their values hold a mark, so that the logs can be searched for what callers sent.
"""

import json
import struct
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from headgate.core.schema import Feature, InputSchema

JSON = "application/json"
JSON_LINES = "application/jsonlines"
CSV = "text/csv"
NPY = "application/x-npy"
MARK = "7302415869"
MANY = 50_000
"""The most rows of a large request."""


@dataclass(frozen=True, slots=True)
class Sample:
    """One row. `others`: the same row in other content types; `row`: its values by name, where the schema is known.

    `max_rows` of one request; `takes_nan`: whether NaN is a missing value rather than an error.
    """

    body: bytes
    content_type: str
    others: Mapping[str, bytes] = field(default_factory=dict)
    row: Mapping[str, Any] | None = None
    max_rows: int = 1
    takes_nan: bool = False

    @classmethod
    def of(cls, schema: InputSchema) -> "Sample":
        """A row that the schema allows."""
        row = {feature.name: _value(feature) for feature in schema.features}
        text = json.dumps(row)
        others = {JSON_LINES: f"{text}\n".encode(), CSV: ",".join(map(_cell, row.values())).encode() + b"\n"}
        if all(isinstance(value, float | int) and not isinstance(value, bool) for value in row.values()):
            others[NPY] = _npy(list(row.values()))
        policy = schema.policy
        return cls(text.encode(), JSON, others, row, min(policy.max_rows, MANY), policy.nan == "missing")

    def many(self, size: int) -> bytes:
        """As many rows as fit into `size` bytes, as a JSON list; without a schema the sample itself."""
        if self.row is None:
            return self.body
        count = max(1, min((size - 2) // (len(self.body) + 1), self.max_rows))
        return b"[" + b",".join([self.body] * count) + b"]"


def _value(feature: Feature) -> Any:
    if feature.kind == "string":
        return feature.categories[0] if feature.categories else f"mark {MARK}"
    return {"number": float(f"0.{MARK}"), "integer": 1, "boolean": True}[feature.kind]


def _cell(value: Any) -> str:
    text = str(value).lower() if isinstance(value, bool) else str(value)
    return '"' + text.replace('"', '""') + '"' if set(text) & set(',"\r\n') else text


def _npy(values: list[Any]) -> bytes:
    header = f"{{'descr': '<f4', 'fortran_order': False, 'shape': (1, {len(values)}), }}"
    padded = header.ljust(-(-(len(header) + 11) // 64) * 64 - 11) + "\n"
    return (
        b"\x93NUMPY\x01\x00"
        + struct.pack("<H", len(padded))
        + padded.encode()
        + struct.pack(f"<{len(values)}f", *values)
    )


def capture_encoding(content_type: str) -> str:
    """How SageMaker's data capture writes a payload down, where the endpoint config lists JSON and CSV types."""
    media = content_type.partition(";")[0].strip().lower()
    return {CSV: "CSV", JSON: "JSON", JSON_LINES: "JSON"}.get(media, "BASE64")
