"""What pydantic found wrong, said to a person: `path/to/key: what was expected, what was found, what to do`.

The JSON schema of the models serves as the map by which a key's neighbours and description are looked up. Where a
mapping is one of several (`train`, by its recipe), pydantic names which one it took; the reader is not told that name.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from difflib import get_close_matches
from typing import Any

from pydantic_core import ErrorDetails

from headgate.spec.model import SKLEARN

PLAIN = {
    "int_type": "should be a whole number",
    "int_from_float": "should be a whole number",
    "float_type": "should be a number",
    "finite_number": "should be a finite number",
    "bool_type": "should be true or false",
    "string_type": "should be text",
    "list_type": "should be a list",
    "dict_type": "should be a mapping of keys",
    "invalid_key": "keys should be text; put it in quotes",
}
NAME = "should be small letters, digits and single hyphens, starting with a letter"
PATTERNS = {
    "project": NAME,
    "environments": NAME,
    "source": f"should be a .csv file or sklearn:<name> with a name of {', '.join(SKLEARN)}",
    "type": "should be a SageMaker instance type such as ml.m5.large",
    "code": "should be a folder",
    "store": "should be a folder",
}


def explain(errors: Sequence[ErrorDetails], schema: Mapping[str, Any]) -> list[str]:
    """One line for each error, in the order found. `schema` is the JSON schema of the spec.

    Keys without a value are left to `empty`.
    """
    return [_line(error, schema) for error in errors if error["input"] is not None or error["type"] == "invalid_key"]


def empty(value: object, path: tuple[object, ...] = ()) -> Iterator[str]:
    """One line for each key without a value, where the key stands: what was meant is not known.

    A gate whose number was left blank must not pass for no gate.
    """
    if value is None and path:
        named = path[:-1] == ("environments",) or (len(path) == 5 and path[2] == "rollout")
        remedy = "write {} for the defaults" if named else "give it one, or leave the key out"
        yield f"{'/'.join(map(str, path))}: has no value; {remedy}"
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in inner:
        yield from empty(item, (*path, key))


def show(value: object) -> str:
    """A value as it would stand in a file, cut where it is long."""
    text = json.dumps(value, default=str, ensure_ascii=False)
    return text if len(text) <= 60 else f"{text[:57]}..."


def _line(error: ErrorDetails, schema: Mapping[str, Any]) -> str:
    path = [part for part in error["loc"] if part != "[key]"]
    node, _ = _follow(schema, path[:-1])
    where = "/".join(map(str, _follow(schema, path)[1]))
    match error["type"]:
        case "extra_forbidden":
            return f"{where}: unknown key, {_suggestion(str(path[-1]), list(node.get('properties', {})))}"
        case "missing":
            about = node["properties"][path[-1]].get("description") or _walk(schema, path).get("description", "")
            return f"{where}: is required. {about}".rstrip()
        case "model_type" | "model_attributes_type":
            keys = ", ".join(_walk(schema, path).get("properties", {}))
            wanted = f"a mapping of keys ({keys})" if keys else "{}, it has no keys"
            return f"{where}: should be {wanted}, got {show(error['input'])}"
        case "string_type" if isinstance(error["input"], bool | int | float):
            return f"{where}: should be text; put it in quotes, got {show(error['input'])}"
        case "literal_error":
            values = _allowed(schema, path)
            close = get_close_matches(str(error["input"]), values, 1)
            wanted = f"should be {values[0]}" if len(values) == 1 else f"should be one of {', '.join(values)}"
            return f"{where}: {wanted}, got {show(error['input'])}" + (f"; did you mean {close[0]}?" if close else "")
    return f"{where}: {_expected(error, path)}, got {show(error['input'])}"


def _expected(error: ErrorDetails, path: Sequence[int | str]) -> str:
    context = error.get("ctx", {})
    match error["type"]:
        case "greater_than":
            return f"should be more than {context['gt']:,.12g}"
        case "greater_than_equal":
            return f"should be at least {context['ge']:,.12g}"
        case "less_than":
            return f"should be less than {context['lt']:,.12g}"
        case "less_than_equal":
            return f"should be at most {context['le']:,.12g}"
        case "string_too_long" | "too_long":
            items = "characters" if error["type"] == "string_too_long" else "items"
            return f"should have at most {context['max_length']} {items}"
        case "string_too_short" | "too_short":
            return "should not be empty"
        case "string_pattern_mismatch":
            key = "environments" if path[0] == "environments" and len(path) == 2 else str(path[-1])
            return PATTERNS[key]
    return PLAIN.get(error["type"], error["msg"])


def _suggestion(key: str, known: list[str]) -> str:
    if not known:
        return "none are known here; write {}"
    close = get_close_matches(key, known, 1)
    return f"did you mean {close[0]}?" if close else f"known here: {', '.join(known)}"


def _allowed(schema: Mapping[str, Any], path: Sequence[int | str]) -> list[str]:
    """The values that a key may have. For the key by which one of several mappings is chosen: those of them all."""
    options = _walk(schema, path[:-2]).get("oneOf") if len(path) > 1 else None
    places = [_resolve(schema, option)["properties"][path[-1]] for option in options or ()] or [_walk(schema, path)]
    return [value for place in places for value in place.get("enum") or [place.get("const")]]


def _walk(schema: Mapping[str, Any], path: Sequence[int | str]) -> Mapping[str, Any]:
    """The node of a JSON schema at `path`, references followed; {} where there is none."""
    return _follow(schema, path)[0]


def _follow(schema: Mapping[str, Any], path: Sequence[int | str]) -> tuple[Mapping[str, Any], list[int | str]]:
    """The node at `path`, and the path without the names of what was chosen among several."""
    node, shown = _resolve(schema, schema), []
    for part in path:
        if "oneOf" in node:
            node = _chosen(schema, node, part)
            continue
        shown.append(part)
        if isinstance(part, int):
            node = node.get("items", {})
        else:
            named = list(node.get("patternProperties", {}).values())
            node = node.get("properties", {}).get(part) or (named[0] if named else {})
        node = _resolve(schema, node)
    return node, shown


def _chosen(schema: Mapping[str, Any], node: Mapping[str, Any], name: int | str) -> Mapping[str, Any]:
    """The one of several mappings that a key of it names as `name`."""
    options = [_resolve(schema, option) for option in node["oneOf"]]
    return next(o for o in options if any(value.get("const") == name for value in o["properties"].values()))


def _resolve(schema: Mapping[str, Any], node: Mapping[str, Any]) -> Mapping[str, Any]:
    for option in node.get("anyOf", ()):
        if option.get("type") != "null":
            node = option
    if "$ref" in node:
        return dict(schema["$defs"][node["$ref"].rpartition("/")[2]])
    return node
