"""AWS Query: a form in, XML out.

The form is a tree written flat (`Dimensions.member.1.Name=a`). It is folded up again along the shape, because only that
tells `1` the text from `1` the number. A value that is not of its type stays text, for `validation` to refuse by name.
"""

import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qsl
from xml.sax.saxutils import escape

from botocore.model import ListShape, Shape, StructureShape

from headgate.engine.api.errors import ApiError

DEPTH = 20
FIELDS = 50_000
"""The most of them that a form of the largest size has in earnest."""

_BOOLEANS = {"true": True, "false": False}
_INTEGER = re.compile(r"-?\d{1,19}", re.ASCII)
_DECIMAL = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d{1,4})?", re.ASCII)
_INDEX = re.compile(r"\d{1,6}", re.ASCII)
_NO_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""Characters that XML cannot carry, not even escaped."""


def form(body: bytes) -> dict[str, str]:
    """The fields of a form."""
    try:
        return dict(parse_qsl(body.decode(), keep_blank_values=True, max_num_fields=FIELDS))
    except ValueError as error:
        raise ApiError("MalformedInput", f"The body is not a form: {error}") from None


def decode(fields: Mapping[str, str], shape: StructureShape) -> object:
    """The request that the fields other than Action and Version are."""
    tree: dict[str, Any] = {}
    for name, value in fields.items():
        if name not in ("Action", "Version"):
            _put(tree, name, value)
    return _folded(tree, shape)


def encode(operation: str, answer: Mapping[str, Any], shape: StructureShape | None, xmlns: str, request_id: str) -> str:
    """An answer; without a shape, that it worked."""
    result = "" if shape is None else _element(f"{operation}Result", answer, shape)
    return response(operation, result, xmlns, request_id)


def response(operation: str, result: str, xmlns: str, request_id: str) -> str:
    """What every answer has around its result, which is XML."""
    return (
        f'<{operation}Response xmlns="{xmlns}">{result}'
        f"<ResponseMetadata><RequestId>{request_id}</RequestId></ResponseMetadata></{operation}Response>"
    )


def encode_error(error: ApiError, request_id: str) -> str:
    """An error."""
    kind = "Sender" if error.status < 500 else "Receiver"
    inner = members({"Type": kind, "Code": error.code, "Message": error.message})
    return f"<ErrorResponse><Error>{inner}</Error><RequestId>{request_id}</RequestId></ErrorResponse>"


def members(values: Mapping[str, str]) -> str:
    """Elements with text."""
    return "".join(f"<{name}>{_text(value)}</{name}>" for name, value in values.items())


def _put(tree: dict[str, Any], name: str, value: str) -> None:
    *folders, leaf = name.split(".")
    if len(folders) > DEPTH:
        raise ApiError("MalformedInput", f"The field {name[:100]!a} is nested too deeply.")
    for folder in folders:
        tree = tree.setdefault(folder, {})
        if not isinstance(tree, dict):
            raise ApiError("MalformedInput", f"The field {name[:100]!a} lies below one that has a value.")
    if leaf in tree:
        raise ApiError("MalformedInput", f"The field {name[:100]!a} has a value, and fields below it.")
    tree[leaf] = value


def _folded(node: Any, shape: Shape) -> Any:
    match shape:
        case StructureShape() if isinstance(node, dict):
            known = shape.members
            return {key: _folded(item, known[key]) if key in known else item for key, item in node.items()}
        case ListShape():
            return _list(node, shape)
        case _ if isinstance(node, str):
            return _SCALARS.get(shape.type_name, str)(node)
        case _:
            return node


def _list(node: Any, shape: ListShape) -> Any:
    if node == "":
        return []  # how clients write a list without items
    if not isinstance(node, dict) or node.keys() != {"member"} or not isinstance(node["member"], dict):
        return node
    items = node["member"]
    if not all(_INDEX.fullmatch(index) for index in items):
        return node
    return [_folded(items[index], shape.member) for index in sorted(items, key=int)]


def _integer(text: str) -> object:
    return int(text) if _INTEGER.fullmatch(text) else text


def _decimal(text: str) -> object:
    return float(text) if _DECIMAL.fullmatch(text) else text


def _time(text: str) -> object:
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        return text
    return (found if found.tzinfo else found.replace(tzinfo=UTC)).timestamp()


_SCALARS: dict[str, Callable[[str], object]] = {
    "integer": _integer,
    "long": _integer,
    "double": _decimal,
    "float": _decimal,
    "boolean": lambda text: _BOOLEANS.get(text, text),
    "timestamp": _time,
}


def _element(name: str, value: Any, shape: Shape) -> str:
    match shape:
        case StructureShape():
            inner = "".join(_element(key, item, shape.members[key]) for key, item in value.items())
        case ListShape():
            inner = "".join(_element("member", item, shape.member) for item in value)
        case _ if shape.type_name == "timestamp":
            inner = datetime.fromtimestamp(value, UTC).isoformat().replace("+00:00", "Z")
        case _ if shape.type_name == "boolean":
            inner = str(value).lower()
        case _ if shape.type_name in ("double", "float"):
            inner = str(float(value))
        case _:
            inner = _text(str(value))
    return f"<{name}>{inner}</{name}>"


def _text(value: str) -> str:
    return escape(_NO_XML.sub("\N{REPLACEMENT CHARACTER}", value))
