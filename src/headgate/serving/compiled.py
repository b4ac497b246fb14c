"""The fast path of reading: from the bytes of a body straight to checked values.

From the schema msgspec makes decoders that parse and check in one go, several times faster than parsing alone is
otherwise. They take what most callers send: one JSON object, lists of objects or of lists, `instances`, JSON lines, and
CSV of numbers in the order of the schema, which becomes JSON by putting brackets at the line ends. An NPY table of
floats is checked as a whole.

They take less than `codecs` and `validation`, never more, and with equal values; a property test holds the two
together. Whatever they refuse goes the slow way, which is the truth and words the errors, so nothing here says why.
What has to be minded:

- msgspec does not check a value that nobody reads, not even for being UTF-8. So an object with a field that is no
  feature is never taken here, also where the policy ignores such fields.
- Python's reader takes NaN, infinity, a byte order mark and UTF-16; msgspec takes none of them.
- msgspec's reader of lines does not look where lines end, so that each line is read by itself.
- `null`, `"1"` and `]` in a CSV field are text to a CSV reader. So CSV is taken only where all features are numbers,
  the body has neither brackets nor lone carriage returns, and no value is missing. A first line that could be a header
  of numbers is left to the slow way.
"""

from collections.abc import Callable, Sequence
from functools import lru_cache
from types import GenericAlias
from typing import Annotated, Any, Literal

import msgspec

from headgate.core.schema import Feature, InputSchema
from headgate.serving.media import CSV, JSON, JSON_LINES, NPY, content_type_of
from headgate.serving.values import FLOAT32_MAX, Value

Row = Sequence[Value | None]
Decode = Callable[[Any], Any]
Form = Literal["json", "lines", "npy", "csv", "headed csv", "headless csv"]

_REFUSED = (msgspec.DecodeError, ValueError, RecursionError)
_INT64 = 2**63

_number = Annotated[float, msgspec.Meta(ge=-FLOAT32_MAX, le=FLOAT32_MAX)]
_integer = Annotated[int, msgspec.Meta(ge=-_INT64, le=_INT64 - 1)]
_TYPES: dict[str, Any] = {"number": _number, "integer": _integer, "boolean": bool, "string": str}


class Compiled:
    """Reads bodies for one schema."""

    def __init__(self, schema: InputSchema) -> None:
        types = [_type_of(feature) for feature in schema.features]
        named = _named([feature.name for feature in schema.features], types)
        listed = GenericAlias(tuple, tuple(types))
        kinds = [kind for kind in (named, listed) if kind is not None]
        self._max_rows = schema.policy.max_rows
        self._width = len(types)
        self._row: Decode = _refuse if named is None else msgspec.json.Decoder(named).decode
        self._list: Decode = msgspec.json.Decoder(listed).decode
        self._rows = [msgspec.json.Decoder(_list_of(kind)).decode for kind in kinds]
        self._instances = [_instances_of(kind) for kind in kinds]
        self._csv = _csv_decoder(schema.features)
        self._header = _plain_header(schema.features)
        self._header_shows = not any(_is_json(feature.name) for feature in schema.features)
        self._only_numbers = all(feature.kind == "number" for feature in schema.features)

    def row(self, body: bytes) -> tuple[Value | None, ...] | None:
        """The values of one JSON object in schema order, or None where the slow way has to be taken."""
        try:
            return msgspec.structs.astuple(self._row(body))
        except _REFUSED:
            return None

    def rows(self, body: bytes, content_type: str | None) -> tuple[Sequence[Row], bool] | None:
        """The rows, and whether to answer with a list; or None where the slow way has to be taken.

        Raises InvalidInput where an NPY body is no array.
        """
        form = form_of(content_type)
        try:
            if form == "json":
                return self._from_json(body)
            if form == "lines":
                return self._bounded(self._from_lines(body))
            if form == "npy":
                return self._bounded(self._from_npy(body))
            if form is not None:
                return self._bounded(self._from_csv(self._below_header(body, form)))
        except _REFUSED:
            pass
        return None

    def _from_json(self, body: bytes) -> tuple[Sequence[Row], bool] | None:
        first = body[:1]
        if first == b"{" and b'"instances"' in body[:20]:
            return self._bounded(_first(self._instances, body).instances)
        if first == b"{":
            return ([msgspec.structs.astuple(self._row(body))], False)
        if first == b"[" and body[1:100].lstrip()[:1] in (b"{", b"["):
            return self._bounded(_first(self._rows, body))
        return ([self._list(body)], False)

    def _from_lines(self, body: bytes) -> Sequence[Any]:
        lines = [line for line in body.split(b"\n") if line]
        decode = self._list if body[:1] == b"[" else self._row
        return [decode(line) for line in lines]

    def _below_header(self, body: bytes, form: Form) -> bytes:
        """The lines of values. Raises ValueError where it has to be looked closely which those are."""
        if form != "headless csv":
            first, _, rest = body.partition(b"\n")
            if first.removesuffix(b"\r") == self._header:
                return rest
            if form == "headed csv" or not self._header_shows:
                raise ValueError
        return body

    def _from_csv(self, body: bytes) -> Sequence[Row]:
        """Raises ValueError where the lines are not plain numbers."""
        if self._csv is None or b"[" in body or b"]" in body:
            raise ValueError
        if b"\r" in body:
            body = body.replace(b"\r\n", b"\n")
            if b"\r" in body:
                raise ValueError
        rows: Sequence[Row] = self._csv(b"[[%b]]" % body.removesuffix(b"\n").replace(b"\n", b"],["))
        return rows

    def _from_npy(self, body: bytes) -> Sequence[Any]:
        """Raises ValueError where it is not a table of finite numbers."""
        from headgate.serving.codecs.npy import parse_npy

        array = parse_npy(body)
        if not self._only_numbers or array.dtype.char not in "efd" or array.shape[1:] != (self._width,):
            raise ValueError
        if not array.size or not float(abs(array).max()) <= FLOAT32_MAX:  # false for NaN too
            raise ValueError
        rows: Sequence[Any] = array.tolist()
        return rows

    def _bounded(self, rows: Sequence[Any]) -> tuple[Sequence[Row], bool] | None:
        if not 0 < len(rows) <= self._max_rows:
            return None
        if isinstance(rows[0], msgspec.Struct):
            rows = list(map(msgspec.structs.astuple, rows))
        return rows, True


