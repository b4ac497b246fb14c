"""What a server and all processes that it started have used, from /proc.

The tree is whatever descends from the first process or is in its session. A child that has ended is counted by the
parent that waited for it, so that nothing is lost when workers come and go.
"""

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

TICK = 1 / os.sysconf("SC_CLK_TCK")
_PROC = Path("/proc")


class Memory(NamedTuple):
    """Bytes: the largest process's resident memory, and the whole tree's with shared pages divided."""

    largest_rss: int
    total_pss: int


class _Stat(NamedTuple):
    pid: int
    parent: int
    session: int
    ticks: int


def cpu_seconds(root: int) -> float:
    """User and system time of the tree of `root`, also of its children that have ended."""
    return sum(stat.ticks for stat in _tree(root)) * TICK


def tree(root: int) -> list[int]:
    """The processes of the tree, the root first."""
    return [stat.pid for stat in _tree(root)]


def memory(root: int) -> Memory:
    """What the tree holds now."""
    rss = pss = 0
    for pid in tree(root):
        with contextlib.suppress(OSError):  # it has ended meanwhile
            found = dict(_rollup((_PROC / str(pid) / "smaps_rollup").read_text()))
            rss, pss = max(rss, found["Rss"]), pss + found["Pss"]
    return Memory(rss, pss)


def _rollup(text: str) -> Iterator[tuple[str, int]]:
    for line in text.splitlines():
        name, _, value = line.partition(":")
        if value.endswith(" kB"):
            yield name, int(value.split()[0]) * 1024


def _tree(root: int) -> list[_Stat]:
    stats = sorted(_stats(), key=lambda stat: stat.pid != root)
    inside = {root}
    while new := {s.pid for s in stats if s.parent in inside or s.session == root} - inside:
        inside |= new
    return [stat for stat in stats if stat.pid in inside]


def _stats() -> Iterator[_Stat]:
    for entry in _PROC.iterdir():
        if entry.name.isdigit():
            with contextlib.suppress(OSError):
                fields = (entry / "stat").read_text().rpartition(")")[2].split()
                # proc(5), counted from the state: parent 1, session 3; utime, stime, cutime, cstime 11 to 14
                yield _Stat(int(entry.name), int(fields[1]), int(fields[3]), sum(map(int, fields[11:15])))
