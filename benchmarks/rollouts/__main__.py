"""The command line: see the package."""

import argparse
import time

from benchmarks.rollouts import page, plots
from benchmarks.rollouts.cells import CELLS
from benchmarks.rollouts.results import CellFigures, measure, read, write


def main() -> None:
    """Simulate, print, write `results/rollouts.json`; or write docs/judging.md's figures and pictures from that."""
    options = argparse.ArgumentParser(prog="python -m benchmarks.rollouts", description=main.__doc__)
    options.add_argument("--rollouts", type=int, default=10_000, help="rollouts in each cell (10,000)")
    options.add_argument("--docs", action="store_true", help="simulate nothing; write docs from the results file")
    given = options.parse_args()
    if given.docs:
        page.write(read())
        plots.write(read())
        return
    began = time.monotonic()
    write(measure(CELLS, given.rollouts, show))
    print(f"\n{time.monotonic() - began:.0f} s")


def show(name: str, cell: CellFigures) -> None:
    """One cell as lines."""
    print(f"\n{cell['title']}  [{name}: {cell['rollouts']:,} rollouts of {cell['seconds'] / 60:g} min]", flush=True)
    for rule, found in cell["rules"].items():
        line = f"  {rule:48}{found['rate']:8.2%}  ({found['low']:.2%} to {found['high']:.2%})"
        if cell["kind"] != "null" and found["requests_median"] is not None:
            late = "-" if found["requests_p90"] is None else f"{found['requests_p90']:,}"
            line += f"   {found['requests_median']:,} canary requests (p90 {late}), {found['units_median']:,} units"
        print(line, flush=True)


if __name__ == "__main__":
    main()
