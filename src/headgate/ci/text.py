"""Templates of YAML: `§{name}` is filled in; alone on a line it may be a block, which takes over its indentation.

`$` and `{}` belong to shells and to GitHub's expressions, so neither can be the sign.
"""

import re
from collections.abc import Iterator, Mapping
from importlib.resources import files

_TEMPLATES = files("headgate.ci") / "templates"
_NAME = re.compile(r"§\{([a-z_]+)\}")


def fill(name: str, values: Mapping[str, str]) -> str:
    """The template `name`, filled in. A name that has no value is a mistake of ours and raises KeyError."""
    text = (_TEMPLATES / f"{name}.yml").read_text(encoding="utf-8")
    return "".join(f"{line}\n" for line in _lines(text, values))


def _lines(text: str, values: Mapping[str, str]) -> Iterator[str]:
    for line in text.splitlines():
        alone = _NAME.fullmatch(line.strip())
        if alone is None:
            yield _NAME.sub(lambda found: values[found[1]], line)
            continue
        margin = line[: len(line) - len(line.lstrip())]
        for inner in values[alone[1]].splitlines():
            yield margin + inner if inner else ""
