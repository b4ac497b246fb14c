"""A process that reads and asks without end, to be killed: `python -m tests.engine.evidence.follow FOLDER`."""

import sys
from pathlib import Path

from headgate.engine.evidence.evidence import Evidence
from tests.engine.evidence.attempts import figures, read

EVERY_QUESTION = [(900, 2000, 0, 10_000.0), (1010, 1100, 1005, 15_000.0), (1020, 1040, 1030, 1.0)]
"""start, end, since, microseconds"""


def opened(folder: Path) -> Evidence:
    """The evidence in a folder, at the time that stands in the file `clock`."""
    return Evidence(
        folder / "attempts.jsonl",
        folder / "evidence.db",
        read,
        lambda: None,
        now=lambda: float((folder / "clock").read_text()),
        rotate_at=30_000,
        quiet=0.1,
    )


def main(folder: Path) -> None:
    """Until killed."""
    evidence = opened(folder)
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    while True:
        evidence.read()
        figures(evidence, *EVERY_QUESTION[0])


if __name__ == "__main__":
    main(Path(sys.argv[1]))
