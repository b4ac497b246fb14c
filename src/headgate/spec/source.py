"""From the bytes of headgate.yaml to a plain document of mappings, lists, texts, numbers and booleans.

YAML is read more narrowly than the standard allows: a key given twice is refused (the last one would silently win), and
so are anchors and aliases (a few lines of them unfold into gigabytes) and tags. What a plain word means is YAML 1.2's
core schema, as editors read it: `no` is text, `1e-3` a number, and `010` and `1:30` are not silently 8 and 90.
"""

import re
from collections.abc import Hashable
from typing import Any

import yaml

from headgate.errors import SpecError

MAX_BYTES = 1024**2


PLAIN = {
    "null": (r"~|null|Null|NULL|", "~nN"),
    "bool": (r"true|True|TRUE|false|False|FALSE", "tTfF"),
    "int": (r"[-+]?(0|[1-9][0-9]{0,300})", "-+0123456789"),  # Python refuses to read more than 4,300 digits
    "float": (
        r"[-+]?((\.[0-9]+|[0-9]+\.[0-9]*)([eE][-+]?[0-9]+)?|[0-9]+[eE][-+]?[0-9]+|\.(inf|Inf|INF))|\.(nan|NaN|NAN)",
        "-+.0123456789",
    ),
}
"""What plain words of each type look like, and what they begin with; any other word is text."""


class _Loader(yaml.SafeLoader):
    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:
        event = self.peek_event()  # type: ignore[no-untyped-call]
        if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None) is not None:
            raise yaml.composer.ComposerError(problem="anchors and aliases are not read", problem_mark=event.start_mark)
        if getattr(event, "tag", None) is not None:
            raise yaml.composer.ComposerError(problem="tags (`!...`) are not read", problem_mark=event.start_mark)
        return super().compose_node(parent, index)

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        seen: set[str] = set()
        for key, _ in node.value:
            if key.value in seen if isinstance(key, yaml.ScalarNode) else False:
                raise yaml.constructor.ConstructorError(
                    problem=f"the key {key.value} is given twice", problem_mark=key.start_mark
                )
            seen.add(str(key.value))
        return super().construct_mapping(node, deep)


_Loader.yaml_implicit_resolvers = {}
for _type, (_looks, _first) in PLAIN.items():
    _Loader.add_implicit_resolver(f"tag:yaml.org,2002:{_type}", re.compile(rf"(?:{_looks})$"), [*_first])
_Loader.yaml_implicit_resolvers[""] = _Loader.yaml_implicit_resolvers["~"]  # nothing at all


def parse(name: str, content: bytes) -> dict[str, Any]:
    """The document in `content`; `name` is what messages call the file. Raises SpecError with line and column."""
    if len(content) > MAX_BYTES:
        raise SpecError(f"{name} is larger than 1 MiB; this is not a project's headgate.yaml.")
    try:
        document = yaml.load(content.decode("utf-8-sig"), _Loader)  # a subclass of SafeLoader
    except UnicodeDecodeError as error:
        raise SpecError(f"{name} is not UTF-8 text (byte {error.start}).", hint="Save it as UTF-8.") from None
    except RecursionError:
        raise SpecError(f"{name} is nested too deeply.") from None
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        where = f", line {mark.line + 1}, column {mark.column + 1}" if mark else ""
        said = str(error.problem or error.context)
        if said.startswith("but "):
            said = f"{error.context}, {said}"
        raise SpecError(f"{name}{where}: {said}.", hint=_hint(error)) from None
    except yaml.reader.ReaderError as error:
        raise SpecError(f"{name} is not text: character {error.position + 1} is U+{error.character:04X}.") from None
    if document is None:
        raise SpecError(f"{name} is empty.", hint="`headgate init iris DIR` writes an example to start from.")
    if not isinstance(document, dict):
        found = "a list" if isinstance(document, list) else "a single value"
        raise SpecError(f"{name} should be a mapping of keys such as `project: iris`, got {found}.")
    return document


def _hint(error: yaml.MarkedYAMLError) -> str:
    if "\\t" in str(error.problem):
        return "YAML is indented by spaces, not tabs."
    return "Look for a missing bracket, quote, space or indentation on this line or the one before."
