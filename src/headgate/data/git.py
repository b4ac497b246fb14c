"""Which commit a folder is at, so that a run can say what it was made from."""

import os
import subprocess
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Commit:
    """`dirty`: something below the folder differs from the commit, or is not in it."""

    sha: str
    dirty: bool


def commit_of(folder: Path) -> Commit | None:
    """The commit of `folder`, or None where it is in no repository, has no commit yet, or there is no git."""
    sha = _git(folder, "rev-parse", "--verify", "--quiet", "HEAD")
    changes = _git(folder, "status", "--porcelain", "--", ".")
    return None if not sha or changes is None else Commit(sha, bool(changes))


def _git(folder: Path, *arguments: str) -> str | None:
    # Inside a git hook GIT_DIR points at the hook's repository, whatever the folder.
    environment = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    try:
        done = subprocess.run(
            ["git", "--no-optional-locks", *arguments],
            cwd=folder,
            env=environment,
            capture_output=True,
            text=True,
            timeout=10,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() if done.returncode == 0 else None
