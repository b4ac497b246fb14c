"""Requests, checked against their shape: types, required members, enums, ranges, lengths and patterns.

One walk over the shape finds every problem, and they are reported together in AWS's words: wrong JSON types as
SerializationException, everything else as one ValidationException (`2 validation errors detected: …; …`), or under the
code that the service has for it. botocore's own validator checks only the client's half of this (required, type and
minimum), hence a walk of our own.

Members that the service model does not know are refused by name: what is not understood is not ignored. A null member
counts as absent.
"""

import json
import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, cast

from botocore.model import ListShape, MapShape, Shape, StructureShape

from headgate.engine.api.errors import ApiError
from headgate.engine.api.patterns import matches

SHOWN = 256
"""Characters of a wrong value that a message shows."""

PATTERN_LIMIT = 4096
"""A text longer than this and than its maximum is not matched: on such a text a pattern may take very long."""


@dataclass(frozen=True, slots=True)
class Codes:
    """The error codes of a service: a constraint is broken; nothing is wrong but that members are missing."""

    broken: str = "ValidationException"
    missing: str = "ValidationException"


SAGEMAKER = Codes()
CLOUDWATCH = Codes("InvalidParameterValue", "MissingParameter")


def check(request: object, shape: StructureShape, codes: Codes = SAGEMAKER) -> dict[str, Any]:
    """The request without its null members. Raises ApiError naming every problem."""
    found = _Problems()
    clean = _walk(request, shape, "", found)
    if found.types:
        raise ApiError("SerializationException", "; ".join(found.types))
    if found.constraints:
        count = len(found.constraints)
        errors = "1 validation error" if count == 1 else f"{count} validation errors"
        code = codes.missing if found.missing == count else codes.broken
        raise ApiError(code, f"{errors} detected: {'; '.join(found.constraints)}")
    return cast(dict[str, Any], clean)


@dataclass(slots=True)
class _Problems:
    types: list[str] = field(default_factory=list)
    constraints: list[str] = field(default_factory=list)
    missing: int = 0
    """How many of the constraints are that a member must be there."""

    def wrong_type(self, path: str, value: object, expected: str) -> None:
        where = f" at '{path}'" if path else ""
        self.types.append(f"{_json_type(value)} can not be converted to {expected}{where}")

    def broken(self, path: str, value: object, constraint: str, shape: Shape | None = None) -> None:
        secret = shape is not None and bool(shape.metadata.get("sensitive"))
        shown = "null" if value is None else "'***'" if secret else f"'{_shown(value)}'"
        self.constraints.append(f"Value {shown} at '{path}' failed to satisfy constraint: {constraint}")


def _walk(value: object, shape: Shape, path: str, found: _Problems) -> Any:
    match shape:
        case StructureShape():
            return _structure(value, shape, path, found)
        case ListShape():
            return _list(value, shape, path, found)
        case MapShape():
            return _map(value, shape, path, found)
        case _:
            return _scalar(value, shape, path, found)


def _structure(value: object, shape: StructureShape, path: str, found: _Problems) -> dict[str, Any]:
    if not isinstance(value, dict):
        found.wrong_type(path, value, "a structure")
        return {}
    given = {key: member for key, member in value.items() if member is not None}
    for key in given.keys() - shape.members.keys():
        found.broken(_join(path, key), given[key], f"Member is not known in {shape.name}")
    for key in shape.required_members:
        if key not in given:
            found.broken(_join(path, key), None, "Member must not be null")
            found.missing += 1
    known = {key: member for key, member in given.items() if key in shape.members}
    return {key: _walk(member, shape.members[key], _join(path, key), found) for key, member in known.items()}


def _list(value: object, shape: ListShape, path: str, found: _Problems) -> list[Any]:
    if not isinstance(value, list):
        found.wrong_type(path, value, "a list")
        return []
    for constraint in _sizes(len(value), shape):
        found.broken(path, value, constraint)
    return [_walk(item, shape.member, f"{path}.{i}.member", found) for i, item in enumerate(value, 1)]


