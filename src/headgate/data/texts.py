"""Texts of a CSV file as a table of one feature.

The text is one column, or several joined by a space. It is taken as it stands: `NA` and `None` are words here. A row
without any is refused: nothing can be learnt from it.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from headgate.core.digest import sha256
from headgate.data.rows import MISSING, read_rows
from headgate.data.table import Table
from headgate.data.validation import column
from headgate.errors import InvalidInput

TEXT = "text"
"""What requests call a text that is made of several columns, and the column that is looked for by default."""


def read_texts(
    path: Path,
    target: str,
    columns: Sequence[str],
    *,
    feature: str = TEXT,
    names: Sequence[str] | None = None,
    labels: Mapping[str, str] | None = None,
) -> Table:
    """The texts in `columns` and their classes. `names`: of all columns of a file without a header line.

    `labels`: other names for the classes. Raises NotFound, or InvalidInput naming the file and the first line that is
    wrong.
    """
    content, rows = read_rows(path, names)
    absent = [name for name in (target, *columns) if name not in rows.names]
    if absent:
        raise InvalidInput(
            f"{path} has no column {', '.join(map(repr, absent))}; it has {', '.join(rows.names)}.",
            hint="Name the class under data/target and the text under data/features (one column) or data/text (several)"
            " in headgate.yaml; a file without a header line needs data/columns.",
        )
    for value, line in zip(rows.column(target), rows.lines, strict=True):
        if value.lower() in MISSING:
            raise InvalidInput(
                f"{path}, line {line}: no value for the target {target!r}.",
                hint="Remove the rows without one; nothing can be learnt from them.",
            )
    texts = [" ".join(part for part in parts if part) for parts in zip(*map(rows.column, columns), strict=True)]
    for text, line in zip(texts, rows.lines, strict=True):
        if not text:
            raise InvalidInput(
                f"{path}, line {line}: no text in {', '.join(map(repr, columns))}.",
                hint="Remove the rows without one; nothing can be learnt from them.",
            )
    rows = rows if labels is None else rows.named(path, target, labels)
    return Table((feature,), target, column(texts), np.array(rows.column(target), str), sha256(content))
