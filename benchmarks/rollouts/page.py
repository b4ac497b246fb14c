"""The figures in docs/judging.md: everything between `<!-- figures: name -->` and `<!-- end -->` is made here.

    python -m benchmarks.rollouts --docs

The words around them are written by hand and hold no figures of their own. A test fails while the page says something
else than this would write.
"""

import itertools
import re
from collections.abc import Callable, Sequence
from pathlib import Path

from benchmarks.rollouts import cells as names
from benchmarks.rollouts.results import CellFigures, Figures, Results
from headgate.rollout.eprocess import GRID_SIZE, LARGEST_RATIO, RatioProcess
from headgate.rollout.judge import ERROR_TOLERANCE, LATENCY_TOLERANCE, SLACK_US, Limits

DOCS = Path(__file__).parents[2] / "docs"
PAGE = DOCS / "judging.md"
BLOCK = re.compile(r"(?<=<!-- figures: )(\w+)( -->\n).*?(?=<!-- end -->)", re.DOTALL)
WEIGHTS = (5, 10, 25, 50)
RATES = (60, 600, 6000)
LIMITS = Limits()
TRAFFIC = (
    "600 requests a minute, the canary at 5 %, where nothing else is said; 6,000 and 10 % in the cells of 0.6 %, of\n"
    "sticky slow clients, of tails and of waiting requests."
)


def write(results: Results) -> None:
    """Bring the page up to date."""
    PAGE.write_text(fresh(PAGE.read_text(encoding="utf-8"), results), encoding="utf-8")


def fresh(text: str, results: Results) -> str:
    """The page with the figures of these results."""
    return BLOCK.sub(lambda match: f"{match[1]}{match[2]}{BLOCKS[match[1]](results)}\n", text)


def lines(results: Results) -> str:
    """The judge's constants."""
    del results
    return table(
        ("what", "where it stands"),
        [
            ("tolerated ratio of failing units, canary to stable", f"{ERROR_TOLERANCE:g}"),
            ("tolerated ratio of slow units", f"{LATENCY_TOLERANCE:g}"),
            (
                "slow",
                f"more than {SLACK_US / 1000:g} ms above the stable version's p50, p90, p99 from before the canary",
            ),
            ("line of an e-value", f"{LIMITS.line:g}"),
            ("least requests at the canary in the step", f"{LIMITS.min_requests:,}"),
            (
                "floor rule",
                f"p99 above {LIMITS.floor_ratio:g}x the stable one's, {LIMITS.floor_windows} windows running, "
                f"{LIMITS.floor_requests:,} requests of each in every window",
            ),
            (
                "where clients are the units",
                f"p50 above {LIMITS.median_ratio:g}x the stable one's instead, and {LIMITS.median_clients} clients at "
                "the canary",
            ),
        ],
    )


def arithmetic(results: Results) -> str:
    """What it takes at each share."""
    del results
    rows = []
    for share in (0.01, 0.05, 0.1, 0.25, 0.5):
        needed = next(n for n in itertools.count(1) if e(share, n, 0) >= LIMITS.line)
        one = next(n for n in itertools.count(1) if e(share, n, 1) >= LIMITS.line)
        rows.append((percent(share), f"{needed} of {needed}", f"{one} of {one + 1}", f"{e(share, 3, 0):,.0f}"))
    head = ("canary's share", "failing units that are enough", "with one of the stable version's", "e at 3 of 3")
    grid = (
        f"(For those who want to know: e is the mean likelihood ratio over {GRID_SIZE} ratios, spread evenly on a "
        f"logarithmic\nscale from {ERROR_TOLERANCE:g} to {LARGEST_RATIO:,.0f}, against {ERROR_TOLERANCE:g}.)"
    )
    return f"{table(head, rows)}\n\n{grid}"


def e(share: float, canary: int, stable: int) -> float:
    """The e-value of so many failing units."""
    return RatioProcess(ERROR_TOLERANCE).after(share, canary, stable).e


def bake(results: Results) -> str:
    """How long it takes at a given traffic."""
    found = {
        (weight, worse): results["cells"][f"weight_{weight}_{worse}"]["rules"][names.HEADGATE]
        for weight in WEIGHTS
        for worse in (1, 5)
    }
    rows = []
    for rate, weight in itertools.product(RATES, WEIGHTS):
        each = rate * weight / 100
        times = [[found[weight, worse][key] for key in ("requests_median", "requests_p90")] for worse in (1, 5)]
        said = [" to ".join(duration(count, each) for count in counts) for counts in times]
        rows.append((f"{rate:,}", f"{weight} %", duration(LIMITS.min_requests, each), *said))
    head = (
        "requests a minute",
        "canary's weight",
        f"{LIMITS.min_requests:,} canary requests",
        "0.1 -> 1 % errors found",
        "0.1 -> 5 % errors found",
    )
    return table(head, rows)


