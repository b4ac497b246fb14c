"""docs/spec.md and docs/headgate.schema.json, made from the models.

    python -m headgate.spec.reference docs

A test fails while the two files say something else than this would write.
"""

import json
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from headgate.spec.model import Spec

INTRODUCTION = """# headgate.yaml

One file describes a model project. Every key stands here; any other key is refused. The same as a JSON schema, for
editors: [headgate.schema.json](headgate.schema.json). Made by `python -m headgate.spec.reference docs`; do not edit.
"""


def json_schema() -> str:
    """The JSON schema (draft 2020-12) of headgate.yaml, as text."""
    head = {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": "headgate.yaml"}
    return json.dumps({**Spec.model_json_schema(), **head}, indent=1, sort_keys=True) + "\n"


def markdown() -> str:
    """The reference of every key, as Markdown."""
    schema = Spec.model_json_schema()
    return INTRODUCTION + "".join(_sections(schema, schema, ""))


def _sections(schema: Mapping[str, Any], node: Mapping[str, Any], path: str) -> Iterator[str]:
    """The table of one mapping, then those of the mappings in it."""
    required = node.get("required", ())
    yield f"\n## {path or 'Top level'}\n\n{_flat(node.get('description', ''))}\n\n"
    yield "| key | value | default | meaning |\n|---|---|---|---|\n"
    inner: list[tuple[str, Mapping[str, Any]]] = []
    for key, value in node["properties"].items():
        section = _section(schema, value)
        inner += _variants(schema, value, f"{path}/{key}".lstrip("/"))
        if section is not None:
            many = "/&lt;name&gt;" if "patternProperties" in value else "/&lt;n&gt;" if "items" in value else ""
            name = f"{path}/{key}".lstrip("/") + many
            inner.append((name, section))
        default = "required" if key in required else _default(value, section)
        meaning = _flat(value.get("description") or (section or {}).get("description", ""))
        yield f"| `{key}` | {_kind(schema, value)} | {default} | {meaning} |\n"
    for name, section in inner:
        yield from _sections(schema, section, name)


def _variants(
    schema: Mapping[str, Any], value: Mapping[str, Any], path: str
) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """The mappings of which a value is one, each with the path that names it."""
    for option in value.get("oneOf", ()):
        section = schema["$defs"][option["$ref"].rpartition("/")[2]]
        name = next(inner["const"] for inner in section["properties"].values() if "const" in inner)
        yield f"{path} ({name})", section


def _section(schema: Mapping[str, Any], value: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """The mapping of known keys that a value is or that it has several of, or None."""
    inner = [*value.get("patternProperties", {}).values(), value.get("items", {})]
    for option in [value, *value.get("anyOf", ()), *inner]:
        if "$ref" in option:
            found = schema["$defs"][option["$ref"].rpartition("/")[2]]
            return found if found.get("properties") else None
    return None


def _default(value: Mapping[str, Any], section: Mapping[str, Any] | None) -> str:
    default = value.get("default")
    if default is None or "oneOf" in value or (section is not None and "patternProperties" not in value):
        return ""
    return f"`{next(iter(default), '{}')}`" if isinstance(default, dict) else f"`{json.dumps(default)}`"


def _kind(schema: Mapping[str, Any], value: Mapping[str, Any]) -> str:
    if "oneOf" in value:
        return "one of several mappings"
    options = [o for o in value.get("anyOf", [value]) if o.get("type") != "null"]
    value = options[0]
    if _section(schema, value) is not None:
        many = "mappings by name" if "patternProperties" in value else "list of mappings"
        return many if {"patternProperties", "items"} & {*value} else "mapping"
    if "$ref" in value:
        return "`{}`"
    if "enum" in value or "const" in value:
        return " or ".join(f"`{item}`" for item in value.get("enum", [value.get("const")]))
    limits = [
        f"{sign} {value[key]:,}"
        for key, sign in (("minimum", "≥"), ("exclusiveMinimum", ">"), ("maximum", "≤"), ("exclusiveMaximum", "<"))
        if key in value
    ]
    names = {
        "integer": "whole number",
        "number": "number",
        "string": "text",
        "boolean": "true or false",
        "object": "text by name",
    }
    name = f"list of {names[value['items']['type']]}s" if value.get("type") == "array" else names[value["type"]]
    name = "list of text" if name == "list of texts" else name
    return ", ".join([name, *limits])


def _flat(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


def main(folder: Path) -> None:
    """Write both files."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "spec.md").write_text(markdown(), encoding="utf-8")
    (folder / "headgate.schema.json").write_text(json_schema(), encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
