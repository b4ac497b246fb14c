"""What endpoints leave behind, kept in bounds: unpacked packages, their environments, and logs.

Whatever an instance runs on stays. Of the rest the newest few stay, because a roll-back or a second look at a log comes
soon or never; an older package is unpacked again from the store, as any new one is. A package that is being prepared is
among the newest: `prepare` touches it first.
"""

import shutil
from collections.abc import Collection, Iterable
from contextlib import suppress
from pathlib import Path

from headgate.engine.environments import READY, environment_of
from headgate.engine.home import Home

KEPT_PACKAGES = 10
KEPT_LOGS = 50


def clear(home: Home, bases: Collection[Path], instance_ids: Collection[str]) -> None:
    """Remove what neither these base folders nor these instances need, but for the newest."""
    unused = _newest_first(base for base in home.models.iterdir() if base not in bases)
    for base in unused[KEPT_PACKAGES:]:
        _remove(base)
    needed = {environment_of(base, home.environments) for base in home.models.iterdir()}
    for environment in home.environments.iterdir():
        if environment.is_dir() and environment not in needed:
            _remove(environment)
            environment.with_suffix(".lock").unlink(missing_ok=True)
    logs = _newest_first(path for path in home.logs.glob("*/*.log*") if not _belongs(path, instance_ids))
    for path in logs[KEPT_LOGS:]:
        path.unlink(missing_ok=True)
        with suppress(OSError):  # somebody else's log is in it
            path.parent.rmdir()


def _remove(folder: Path) -> None:
    (folder / READY).unlink(missing_ok=True)  # first: should this be cut short, the rest does not count as whole
    shutil.rmtree(folder, ignore_errors=True)


def _belongs(log: Path, instance_ids: Collection[str]) -> bool:
    return log.name.partition(".")[0].rpartition("-")[2] in instance_ids


def _newest_first(paths: Iterable[Path]) -> list[Path]:
    return sorted(paths, key=_age)


def _age(path: Path) -> float:
    with suppress(FileNotFoundError):
        return -path.stat().st_mtime
    return 0.0