def duration(requests: int | None, each_minute: float) -> str:
    """How long so many take."""
    if requests is None:
        return "longer"
    minutes = requests / each_minute
    if minutes < 2:
        return f"{60 * minutes:.0f} s"
    return f"{minutes:.0f} min" if minutes < 120 else f"{minutes / 60:.1f} h"


def alarms(results: Results) -> str:
    """False alarms, ours and the usual."""
    chosen = [cell for cell in results["cells"].values() if cell["kind"] == "null"]
    rows = []
    for cell in chosen:
        said = [rate(cell["rules"].get(rule)) for rule in (names.HEADGATE, *names.USUAL)]
        rows.append((cell["title"], f"{cell['seconds'] / 60:g} min", f"**{said[0]}**", *said[1:]))
    note = (
        f"{chosen[0]['rollouts']:,} rollouts in each cell. In brackets the 95 % interval of the true rate.\n"
        f"{TRAFFIC}\nThree steps are 5, 25 and 50 %, six are 5, 10, 20, 30, 40 and 50 %. Sticky clients are 500."
    )
    return f"{table(('the canary is fine', 'for', 'Headgate', *names.USUAL), rows)}\n\n{note}"


def rate(found: Figures | None) -> str:
    """A rate with its interval."""
    if found is None:
        return ""
    low, high = percent(found["low"]), percent(found["high"])
    return f"{percent(found['rate'])} ({low.removesuffix(' %')}-{high})"


def detection(results: Results) -> str:
    """Detection, ours and the usual."""
    chosen = [cell for cell in results["cells"].values() if cell["kind"] == "worse"]
    rows = [(cell["title"], *(until(cell, rule) for rule in (names.HEADGATE, *names.USUAL))) for cell in chosen]
    few = " and ".join(f"{cell['rollouts']:,} ({cell['title']})" for cell in chosen if cell["rollouts"] < most(chosen))
    note = f"{most(chosen):,} rollouts in each cell, but {few}.\n{TRAFFIC}"
    return f"{table(('the canary is worse', 'Headgate', *names.USUAL), rows)}\n\n{note}"


def most(cells: Sequence[CellFigures]) -> int:
    """How many rollouts a cell has that is not dear."""
    return max(cell["rollouts"] for cell in cells)


def until(cell: CellFigures, rule: str) -> str:
    """Canary requests until the alarm."""
    found = cell["rules"].get(rule)
    if found is None:
        return ""
    if found["requests_median"] is None:
        return f"found in {percent(found['rate'])} only"
    late = "" if found["requests_p90"] is None else f" (90 %: {found['requests_p90']:,})"
    said = f"{found['requests_median']:,}{late}"
    return said if found["rate"] >= 0.995 else f"{said}; {percent(found['rate'])} found"


def units(results: Results) -> str:
    """What counting something else than clients would give."""
    cells = ("always", "always_long", "bursts", "latency_sticky")
    always, long, bursts, slow = (results["cells"][name]["rules"] for name in cells)
    once, again, every = names.HEADGATE, names.PER_STEP, names.PER_REQUEST
    said = {
        "three clients always fail, three steps": (always[once], always[again], always[every]),
        "three clients always fail, six steps": (long[once], long[again], long[every]),
        "clients fail in bursts, one step": (bursts[once], None, bursts[every]),
    }
    head = ("equal versions rolled back, if a failing client counts", "once a rollout", "once a step", "every time")
    counted = table(head, [(title, *map(rate, found)) for title, found in said.items()])
    return (
        f"{counted}\n\nFor the same reason the floor rule (below) holds only where requests are the units: with "
        f"four slow\nclients of five hundred it would have rolled back {percent(slow[names.TAIL_ALONE]['rate'])} of "
        "equal versions."
    )


def small(results: Results) -> str:
    """What takes long."""
    triple, tail = (results["cells"][name]["rules"][names.HEADGATE] for name in ("errors_3x", "tail"))
    return (
        f"  Errors of 0.2 % that become 0.6 % took {triple['requests_median']:,} canary requests in the median; "
        f"one request in\n  a hundred that waits (p99 doubled, all else equal) took {tail['requests_median']:,}."
    )


def percent(part: float) -> str:
    """A share, with as many digits as say something."""
    digits = f"{100 * part:.2g}" if part < 0.01 else f"{100 * part:.1f}".removesuffix(".0")
    return f"{digits} %"


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table."""
    marks = "|" + "---|" * len(head)
    return "\n".join(["| " + " | ".join(head) + " |", marks, *("| " + " | ".join(row) + " |" for row in rows)])


BLOCKS: dict[str, Callable[[Results], str]] = {
    found.__name__: found for found in (lines, arithmetic, bake, alarms, detection, units, small)
}
