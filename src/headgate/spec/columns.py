"""Which columns of the data are named where, and whether that fits together and fits the recipe.

Pure, over the raw document, which may be wrong anywhere: what is of the wrong type is reported by the models.
"""

from collections import Counter
from typing import Any

NAMING = ("features", "text", "columns")


def columns_crossed(data: dict[str, Any], recipe: object) -> list[str]:
    """The problems of the section `data`, one line each."""
    named = {key: [name for name in _list(data.get(key)) if isinstance(name, str)] for key in NAMING}
    target, source = data.get("target"), str(data.get("source"))
    problems = []
    for key in ("features", "text"):
        if target in named[key]:
            at = _list(data.get(key)).index(target)
            problems.append(f"data/{key}/{at}: {target!r} is the target; it cannot be a feature")
    for key, names in named.items():
        problems += [f"data/{key}: {name!r} is listed {n} times" for name, n in Counter(names).items() if n > 1]
    if named["columns"]:
        wanted = [
            ("target", target),
            *(("features", n) for n in named["features"]),
            *(("text", n) for n in named["text"]),
        ]
        problems += [
            f"data/{key}: {name!r} is not among data/columns ({', '.join(named['columns'])})"
            for key, name in wanted
            if isinstance(name, str) and name not in named["columns"]
        ]
    if source.startswith("sklearn:"):
        problems += [
            f"data/{key}: only a CSV file has it, not {source}; leave it out"
            for key in ("columns", "labels")
            if data.get(key) is not None
        ]
    return problems + _recipe_crossed(data, recipe, source)


def _recipe_crossed(data: dict[str, Any], recipe: object, source: str) -> list[str]:
    problems = []
    features, text = _list(data.get("features")), _list(data.get("text"))
    if recipe != "text":
        if text:
            problems.append("data/text: only the recipe text learns from texts; set `train: {recipe: text}`")
        if source == "sklearn:20newsgroups":
            problems.append(f"data/source: {source} holds texts; set `train: {{recipe: text}}`")
        return problems
    if features and text:
        problems.append("data/text: stands beside data/features; one of them names what is learnt from")
    elif len(features) > 1:
        problems.append("data/features: the recipe text learns from one column; list several under data/text")
    if source.startswith("sklearn:") and source != "sklearn:20newsgroups":
        problems.append(f"data/source: {source} holds no texts, which the recipe text learns from")
    return problems


def _list(value: object) -> list[Any]:
    return value if isinstance(value, list) else []
