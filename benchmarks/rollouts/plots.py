"""The pictures of docs/judging.md. Text in a grey that a light and a dark page both carry, on no background; the same
bytes for the same results."""

from collections.abc import Sequence
from pathlib import Path

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from benchmarks.rollouts import cells as names
from benchmarks.rollouts.page import DOCS, LIMITS
from benchmarks.rollouts.results import CellFigures, Figures, Results

GREY = "#7d8590"
LOOKS = {
    names.HEADGATE: ("#2f81f7", "o"),
    names.ERROR_RATE: ("#d97706", "s"),
    names.TWO_PROPORTIONS: ("#0d9488", "D"),
    names.SLOW_P99: ("#db61a2", "^"),
    names.MANN_WHITNEY: ("#a371f7", "v"),
}
STYLE = {
    "svg.hashsalt": "headgate",
    "svg.fonttype": "none",
    "font.family": "sans-serif",
    "font.size": 11,
    "text.color": GREY,
    "axes.labelcolor": GREY,
    "axes.edgecolor": GREY,
    "xtick.color": GREY,
    "ytick.color": GREY,
    "figure.facecolor": "none",
    "axes.facecolor": "none",
    "savefig.facecolor": "none",
    "legend.frameon": False,
}
LEAST = 1e-4
"""Where "none" is drawn on the logarithmic scale."""


def write(results: Results, folder: Path = DOCS) -> None:
    """Draw both."""
    with mpl.rc_context(STYLE):
        save(false_alarms(results), folder / "judging-alarms.svg")
        save(detection(results), folder / "judging-detection.svg")


def save(figure: Figure, file: Path) -> None:
    """As SVG, with nothing in it that tells when or where it was made."""
    figure.savefig(file, format="svg", metadata={"Date": None, "Creator": None})


def false_alarms(results: Results) -> Figure:
    """Rates, one row a cell."""
    cells = [cell for cell in results["cells"].values() if cell["kind"] == "null"]
    figure, axes = canvas(cells, "equal or tolerable versions that were rolled back", 0.4)
    axes.set_xscale("log", subs=[])
    axes.set_xlim(LEAST / 1.6, 1.6)
    axes.set_xticks([LEAST, 0.001, 0.01, 0.1, 1.0], ["none", "0.1 %", "1 %", "10 %", "100 %"])
    axes.axvline(1 / LIMITS.line, color=LOOKS[names.HEADGATE][0], linewidth=1.2, linestyle=(0, (4, 3)))
    axes.text(1.12 / LIMITS.line, -0.72, "Headgate's line", color=LOOKS[names.HEADGATE][0], fontsize=10, va="center")
    for row, cell in enumerate(cells):
        for rule, (colour, marker) in LOOKS.items():
            found = cell["rules"].get(rule)
            if found is not None:
                axes.plot(
                    [max(found["low"], LEAST), max(found["high"], LEAST)], [row, row], color=colour, linewidth=1.5
                )
                axes.plot([max(found["rate"], LEAST)], [row], color=colour, marker=marker, markersize=7)
    return figure


def detection(results: Results) -> Figure:
    """Canary requests, one row a cell: the median, and a line to nine in ten."""
    cells = [cell for cell in results["cells"].values() if cell["kind"] == "worse"]
    figure, axes = canvas(cells, "canary requests until a bad canary is found: median to nine in ten", 0.62)
    axes.set_xscale("log", subs=[])
    axes.set_xlim(2, 60_000)
    axes.set_xticks([10, 100, 1_000, 10_000], ["10", "100", "1,000", "10,000"])
    for row, cell in enumerate(cells):
        there = [(rule, found) for rule in LOOKS if (found := cell["rules"].get(rule)) is not None]
        for place, (rule, found) in enumerate(there):
            spread(axes, row + 0.2 * (place - (len(there) - 1) / 2), rule, found)
    return figure


def spread(axes: Axes, height: float, rule: str, found: Figures) -> None:
    """One rule: where it found half and nine in ten."""
    colour, marker = LOOKS[rule]
    if found["requests_median"] is None:
        return
    late = found["requests_p90"] or axes.get_xlim()[1]
    axes.plot([found["requests_median"], late], [height, height], color=colour, linewidth=1.8)
    axes.plot([found["requests_median"]], [height], color=colour, marker=marker, markersize=7)


def canvas(cells: Sequence[CellFigures], label: str, row: float) -> tuple[Figure, Axes]:
    """Rows of this height (inches) with the cells' titles, and the legend above."""
    figure = Figure(figsize=(9.2, 1.75 + row * len(cells)))
    axes = figure.add_axes((0.4, 0.75 / figure.get_figheight(), 0.58, 1.0 - 1.65 / figure.get_figheight()))
    axes.set_yticks(range(len(cells)), [cell["title"] for cell in cells])
    axes.set_ylim(len(cells) - 0.5, -0.5)
    axes.grid(axis="x", color=GREY, alpha=0.25)
    axes.tick_params(length=0)
    for side in ("top", "right", "left"):
        axes.spines[side].set_visible(False)
    axes.set_xlabel(label)
    for rule, (colour, marker) in LOOKS.items():
        axes.plot([], [], color=colour, marker=marker, linestyle="none", label=rule)
    figure.legend(loc="upper center", ncols=3, fontsize=10, columnspacing=1.4, handletextpad=0.3)
    return figure, axes