@lru_cache(64)  # callers send the same few again and again
def form_of(content_type: str | None) -> Form | None:
    """What a body of this type can be read as here."""
    media, parameters = content_type_of(content_type)
    if media == NPY:
        return "npy"
    if parameters.get("charset", "utf-8") not in ("utf-8", "utf8"):
        return None
    if media == JSON:
        return "json"
    if media in JSON_LINES:
        return "lines"
    if media == CSV:
        header = parameters.get("header")
        return "headed csv" if header == "present" else "headless csv" if header == "absent" else "csv"
    return None


def _type_of(feature: Feature) -> Any:
    kind = Literal[feature.categories] if feature.categories else _TYPES[feature.kind]
    return kind | None if feature.nullable else kind


def _named(names: Sequence[str], types: Sequence[Any]) -> Any | None:
    """The type of an object with these names; None where msgspec cannot spell one of them."""
    keys = [f"f{n}" for n in range(len(names))]
    fields = list(zip(keys, types, strict=True))
    try:
        return msgspec.defstruct(
            "Named",
            fields,
            rename=dict(zip(keys, names, strict=True)),
            forbid_unknown_fields=True,
            frozen=True,
            gc=False,
        )
    except ValueError:  # it has a quote, a backslash or a control character
        return None


def _refuse(body: Any) -> Any:  # noqa: ARG001
    """In the place of a decoder that cannot be made."""
    raise ValueError


def _list_of(kind: Any) -> Any:
    return GenericAlias(list, (kind,))


def _instances_of(kind: Any) -> Decode:
    fields = [("instances", _list_of(kind))]
    return msgspec.json.Decoder(msgspec.defstruct("Instances", fields, forbid_unknown_fields=True)).decode


def _csv_decoder(features: Sequence[Feature]) -> Decode | None:
    if any(feature.kind not in ("number", "integer") for feature in features):
        return None
    row = GenericAlias(tuple, tuple(_TYPES[feature.kind] for feature in features))
    return msgspec.json.Decoder(_list_of(row)).decode


def _plain_header(features: Sequence[Feature]) -> bytes | None:
    """The line that names the features in their order; None where a name would have to be quoted."""
    names = [feature.name for feature in features]
    if any(not name.isprintable() or name != name.strip() or not name or set(name) & set(',"') for name in names):
        return None
    return ",".join(names).encode()


def _is_json(name: str) -> bool:
    """Whether a header with this name could be taken for a row of values."""
    try:
        msgspec.json.decode(name)
    except _REFUSED:
        return False
    return True


def _first(decoders: Sequence[Decode], body: bytes) -> Any:
    """What the first of the decoders that takes the body makes of it. Raises what the last one raises."""
    *others, last = decoders
    for decode in others:
        try:
            return decode(body)
        except _REFUSED:
            continue
    return last(body)
