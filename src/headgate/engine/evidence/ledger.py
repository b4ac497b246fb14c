"""`evidence.db`: the closed seconds, and how far the attempt log was read when the last of them was closed.

`seconds`   a row for each second of a variant: its requests, its units and its latencies. What the rows are searched by
            stands before the blobs, so that a second in which nothing failed is passed over unread.
`progress`  one row, written in the same transaction as the seconds that were closed with it: see `Recorder`.

Nothing in here is a promise to anybody. So commits do not wait for the disk (synchronous=NORMAL; a killed process loses
nothing, a power cut perhaps the last seconds, which are then read again from the log), and a damaged database is put
aside. Old seconds are deleted, and their pages used again: the file does not grow beyond what is kept.
"""

import logging
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import closing
from itertools import groupby
from pathlib import Path

from headgate.engine.evidence.histogram import Histogram
from headgate.engine.evidence.tally import Invocations, Tally, Units
from headgate.engine.evidence.units import OneSecond, Question
from headgate.errors import Unavailable

SCHEMA = """
CREATE TABLE IF NOT EXISTS seconds (
    endpoint TEXT NOT NULL, second INTEGER NOT NULL, variant TEXT NOT NULL,
    invocations INTEGER NOT NULL, errors_4xx INTEGER NOT NULL, errors_5xx INTEGER NOT NULL,
    model_errors INTEGER NOT NULL, failing INTEGER NOT NULL, slowest INTEGER NOT NULL,
    latency BLOB NOT NULL, units BLOB NOT NULL, UNIQUE (endpoint, second, variant)) STRICT;
CREATE INDEX IF NOT EXISTS by_age ON seconds (second);
CREATE TABLE IF NOT EXISTS progress (id INTEGER PRIMARY KEY CHECK (id = 1), body TEXT NOT NULL) STRICT;
"""
FORMAT = 1
"""Of the database: one that another Headgate wrote otherwise is put aside as well."""
CLOSED = Mapping[int, Mapping[tuple[str, str], Tally]]
PRUNE_EVERY = 60

log = logging.getLogger("headgate.engine")


