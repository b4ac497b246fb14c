"""A rollout's log: `rollouts/<environment>/<number>/000012.json` in the project's store.

Each entry is written create-only (the store refuses an existing key) and durably, and carries the digest of the one
before. So exactly one writer writes each entry, whoever races; a crash loses nothing; and a log that was edited is
refused. The log is the resume point, the ledger of who decided what, and the history that `headgate rollout why` tells.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import count, takewhile
from typing import Any

from headgate.core.digest import canonical_json, sha256
from headgate.data.store import Objects
from headgate.errors import InvalidInput, NotFound, Refused

MOST_ENTRIES = 100_000
READERS = 16
"""So many entries of a log are fetched at once: a bake of a week has two thousand, and a bucket is far away."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry: its number (from 1), when (epoch seconds) and by whom it was written, its kind and content."""

    number: int
    at: float
    by: str
    kind: str
    content: Mapping[str, Any]


class RunLog:
    """One log. Entries that were read once are kept: an entry never changes."""

    def __init__(self, store: Objects, folder: str) -> None:
        self.folder = folder
        self._store = store
        self._entries: list[Entry] = []
        self._digest = ""

    @property
    def latest(self) -> float:
        """When the last entry was written that was read or written here (epoch seconds); 0 where there is none."""
        return self._entries[-1].at if self._entries else 0.0

    def begun(self) -> bool:
        """Whether there is a first entry."""
        return self._store.exists(self._key(1))

    def moved_on(self) -> bool:
        """Whether somebody else has written since it was last read."""
        return self._store.exists(self._key(len(self._entries) + 1))

    def read(self) -> list[Entry]:
        """All entries. Raises InvalidInput where one is damaged, gone, or does not follow the one before it."""
        self._require_last()
        if not self._entries:
            self._read_many()
        while True:
            try:
                self._take(self._store.get(self._key(len(self._entries) + 1)))
            except NotFound:
                return self._entries

    def append(self, kind: str, content: Mapping[str, Any], *, at: float, by: str) -> Entry:
        """Write the next entry after those that were read; durable when this returns.

        Raises Refused where somebody else wrote it first: read again, and decide again. InvalidInput where the entry
        before it is gone: a log that was deleted is not begun again in its middle.
        """
        self._require_last()
        number = len(self._entries) + 1
        if number > MOST_ENTRIES:
            raise Refused(f"{self.folder} has {MOST_ENTRIES} entries; it takes no more.", hint="Abort the rollout.")
        document = {"number": number, "at": at, "by": by, "kind": kind, "before": self._digest, "content": content}
        data = canonical_json(document)
        self._store.put(self._key(number), data, create_only=True)
        entry = Entry(number, at, by, kind, content)
        self._entries.append(entry)
        self._digest = sha256(data)
        return entry

    def _read_many(self) -> None:
        """What is there now, as a list of the folder says."""
        from concurrent.futures import ThreadPoolExecutor

        there = set(self._store.list(self.folder))
        keys = takewhile(there.__contains__, map(self._key, count(1)))
        with ThreadPoolExecutor(READERS) as pool:
            for data in pool.map(self._store.get, keys):
                self._take(data)

    def _take(self, data: bytes) -> None:
        self._entries.append(self._checked(data))
        self._digest = sha256(data)

    def _require_last(self) -> None:
        last = len(self._entries)
        if last and not self._store.exists(self._key(last)):
            raise InvalidInput(
                f"{self._store}/{self._key(last)} is gone: the log was deleted by hand.",
                hint="Restore the folder from a backup; nothing else was changed.",
            )

    def _key(self, number: int) -> str:
        return f"{self.folder}/{number:06}.json"

    def _checked(self, data: bytes) -> Entry:
        number = len(self._entries) + 1
        where = f"{self._store}/{self._key(number)}"
        try:
            document = json.loads(data)
            entry = Entry(
                int(document["number"]),
                float(document["at"]),
                str(document["by"]),
                str(document["kind"]),
                dict(document["content"]),
            )
            before = document["before"]
        except (ValueError, KeyError, TypeError) as error:
            raise InvalidInput(f"{where} is damaged: {error}.", hint="Restore it from a backup.") from None
        if entry.number != number or before != self._digest:
            raise InvalidInput(
                f"{where} does not follow the entry before it: the log was changed by hand.",
                hint="Restore the folder from a backup; no rollout goes on from a log that cannot be trusted.",
            )
        return entry
