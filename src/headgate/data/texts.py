"""Texts of a CSV file as a table of one feature.

The text is one column, or several joined by a space. It is taken as it stands: `NA` and `None` are words here. A row
without any is refused: nothing can be learnt from it.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

from headgate.core.progress import Progress, silent
from headgate.data.column import Column
from headgate.data.lines import opened
from headgate.data.table import Table
from headgate.data.targets import classes
from headgate.data.validation import column

TEXT = "text"
"""What requests call a text that is made of several columns, and the column that is looked for by default."""

_HINT = (
    "Name the class under data/target and the text under data/features (one column) or data/text (several) in "
    "headgate.yaml; a file without a header line needs data/columns."
)


def read_texts(
    path: Path,
    target: str,
    columns: Sequence[str],
    *,
    feature: str = TEXT,
    names: Sequence[str] | None = None,
    labels: Mapping[str, str] | None = None,
    progress: Progress = silent,
) -> Table:
    """The texts in `columns` and their classes. `names`: of all columns of a file without a header line.

    `labels`: other names for the classes. Raises NotFound, or InvalidInput naming the file and the first line that is
    wrong.
    """
    with opened(path, names, progress) as lines:
        lines.require((target, *columns), _HINT)
        predicted = Column(target, lines.names.index(target), text=True)
        places = [lines.names.index(name) for name in columns]
        texts: list[str] = []
        for piece in lines.pieces():
            predicted.add(piece)
            texts += [" ".join(filter(None, (row[at].strip() for at in places))) for row in piece]
    y = classes(lines, predicted, labels)
    if not all(texts):
        hint = "Remove the rows without one; nothing can be learnt from them."
        lines.refuse(texts.index(""), f"no text in {', '.join(map(repr, columns))}.", hint)
    return Table((feature,), target, column(texts), y, lines.sha256)