def _map(value: object, shape: MapShape, path: str, found: _Problems) -> dict[str, Any]:
    if not isinstance(value, dict):
        found.wrong_type(path, value, "a map")
        return {}
    for constraint in _sizes(len(value), shape):
        found.broken(path, value, constraint)
    clean = {}
    for key, item in value.items():
        inner = _Problems()
        _walk(key, shape.key, "", inner)
        if inner.constraints:
            found.broken(path, value, f"Map keys must satisfy constraint: [{_constraints(inner)}]")
        inner.constraints.clear()
        clean[key] = _walk(item, shape.value, f"{path}.{key}", inner)
        found.types += inner.types
        if inner.constraints:
            found.broken(path, value, f"Map value must satisfy constraint: [{_constraints(inner)}]")
    return clean


def _constraints(inner: _Problems) -> str:
    return ", ".join(text.partition("failed to satisfy constraint: ")[2] for text in inner.constraints)


def _scalar(value: object, shape: Shape, path: str, found: _Problems) -> Any:
    expected = _wrong_scalar(value, shape.type_name)
    if expected:
        found.wrong_type(path, value, expected)
    elif isinstance(value, str):
        for constraint in _text_constraints(value, shape):
            found.broken(path, value, constraint, shape)
    elif isinstance(value, int | float) and not isinstance(value, bool):
        for constraint in _bounds(value, shape, "have value"):
            found.broken(path, value, constraint)
    return value


def _wrong_scalar(value: object, type_name: str) -> str:
    """What was expected, where `value` is not of that type; else nothing."""
    number = isinstance(value, int | float) and not isinstance(value, bool) and _is_finite(value)
    match type_name:
        case "string":
            return "" if isinstance(value, str) and _is_unicode(value) else "a String"
        case "boolean":
            return "" if isinstance(value, bool) else "a Boolean"
        case "integer" | "long":
            return "" if number and isinstance(value, int) else "an Integer"
        case "float" | "double":
            return "" if number else "a Float"
        case "timestamp":
            return "" if number else "a Timestamp (seconds since 1970 as a number)"
        case _:
            return f"the type {type_name}"


def _text_constraints(value: str, shape: Shape) -> Iterator[str]:
    rules = shape.metadata
    if "enum" in rules and value not in rules["enum"]:
        yield f"Member must satisfy enum value set: [{', '.join(rules['enum'])}]"
    yield from _sizes(len(value), shape)
    too_long = len(value) > max(rules.get("max", 0), PATTERN_LIMIT)
    if "pattern" in rules and not too_long and not matches(rules["pattern"], value):
        yield f"Member must satisfy regular expression pattern: {rules['pattern']}"


def _sizes(size: int, shape: Shape) -> Iterator[str]:
    return _bounds(size, shape, "have length")


def _bounds(value: float, shape: Shape, what: str) -> Iterator[str]:
    relation = "than or equal to"
    if "min" in shape.metadata and value < shape.metadata["min"]:
        yield f"Member must {what} greater {relation} {shape.metadata['min']}"
    if "max" in shape.metadata and value > shape.metadata["max"]:
        yield f"Member must {what} less {relation} {shape.metadata['max']}"


def _is_finite(number: float) -> bool:
    return abs(number) < 2**63 if isinstance(number, int) else math.isfinite(number)


def _is_unicode(text: str) -> bool:
    """False for half a surrogate pair, which JSON can write and nothing can store."""
    return not any("\ud800" <= character <= "\udfff" for character in text)


def _join(path: str, member: str) -> str:
    name = member[:1].lower() + member[1:]
    return f"{path}.{name}" if path else name


def _shown(value: object) -> str:
    text = value if isinstance(value, str) else json.dumps(value)
    return text if len(text) <= SHOWN else text[:SHOWN] + "…"


def _json_type(value: object) -> str:
    match value:
        case bool():
            return f"{str(value).upper()}_VALUE"
        case str():
            return "STRING_VALUE"
        case int() | float():
            return "NUMBER_VALUE"
        case None:
            return "NULL_VALUE"
        case list():
            return "START_ARRAY"
        case _:
            return "START_OBJECT"
