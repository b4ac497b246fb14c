"""The picture of docs/speed.md, for light and for dark pages: CPU time of a request, on a logarithmic scale. The same
bytes for the same results."""

from pathlib import Path

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from benchmarks.serving.page import BASE, DOCS, amount, ordered
from benchmarks.serving.results import Figures, Results, of

LOOKS = {
    "speed.svg": {"text": "#1f2328", "ours": "#0969da", "limit": "#1a7f37", "peer": "#afb8c1"},
    "speed-dark.svg": {"text": "#e6edf3", "ours": "#2f81f7", "limit": "#3fb950", "peer": "#545d68"},
}
"""The text, and the bars of each kind of server."""
BAR, ROW = 0.66, 0.36
LEAST = 3.0
"""Microseconds where the bars begin: less than any server takes."""
LEFT, RIGHT, BOTTOM, TOP = 0.41, 0.86, 0.75, 0.15
"""The first two are shares of the width, the others inches."""


def write(results: Results, folder: Path = DOCS) -> None:
    """Draw both."""
    for name, colours in LOOKS.items():
        with mpl.rc_context(style(colours["text"])):
            picture = bars(results, colours)
            picture.savefig(folder / name, format="svg", metadata={"Date": None, "Creator": None})


def style(text: str) -> dict[str, object]:
    """On no background, with the reader's own font."""
    return {
        "svg.hashsalt": "headgate",
        "svg.fonttype": "none",
        "font.family": "sans-serif",
        "font.size": 11,
        **dict.fromkeys(("text.color", "axes.labelcolor", "axes.edgecolor", "xtick.color", "ytick.color"), text),
        **dict.fromkeys(("figure.facecolor", "axes.facecolor", "savefig.facecolor"), "none"),
    }


def bars(results: Results, colours: dict[str, str]) -> Figure:
    """One bar a server, the cheapest on top."""
    found = [figures for figures in ordered(results) if figures["kind"] != "text"]
    height = ROW * len(found) + BOTTOM + TOP
    figure = Figure(figsize=(9.2, height))
    axes = figure.add_axes((LEFT, BOTTOM / height, RIGHT - LEFT, 1 - (BOTTOM + TOP) / height))
    axes.set_xscale("log")
    axes.set_xlim(LEAST, 1.2 * max(figures["cpu_us"] for figures in found))
    axes.set_ylim(len(found) - 0.5, -0.5)
    axes.set_yticks(range(len(found)), [figures["title"] for figures in found])
    axes.set_xlabel("CPU time of one request, microseconds (logarithmic)")
    axes.tick_params(axis="y", length=0)
    axes.xaxis.set_major_formatter("{x:,.0f}")
    axes.set_axisbelow(True)
    axes.grid(axis="x", alpha=0.2)
    for side in ("top", "right", "left"):
        axes.spines[side].set_visible(False)
    base = results["servers"].get(BASE)
    for place, figures in enumerate(found):
        bar(axes, place, figures, base, colours)
    return figure


def bar(axes: Axes, place: int, figures: Figures, base: Figures | None, colours: dict[str, str]) -> None:
    """One server, with its figure and how many times ours it is."""
    axes.barh(place, figures["cpu_us"], BAR, color=colours[figures["kind"]])
    times = f" ({of(figures, base):.1f}x)" if base and figures is not base else ""
    axes.annotate(
        f"{amount(figures['cpu_us'])}{times}",
        (figures["cpu_us"], place),
        xytext=(6, 0),
        textcoords="offset points",
        va="center",
        fontweight="bold" if figures["kind"] == "ours" else "normal",
    )
