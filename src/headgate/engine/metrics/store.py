"""Metrics that clients put: one SQLite database (WAL), `metrics.db`, apart from the engine's state.

`metrics`  each name with its dimensions, once
`points`   for each metric, unit and second: how many samples, their sum, the least and the most
`samples`  for each of these the values themselves and how often each came, for percentiles. Of a set of statistics the
           values are not known, so a period that has one has no percentiles.

It is bounded in time, in metrics and in bytes. What is old is deleted once a minute, when something is put; what would
go beyond the other bounds is refused. It is no promise to anybody: a crash of the machine may lose the last seconds
(synchronous=NORMAL), and a damaged database is put aside.
"""

import json
import logging
import sqlite3
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from headgate.engine.metrics.metric import Aggregate, Metric, Span, Statistic, of_samples
from headgate.errors import Refused, Unavailable

KEPT_SECONDS = 24 * 3600
MOST_METRICS = 10_000
MOST_BYTES = 256 * 1024 * 1024
PRUNING_SECONDS = 60

SCHEMA = """
CREATE TABLE IF NOT EXISTS metrics (
    id INTEGER PRIMARY KEY, namespace TEXT NOT NULL, name TEXT NOT NULL, dimensions TEXT NOT NULL,
    UNIQUE (namespace, name, dimensions)) STRICT;
CREATE TABLE IF NOT EXISTS points (
    metric INTEGER NOT NULL, unit TEXT NOT NULL, second INTEGER NOT NULL,
    count REAL NOT NULL, total REAL NOT NULL, least REAL NOT NULL, most REAL NOT NULL,
    PRIMARY KEY (metric, unit, second)) STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS samples (
    metric INTEGER NOT NULL, unit TEXT NOT NULL, second INTEGER NOT NULL, value REAL NOT NULL, count REAL NOT NULL,
    PRIMARY KEY (metric, unit, second, value)) STRICT, WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS points_by_time ON points (second);
CREATE INDEX IF NOT EXISTS samples_by_time ON samples (second);
"""

PUT_POINT = """
INSERT INTO points VALUES (?,?,?,?,?,?,?) ON CONFLICT DO UPDATE SET count = count + excluded.count,
total = total + excluded.total, least = min(least, excluded.least), most = max(most, excluded.most)
"""
PUT_SAMPLE = "INSERT INTO samples VALUES (?,?,?,?,?) ON CONFLICT DO UPDATE SET count = count + excluded.count"
WHERE = "metric=? AND second>=? AND second<? AND (? IS NULL OR unit=?)"

log = logging.getLogger("headgate.engine")


@dataclass(frozen=True, slots=True)
class Point:
    """What is put for a metric in one second. `samples` are (value, how often); none where they are not known."""

    metric: Metric
    unit: str
    second: int
    sums: Aggregate
    samples: Sequence[tuple[float, float]] = ()


