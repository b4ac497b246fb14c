"""The figures: one file, written by a run and read by the tables and the pictures."""

import json
from pathlib import Path
from typing import Any, NotRequired, TypedDict

FILE = Path(__file__).parents[1] / "results" / "serving.json"


class Figures(TypedDict):
    """One server; medians over the rounds. Memory in megabytes (10^6), `busy` the share of its core that it used."""

    title: str
    kind: str
    cpu_us: float
    requests_per_second: float
    busy: float
    p50_us: float
    p99_us: float
    p50_us_at_16: float
    p99_us_at_16: float
    cold_start_s: float
    rss_mb: float
    pss_mb: float
    csv_ms: NotRequired[float]


class Results(TypedDict):
    """All of them. `left_out`: which servers are not there, and why."""

    date: str
    machine: dict[str, str | int]
    versions: dict[str, str]
    rounds: int
    seconds: float
    servers: dict[str, Figures]
    left_out: dict[str, str]


def read(file: Path = FILE) -> Results:
    """The figures that the documentation rests on."""
    found: Any = json.loads(file.read_text(encoding="utf-8"))
    return found  # type: ignore[no-any-return]


def write(results: Results, file: Path = FILE) -> None:
    """Keep them."""
    file.parent.mkdir(exist_ok=True)
    file.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")


def of(figures: Figures, base: Figures) -> float:
    """How many times the base's CPU a request costs."""
    return figures["cpu_us"] / base["cpu_us"]
