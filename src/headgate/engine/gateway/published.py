"""A file that Envoy watches, and what Envoy made of it.

Every write carries a higher version than any before, also after a restart of ours. Envoy accepts a file as a whole and
then shows its version, or refuses it, counts that, and keeps what it had. `publish` tells the two apart, and puts the
old content back where the new one was refused or not read in time: a failed change leaves nothing behind for the next
Envoy to trip over.
"""

import json
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from headgate.core.digest import canonical_json
from headgate.core.files import write_atomic, writing
from headgate.engine.gateway.admin import Admin
from headgate.errors import Unavailable

Resources = Sequence[dict[str, Any]]
Stamp = tuple[int, int, int]
"""Inode, size and time of change: what tells one state of a file from another."""


def wait_until(condition: Callable[[], bool], seconds: float) -> bool:
    """Ask until it is so, or `seconds` are over; the pauses grow from 1 to 20 ms."""
    deadline = time.monotonic() + seconds
    pause = 0.001
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(pause)
        pause = min(pause * 1.5, 0.02)
    return True


class Published:
    """One file. `stats` is how the names of Envoy's statistics about it begin; `log` is where Envoy says why."""

    def __init__(self, path: Path, kind: str, *, admin: Admin, stats: str, log: Path) -> None:
        self._path = path
        self._kind = kind
        self._admin = admin
        self._stats = stats
        self._log = log
        self._lock = threading.RLock()
        self._seen: Stamp | None = None
        self._readable = False
        self._version = 0
        self._resources: Resources = []

    @property
    def resources(self) -> Resources:
        """The content of the file, read again where somebody else touched it. Deleted or damaged it counts as empty:
        the engine holds it against its database and writes it anew."""
        with self._lock:
            stamp = _stamp(self._path)
            if stamp is None or stamp != self._seen:
                version, self._resources = self._read()
                self._readable = version > 0
                self._version = max(self._version, version)
                self._seen = stamp
            return self._resources

    def write(self, resources: Resources) -> None:
        """Replace the content; nothing happens where a readable file says the same. Raises Unavailable (disk full)."""
        with self._lock:
            if canonical_json(resources) == canonical_json(self.resources) and self._readable:
                return
            self._version = max(self._version + 1, time.time_ns() // 1_000_000)
            document = {"version_info": str(self._version), "type_url": self._kind, "resources": list(resources)}
            with writing(self._path):
                write_atomic(self._path, json.dumps(document).encode(), mode=0o600)
            self._resources, self._readable, self._seen = resources, True, _stamp(self._path)

    def publish(self, resources: Resources, seconds: float) -> None:
        """Replace the content and wait until Envoy acts by it. Raises Unavailable, the old content back in place."""
        before, refused, told = self.resources, self._heard()[1], self._log_size()
        self.write(resources)
        try:
            self._wait(refused, told, seconds)
        except Unavailable:
            self.write(before)
            raise

    def _wait(self, refused_before: int, told: int, seconds: float) -> None:
        version = refused = 0

        def settled() -> bool:
            nonlocal version, refused, refused_before
            version, refused = self._heard()
            refused_before = min(refused_before, refused)  # it counts from 0 again after a restart
            return version >= self._version or refused > refused_before

        if not wait_until(settled, seconds):
            raise Unavailable(
                f"The gateway did not take over {self._path.name} within {seconds:g} s.",
                hint=f"Is it running? Its log is {self._log}.",
            )
        if version < self._version:
            raise Unavailable(f"The gateway refuses {self._path.name}: {self._reason(told)}", hint=f"See {self._log}.")

    def _heard(self) -> tuple[int, int]:
        """The version by which Envoy acts, and how many it refused since it started; zeros where it does not answer."""
        names = [f"{self._stats}.version_text", f"{self._stats}.update_rejected"]
        try:
            stats = self._admin.stats(*names)
        except Unavailable:
            return 0, 0
        version, refused = (str(stats.get(name, "")) for name in names)
        return int(version) if version.isdecimal() else 0, int(refused or "0")

    def _reason(self, told: int) -> str:
        said: list[str] = []

        def found() -> bool:
            if not self._log.exists():
                return True
            with self._log.open("rb") as file:
                file.seek(told if told <= self._log_size() else 0)
                text = file.read().decode(errors="replace")
            said[:] = [
                line.split("update rejected: ", 1)[1] for line in text.splitlines() if "update rejected: " in line
            ]
            return bool(said)

        wait_until(found, 0.5)
        return said[-1] if said else "its log says why."

    def _log_size(self) -> int:
        return self._log.stat().st_size if self._log.exists() else 0

    def _read(self) -> tuple[int, Resources]:
        """Version and content; a damaged file counts as empty."""
        try:
            document = json.loads(self._path.read_bytes())
            return int(document["version_info"]), list(document["resources"])
        except (FileNotFoundError, ValueError, KeyError, TypeError):
            return 0, []


def _stamp(path: Path) -> Stamp | None:
    try:
        found = path.stat()
    except FileNotFoundError:
        return None
    return found.st_ino, found.st_size, found.st_mtime_ns