class MetricStore:
    """The database. Safe to share between threads: one connection under one lock."""

    def __init__(
        self,
        path: Path,
        *,
        most_metrics: int = MOST_METRICS,
        most_bytes: int = MOST_BYTES,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._most_metrics = most_metrics
        self._most_bytes = most_bytes
        self._clock = clock
        self._pruned = 0.0
        self._lock = threading.RLock()
        self._db = _opened(path)

    def close(self) -> None:
        """Close the connection."""
        with self._lock:
            self._db.close()

    def put(self, points: Iterable[Point]) -> None:
        """Add to what is there: all points or, where that would go beyond a bound (Refused), none."""
        self._prune()
        with self._transaction():
            for point in points:
                key = (self._id(point.metric), point.unit, point.second)
                sums = point.sums
                self._db.execute(PUT_POINT, (*key, sums.count, sums.total, sums.least, sums.most))
                self._db.executemany(PUT_SAMPLE, [(*key, value, count) for value, count in point.samples])
            if self._bytes() > self._most_bytes:
                raise Refused(f"The engine keeps at most {self._most_bytes} bytes of metrics, and that is reached.")

    def metrics(self) -> list[Metric]:
        """All that have anything, in order."""
        rows = self._rows("SELECT namespace, name, dimensions FROM metrics")
        return sorted(Metric(space, name, tuple(map(tuple, json.loads(text)))) for space, name, text in rows)

    def values(self, metric: Metric, statistic: Statistic, span: Span, unit: str | None = None) -> dict[int, float]:
        """The statistic of each period that has a sample, by its beginning; of one unit, or of all taken together."""
        found = self._rows("SELECT id FROM metrics WHERE namespace=? AND name=? AND dimensions=?", *_key(metric))
        if not found:
            return {}
        where = (found[0][0], max(span.start, self._oldest()), span.end, unit, unit)
        rows = self._rows(f"SELECT second, count, total, least, most FROM points WHERE {WHERE}", *where)
        aggregates: dict[int, Aggregate] = {}
        for second, *sums in rows:
            _add(aggregates, span.period_of(second), Aggregate(*sums))
        if not statistic.of_samples:
            return {period: sums.of(statistic) for period, sums in aggregates.items()}
        samples: dict[int, list[tuple[float, float]]] = defaultdict(list)
        for second, value, count in self._rows(f"SELECT second, value, count FROM samples WHERE {WHERE}", *where):
            samples[span.period_of(second)].append((value, count))
        return {
            period: of_samples(samples[period], statistic)
            for period, sums in aggregates.items()
            if _is_whole(samples[period], sums)
        }

    # ---- inside

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        with self._lock:
            try:
                self._db.execute("BEGIN IMMEDIATE")
                yield
                self._db.execute("COMMIT")
            except BaseException as error:
                self._db.rollback()
                if isinstance(error, sqlite3.OperationalError):
                    raise Unavailable(f"The engine cannot write metrics: {error}.", hint="Is the disk full?") from error
                raise

    def _rows(self, sql: str, *values: Any) -> list[Any]:
        with self._lock, closing(self._db.execute(sql, values)) as cursor:
            return cursor.fetchall()

    def _id(self, metric: Metric) -> int:
        key = _key(metric)
        found = self._rows("SELECT id FROM metrics WHERE namespace=? AND name=? AND dimensions=?", *key)
        if found:
            return int(found[0][0])
        if self._rows("SELECT count(*) FROM metrics")[0][0] >= self._most_metrics:
            raise Refused(f"The engine keeps at most {self._most_metrics} metrics, and that is reached.")
        return int(self._rows("INSERT INTO metrics VALUES (NULL,?,?,?) RETURNING id", *key)[0][0])

    def _bytes(self) -> int:
        """The size of what is in use; pages that were freed are used again."""
        pages, free, size = (self._rows(f"PRAGMA {of}")[0][0] for of in ("page_count", "freelist_count", "page_size"))
        return int((pages - free) * size)

    def _oldest(self) -> int:
        return int(self._clock()) - KEPT_SECONDS

    def _prune(self) -> None:
        now = self._clock()
        if abs(now - self._pruned) < PRUNING_SECONDS:
            return
        with self._transaction():
            for table in ("points", "samples"):
                self._db.execute(f"DELETE FROM {table} WHERE second<?", (self._oldest(),))
            self._db.execute("DELETE FROM metrics WHERE id NOT IN (SELECT metric FROM points)")
        self._pruned = now


def _opened(path: Path) -> sqlite3.Connection:
    try:
        return _connect(path)
    except sqlite3.OperationalError as error:  # locked, a full disk, no permission: nothing is wrong with what is in it
        raise Unavailable(f"The engine cannot use {path}: {error}.", hint="Is the disk full?") from None
    except sqlite3.DatabaseError as error:
        aside = path.with_name(f"{path.name}.damaged")
        log.error("%s cannot be read (%s); it is now %s, and metrics begin anew", path, error, aside.name)
        for suffix in ("-wal", "-shm"):
            path.with_name(path.name + suffix).unlink(missing_ok=True)
        path.replace(aside)
        return _connect(path)


def _connect(path: Path) -> sqlite3.Connection:
    db = sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=10)
    try:
        path.chmod(0o600)
        db.execute("PRAGMA journal_mode=WAL")
        db.execute("PRAGMA synchronous=NORMAL")
        db.executescript(SCHEMA)
    except BaseException:
        db.close()
        raise
    return db


def _key(metric: Metric) -> tuple[str, str, str]:
    return metric.namespace, metric.name, json.dumps(metric.dimensions)


def _add(aggregates: dict[int, Aggregate], period: int, more: Aggregate) -> None:
    so_far = aggregates.get(period)
    if so_far is not None:
        more = Aggregate(
            so_far.count + more.count,
            so_far.total + more.total,
            min(so_far.least, more.least),
            max(so_far.most, more.most),
        )
    aggregates[period] = more


def _is_whole(samples: Sequence[tuple[float, float]], sums: Aggregate) -> bool:
    """Whether the value of every sample is known."""
    return sum(count for _, count in samples) >= sums.count * (1 - 1e-9)
