"""The tables: on the terminal, and in docs/speed.md between `<!-- figures: name -->` and `<!-- end -->`.

python -m benchmarks.serving --docs
"""

import re
from collections.abc import Iterator
from pathlib import Path

from benchmarks.serving.results import Figures, Results, of

DOCS = Path(__file__).parents[2] / "docs"
PAGE = DOCS / "speed.md"
BLOCK = re.compile(r"(?<=<!-- figures: )(\w+)( -->\n).*?(?=<!-- end -->)", re.DOTALL)
BASE = "headgate"
HEAD = ("server", "CPU us", "times ours", "p50 us", "p99 us", "p99/p50", "cold start s", "RSS MB", "1,000 rows ms")


def write(results: Results) -> None:
    """Bring the page up to date."""
    PAGE.write_text(fresh(PAGE.read_text(encoding="utf-8"), results), encoding="utf-8")


def fresh(text: str, results: Results) -> str:
    """The page with the figures of these results."""
    return BLOCK.sub(lambda match: f"{match[1]}{match[2]}{BLOCKS[match[1]](results)}\n", text)


def ordered(results: Results) -> list[Figures]:
    """The cheapest first."""
    return sorted(results["servers"].values(), key=lambda figures: figures["cpu_us"])


def rows(results: Results) -> Iterator[tuple[str, ...]]:
    """The cells of every server."""
    base = results["servers"].get(BASE)
    for figures in ordered(results):
        yield (
            figures["title"],
            amount(figures["cpu_us"]),
            f"{of(figures, base):.1f}" if base and figures["kind"] != "text" else "",
            f"{figures['p50_us_at_16']:,.0f}",
            f"{figures['p99_us_at_16']:,.0f}",
            f"{figures['p99_us_at_16'] / figures['p50_us_at_16']:.1f}",
            f"{figures['cold_start_s']:.2f}",
            f"{figures['rss_mb']:,.0f}",
            f"{figures['csv_ms']:.1f}" if "csv_ms" in figures else "",
        )


def amount(micros: float) -> str:
    """Three digits that count."""
    return f"{micros:,.0f}" if micros >= 100 else f"{micros:.1f}"


def terminal(results: Results) -> str:
    """The table in columns."""
    cells = [HEAD, *rows(results)]
    widths = [max(len(row[column]) for row in cells) for column in range(len(HEAD))]
    lines = [
        "  ".join(cell.ljust(width) if not column else cell.rjust(width) for column, (cell, width) in enumerate(pairs))
        for pairs in (zip(row, widths, strict=True) for row in cells)
    ]
    return "\n".join([*lines, *(f"left out: {name}: {why}" for name, why in results["left_out"].items())])


def servers(results: Results) -> str:
    """The same as Markdown."""
    marks = ("---", *["---:"] * (len(HEAD) - 1))
    return "\n".join("| " + " | ".join(row) + " |" for row in (HEAD, marks, *rows(results)))


def machine(results: Results) -> str:
    """Where and with what they were measured."""
    facts, versions = results["machine"], results["versions"]
    named = ", ".join(f"{name} {number}" for name, number in sorted(versions.items()))
    left_out = "".join(f"\nLeft out: {name} ({why})." for name, why in results["left_out"].items())
    return (
        f"{results['date']}, {facts['cores']} cores ({facts['processor']}), Python {facts['python']}; "
        f"{results['rounds']} rounds of {results['seconds']:g} s.\n{named}.{left_out}"
    )


BLOCKS = {"servers": servers, "machine": machine}
