"""A load as a file: `.json` for programs, `.svg` for a page of one's own, `.html` with everything for a reader."""

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from html import escape
from pathlib import Path

from headgate.core.files import write_atomic
from headgate.errors import NotFound, UsageError
from headgate.traffic.axes import latency_text
from headgate.traffic.plot import plot, words
from headgate.traffic.result import Result

SUFFIXES = (".html", ".json", ".svg")

_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>{title}</title>
<style>
  body {{ font: 15px/1.5 system-ui, sans-serif; max-width: 800px; margin: 2rem auto; padding: 0 1rem }}
  svg {{ max-width: 100%; height: auto }}
  table {{ border-collapse: collapse; margin: 1rem 0 }}
  th, td {{ text-align: left; padding: 0.2rem 1rem 0.2rem 0; border-bottom: 1px solid #8c959f66; vertical-align: top }}
  td.number {{ text-align: right }}
</style>
</head>
<body>
<h1>{title}</h1>
<p>{words}</p>
{picture}
{tables}
</body>
</html>
"""


def check_outputs(paths: Sequence[Path]) -> None:
    """Before the load: could these files be written? Raises UsageError for a name, NotFound for a folder."""
    for path in paths:
        if path.suffix.lower() not in SUFFIXES:
            raise UsageError(
                f"{path} is not a kind of report.", hint=f"Give it a name that ends in {', '.join(SUFFIXES)}."
            )
        if path.is_dir() or not path.absolute().parent.is_dir():
            why = "it is a folder" if path.is_dir() else f"there is no folder {path.parent}"
            raise NotFound(f"{path} cannot be written: {why}.", hint="--output names a file in a folder that exists.")


def write(result: Result, path: Path) -> None:
    """Write the report that the file's name asks for."""
    match path.suffix.lower():
        case ".json":
            text = json.dumps(result.to_json(), indent=1)
        case ".svg":
            text = plot(result)
        case _:
            text = page(result)
    write_atomic(path, text.encode())


def page(result: Result) -> str:
    """The HTML page; it needs nothing from anywhere."""
    when = datetime.fromtimestamp(result.began, UTC)
    return _PAGE.format(
        title=escape(f"Load on {result.url}, {when:%Y-%m-%d %H:%M} UTC"),
        words=escape(words(result)),
        picture=plot(result),
        tables="\n".join(_tables(result)),
    )


def _tables(result: Result) -> list[str]:
    tables = [
        _table(("latency", ""), [(name, latency_text(ms)) for name, ms in result.latencies.items() if ms is not None])
    ]
    if result.variants:
        tables.append(_table(("variant", "requests"), [(name, f"{n:,}") for name, n in result.variants.items()]))
    if result.failures:
        failures = [(f"{n:,}", kind, result.said.get(kind, "")) for kind, n in result.failures.items()]
        tables.append(_table(("failed", "with", "for example"), failures))
    if result.events:
        tables.append(_table(("at", ""), [(f"{e.at - result.began:.1f} s", e.said) for e in result.events]))
    return tables


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    def cells(row: Sequence[str], kind: str) -> str:
        return "<tr>" + "".join(f"<{kind}>{escape(cell)}</{kind}>" for cell in row) + "</tr>"

    return f"<table>{cells(head, 'th')}{''.join(cells(row, 'td') for row in rows)}</table>"
