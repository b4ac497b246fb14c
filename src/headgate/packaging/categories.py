"""The categories outside of which a fitted estimator refuses a text, by column.

An encoder that was told to ignore what it does not know (`handle_unknown`) says by that that anything may come; one
that was not would fail, so its categories go into the schema, and a request with another one is refused by name.
"""

from collections.abc import Iterator, Sequence
from typing import Any

Known = tuple[str, tuple[str, ...]]


def known_categories(estimator: Any, names: Sequence[str]) -> dict[str, tuple[str, ...]]:
    """The categories by name of the column; `names` of the columns that the estimator takes."""
    return dict(_walk(estimator, list(names)))


def _walk(part: Any, names: list[str]) -> Iterator[Known]:
    if hasattr(part, "transformers_"):
        for _, transformer, columns in part.transformers_:
            yield from _walk(transformer, _resolve(columns, names))
    elif hasattr(part, "steps"):
        for _, step in part.steps:
            yield from _walk(step, names)
            if hasattr(step, "transformers_") or hasattr(step, "categories_"):
                return  # what comes out has other columns
    elif getattr(part, "handle_unknown", "") == "error" and len(getattr(part, "categories_", ())) == len(names):
        for name, categories in zip(names, part.categories_, strict=True):
            yield name, tuple(category for category in categories.tolist() if isinstance(category, str))


def _resolve(columns: Any, names: list[str]) -> list[str]:
    """The names of a ColumnTransformer's `columns`: names, positions, a mask, or a slice of positions."""
    if isinstance(columns, slice):
        return names[columns]
    found = [columns] if isinstance(columns, str | int) else list(columns)
    if found and all(isinstance(column, bool) for column in found):
        return [name for name, chosen in zip(names, found, strict=True) if chosen]
    return [column if isinstance(column, str) else names[column] for column in found]