class Ledger:
    """The database. Not for several threads at once."""

    def __init__(self, path: Path, *, keep_seconds: int, max_bytes: int) -> None:
        self._keep_seconds = keep_seconds
        self._max_bytes = max_bytes
        self._pruned = 0
        self._db = _opened(path)
        self.variants: set[tuple[str, str]] = self._variants()
        """Endpoint and variant of everything that is kept."""

    def close(self) -> None:
        """Close the connection."""
        self._db.close()

    def progress(self) -> str | None:
        """What was last committed as progress."""
        with closing(self._db.execute("SELECT body FROM progress")) as rows:
            row = rows.fetchone()
        return None if row is None else str(row[0])

    def commit(self, closed: CLOSED, progress: str) -> None:
        """Keep closed seconds and the progress, both or neither. Raises Unavailable."""
        rows = [_row(second, *key, tally) for second in sorted(closed) for key, tally in closed[second].items()]
        try:
            with self._db:
                self._db.execute("BEGIN IMMEDIATE")
                self._db.executemany("INSERT INTO seconds VALUES (?,?,?,?,?,?,?,?,?,?,?)", rows)
                self._db.execute("INSERT OR REPLACE INTO progress VALUES (1, ?)", (progress,))
        except sqlite3.OperationalError as error:
            raise Unavailable(f"The engine cannot write its evidence: {error}.", hint="Is the disk full?") from error
        self.variants.update(key for variants in closed.values() for key in variants)
        if closed and max(closed) >= self._pruned + PRUNE_EVERY:
            self._pruned = max(closed)
            try:
                self._prune(max(closed) - self._keep_seconds)
            except sqlite3.OperationalError as error:
                log.warning("old evidence is kept for another minute: %s", error)

    def units(self, question: Question, start: int, end: int) -> Iterator[OneSecond]:
        """The closed seconds of an endpoint, in their order, where a question could find something."""
        sql = "SELECT second, variant, units FROM seconds WHERE endpoint=? AND second>=? AND second<?"
        values: list[str | float] = [question.endpoint, start, end]
        match question.kind:
            case "failing":
                sql += " AND failing>0"
            case "slow":
                sql += " AND slowest>?"
                values.append(question.microseconds)
        with closing(self._db.execute(sql + " ORDER BY second", values)) as rows:
            for second, group in groupby(rows, key=lambda row: int(row[0])):
                yield second, {variant: Units.decode(units) for _, variant, units in group}

    def invocations(self, endpoint: str, variant: str, start: int, end: int) -> Iterator[tuple[int, Invocations]]:
        """The requests of a variant by second."""
        sql = """SELECT second, invocations, errors_4xx, errors_5xx, model_errors FROM seconds
                 WHERE endpoint=? AND variant=? AND second>=? AND second<?"""
        with closing(self._db.execute(sql, (endpoint, variant, start, end))) as rows:
            for second, *figures in rows:
                yield second, Invocations(*figures)

    def latencies(self, endpoint: str, variant: str, start: int, end: int) -> Iterator[Histogram]:
        """The latencies of a variant, a histogram for each second."""
        sql = "SELECT latency FROM seconds WHERE endpoint=? AND variant=? AND second>=? AND second<?"
        with closing(self._db.execute(sql, (endpoint, variant, start, end))) as rows:
            for (latency,) in rows:
                yield Histogram.decode(latency)

    def _prune(self, before: int) -> None:
        with self._db:
            self._db.execute("BEGIN IMMEDIATE")
            self._db.execute("DELETE FROM seconds WHERE second<?", (before,))
            while self._bytes() > self._max_bytes:
                oldest = "SELECT rowid FROM seconds ORDER BY second LIMIT (SELECT 1 + count(*) / 20 FROM seconds)"
                if not self._db.execute(f"DELETE FROM seconds WHERE rowid IN ({oldest})").rowcount:
                    break
        self.variants = self._variants()

    def _bytes(self) -> int:
        pages, free, size = (
            self._db.execute(f"PRAGMA {name}").fetchone()[0] for name in ("page_count", "freelist_count", "page_size")
        )
        return int((pages - free) * size)

    def _variants(self) -> set[tuple[str, str]]:
        with closing(self._db.execute("SELECT DISTINCT endpoint, variant FROM seconds")) as rows:
            return {(endpoint, variant) for endpoint, variant in rows}


def _row(second: int, endpoint: str, variant: str, tally: Tally) -> tuple[object, ...]:
    requests, units = tally.invocations, tally.units
    return (
        endpoint, second, variant,
        requests.invocations, requests.errors_4xx, requests.errors_5xx, requests.model_errors,
        units.failing, units.slowest, tally.latency.encode(), units.encode(),
    )  # fmt: skip


def _opened(path: Path) -> sqlite3.Connection:
    try:
        return _connect(path)
    except sqlite3.OperationalError as error:  # locked, no room, no right: not damaged
        raise Unavailable(f"The engine cannot use {path}: {error}.") from None
    except sqlite3.DatabaseError as error:
        aside = path.with_name(path.name + ".damaged")
        log.error("%s cannot be read (%s); it is now %s, and evidence begins anew", path, error, aside.name)
        for suffix in ("-wal", "-shm"):
            path.with_name(path.name + suffix).unlink(missing_ok=True)
        path.replace(aside)
        return _connect(path)


def _connect(path: Path) -> sqlite3.Connection:
    path.touch(mode=0o600)
    path.chmod(0o600)
    db = sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=1)
    try:
        db.execute("PRAGMA journal_mode=WAL")
        db.execute("PRAGMA synchronous=NORMAL")
        db.execute(f"PRAGMA journal_size_limit={8 * 1024 * 1024}")
        (found,) = db.execute("PRAGMA quick_check(1)").fetchone()
        if found != "ok":
            raise sqlite3.DatabaseError(str(found).replace("\n", " "))
        (tables,) = db.execute("SELECT count(*) FROM sqlite_master").fetchone()
        (version,) = db.execute("PRAGMA user_version").fetchone()
        if tables and version != FORMAT:
            raise sqlite3.DatabaseError(f"its format is {version}, that of this Headgate is {FORMAT}")
        db.executescript(SCHEMA)
        db.execute(f"PRAGMA user_version={FORMAT}")
    except sqlite3.DatabaseError:
        db.close()
        raise
    return db
