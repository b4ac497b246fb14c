"""The rows of one request, before they are checked."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

Form = Literal["typed", "text", "array"]
"""How values came: with types of their own (JSON, Parquet), as text (CSV), or all of one numeric type (NPY)."""


@dataclass(frozen=True, slots=True)
class Batch:
    """`rows` are objects, or lists in the order of `columns` (without them: of the schema).

    `many`: answer with a list. `headed`: the first row may be the names of the columns; validation finds out.
    """

    rows: Sequence[Any]
    many: bool
    form: Form = "typed"
    columns: Sequence[str] | None = None
    headed: bool = False
