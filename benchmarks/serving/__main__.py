"""The command line: see the package."""

import argparse
import os
import platform
import shutil
import sys
import tempfile
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

from benchmarks.serving import install, model, page, plots, texts
from benchmarks.serving.measure import Bench
from benchmarks.serving.results import Results, read, write
from benchmarks.serving.servers import SERVERS, Server

OURS = ("numpy", "onnxruntime", "xgboost-cpu", "uvloop", "httptools", "uvicorn", "msgspec")
THEIRS = ("flask", "gunicorn", "fastapi", "uvicorn", "litserve", "bentoml", "mlserver", "mlflow", "pandas")


def main() -> None:
    """Measure, print the table, write `results/serving.json`; or write docs/speed.md's figures from that."""
    given = options().parse_args()
    if given.docs:
        page.write(read())
        plots.write(read())
        return
    chosen = [server for server in SERVERS if not given.only or server.name in given.only]
    if given.install:
        for environment in sorted({server.environment for server in chosen} - {""}):
            say(f"installing {environment}")
            trouble = install.install(environment)
            if trouble:
                say(f"{environment} cannot be installed: {trouble}\n")
    folder = Path(tempfile.mkdtemp(prefix="hg", dir="/tmp"))
    began = time.monotonic()
    try:
        results = run(chosen, folder, given.seconds, given.rounds)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    say("")
    print(page.terminal(results))
    print(f"\n{time.monotonic() - began:.0f} s")
    if not given.only:
        write(results)


def options() -> argparse.ArgumentParser:
    """The command line's."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.serving", description=main.__doc__)
    names = ", ".join(server.name for server in SERVERS)
    parser.add_argument("--install", action="store_true", help="make the peers' environments in the user's cache first")
    parser.add_argument("--only", nargs="+", metavar="NAME", help=f"only these, and write no results: {names}")
    parser.add_argument("--seconds", type=float, default=3.0, help="how long each is asked at a time (3)")
    parser.add_argument("--rounds", type=int, default=3, help="how often each is started and asked (3)")
    parser.add_argument("--docs", action="store_true", help="measure nothing; write docs from the results file")
    return parser


def run(servers: Sequence[Server], folder: Path, seconds: float, rounds: int) -> Results:
    """All figures."""
    say("training the models")
    bench = Bench.make(model.make(folder), texts.make(folder), folder, seconds)
    figures = bench.rounds(servers, rounds, say)
    return {
        "date": f"{datetime.now(UTC):%Y-%m-%d}",
        "machine": machine(),
        "versions": {name: version(name) for name in OURS} | pinned(),
        "rounds": rounds,
        "seconds": seconds,
        "servers": figures,
        "left_out": bench.failed,
    }


def machine() -> dict[str, str | int]:
    """What the figures hang on."""
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    processor = next((line.partition(": ")[2] for line in lines if line.startswith("model name")), platform.machine())
    return {"cores": len(os.sched_getaffinity(0)), "processor": processor, "python": platform.python_version()}


def pinned() -> dict[str, str]:
    """The peers' versions."""
    files = install.PEERS.glob("*.txt")
    pins = dict(line.strip().split("==") for file in sorted(files) for line in file.open() if "==" in line)
    return {name: pins[name] for name in THEIRS if name in pins}


def say(what: str) -> None:
    """Where it stands, in one line of the terminal."""
    print(f"\r\033[K{what}" if sys.stderr.isatty() else what, end="", file=sys.stderr, flush=True)
    if not sys.stderr.isatty() and what:
        print(file=sys.stderr)


if __name__ == "__main__":
    main()
