"""What the server counts, and `GET /metrics` in Prometheus' text format 0.0.4.

    memory   one row of int64 slots for each worker, in a mapping that all workers of a server share
    request  status, latency, model time of one request: plain increments in the worker's own row, no lock, no call out
    render   the sum over all rows, whichever worker is asked

A slot has one writer at a time: a row belongs to one worker, and each slot of it to one thread of that worker (the
event loop; the capture's writer thread for its own). So `+= 1` loses nothing. Readers need no lock either: CPython
copies a slot as one aligned machine word of eight bytes, which x86-64 and arm64 load and store whole, so a reader sees
the value before or after, never half of each. What is read together may be one request apart; a histogram's count is
summed from its buckets, so that it always agrees with them.

A worker that replaces a dead one takes over its row: counters go on, gauges begin at zero.
"""

import mmap
import os
import tempfile
import time
from bisect import bisect_left
from collections.abc import Iterator, Mapping, Sequence
from enum import IntEnum, auto
from pathlib import Path

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"

BOUNDS = tuple(step * 10**power for power in range(7) for step in (10, 15, 20, 30, 50, 70))
"""Upper bounds of the histograms' buckets in microseconds, 10 us to 70 s."""

_STATUSES = 600
"""The first slots: a status is its own slot."""


class Counter(IntEnum):
    """What only grows. The value is the slot."""

    BAD_REQUEST = _STATUSES
    TOO_LARGE = auto()
    SHED = auto()
    MODEL_FAILURE = auto()
    TIMEOUT = auto()
    INTERNAL = auto()
    CAPTURED = auto()
    CAPTURED_BYTES = auto()
    DROPPED_BUFFER_FULL = auto()  # the event loop's, the other drops are the writer thread's
    DROPPED_NOT_WRITTEN = auto()
    DROPPED_SPOOL_FULL = auto()


class Gauge(IntEnum):
    """What goes up and down. The value is the slot."""

    CONNECTIONS = max(Counter) + 1
    IN_FLIGHT = auto()
    QUEUED = auto()
    SPOOLED_BYTES = auto()


_PID, _STARTED, _STARTS = range(max(Gauge) + 1, max(Gauge) + 4)
_LATENCY = _STARTS + 1
_LATENCY_SUM = _LATENCY + len(BOUNDS) + 1
_MODEL = _LATENCY_SUM + 1
_MODEL_SUM = _MODEL + len(BOUNDS) + 1
_ROW = _MODEL_SUM + 1

_ERRORS = {
    "bad_request": Counter.BAD_REQUEST,
    "too_large": Counter.TOO_LARGE,
    "shed": Counter.SHED,
    "model_failure": Counter.MODEL_FAILURE,
    "timeout": Counter.TIMEOUT,
    "internal": Counter.INTERNAL,
}
_DROPS = {
    "buffer_full": Counter.DROPPED_BUFFER_FULL,
    "not_written": Counter.DROPPED_NOT_WRITTEN,
    "spool_full": Counter.DROPPED_SPOOL_FULL,
}


def shared_file(workers: int) -> int:
    """The descriptor of a nameless file for `workers` rows: the parent makes it, workers inherit it."""
    if hasattr(os, "memfd_create"):
        descriptor = os.memfd_create("headgate-metrics")
    else:
        descriptor, name = tempfile.mkstemp()
        Path(name).unlink()
    os.ftruncate(descriptor, workers * _ROW * 8)
    return descriptor


def map_memory(workers: int = 1, descriptor: int = -1) -> memoryview:
    """The rows of `workers` workers: in `shared_file`'s file, or without one in memory of this process alone."""
    return memoryview(mmap.mmap(descriptor, workers * _ROW * 8)).cast("q")


class Metrics:
    """The counters of one worker, rendered together with those of its siblings."""

    def __init__(
        self, memory: memoryview, worker: int = 0, workers: int = 1, info: Mapping[str, str] | None = None
    ) -> None:
        """`memory` as from `map_memory`; `worker` counts from 0; `info` are the labels of headgate_build_info."""
        self._rows = [memory[n * _ROW : (n + 1) * _ROW] for n in range(workers)]
        self._row = self._rows[worker]
        self._info = dict(info or {})
        for gauge in Gauge:
            self._row[gauge] = 0
        self._row[_PID] = os.getpid()
        self._row[_STARTED] = time.time_ns() // 1_000_000
        self._row[_STARTS] += 1

    def request(self, status: int, micros: int, model_micros: int) -> None:
        """Count an answered request; `model_micros` is 0 where the model was not asked."""
        row = self._row
        row[status] += 1
        row[_LATENCY + bisect_left(BOUNDS, micros)] += 1
        row[_LATENCY_SUM] += micros
        if model_micros:
            row[_MODEL + bisect_left(BOUNDS, model_micros)] += 1
            row[_MODEL_SUM] += model_micros

    def add(self, what: Counter | Gauge, n: int = 1) -> None:
        """Count `n` more, or for a gauge also `-n`."""
        self._row[what] += n

    def set(self, gauge: Gauge, value: int) -> None:
        """The gauge's value now."""
        self._row[gauge] = value

    def value(self, what: Counter | Gauge) -> int:
        """The sum over all workers."""
        return sum(row[what] for row in self._rows)

    def own(self, gauge: Gauge) -> int:
        """This worker's value."""
        return self._row[gauge]

    def least(self, gauge: Gauge) -> int:
        """The least value of any worker that was ever started."""
        return min(row[gauge] for row in self._rows if row[_STARTS])

    def render(self) -> bytes:
        """Everything, as Prometheus reads it."""
        rows = [row.tolist() for row in self._rows]
        sums = [sum(column) for column in zip(*rows, strict=True)]
        lines = [*_served(sums), *_captured(sums), *_workers(rows), *_gauge("headgate_build_info", "The build.")]
        lines.append(_sample("headgate_build_info", self._info, 1))
        return ("\n".join(lines) + "\n").encode()


def _served(sums: Sequence[int]) -> Iterator[str]:
    yield from _counter("headgate_requests_total", "Requests answered, by status.")
    for status, n in enumerate(sums[:_STATUSES]):
        if n or status == 200:
            yield _sample("headgate_requests_total", {"code": str(status)}, n)
    yield from _counter("headgate_errors_total", "Requests that failed, by class.")
    for name, slot in _ERRORS.items():
        yield _sample("headgate_errors_total", {"class": name}, sums[slot])
    yield from _histogram(
        "headgate_request_duration_microseconds", "From a request's last byte to its answer.", sums, _LATENCY
    )
    yield from _histogram("headgate_model_duration_microseconds", "Within the model.", sums, _MODEL)
    yield from _gauge("headgate_connections", "Connections that are open.")
    yield _sample("headgate_connections", {}, sums[Gauge.CONNECTIONS])
    yield from _gauge("headgate_requests_in_flight", "Requests begun and not yet answered.")
    yield _sample("headgate_requests_in_flight", {}, sums[Gauge.IN_FLIGHT])
    yield from _gauge("headgate_requests_queued", "Requests that wait for the model.")
    yield _sample("headgate_requests_queued", {}, sums[Gauge.QUEUED])


def _captured(sums: Sequence[int]) -> Iterator[str]:
    yield from _counter("headgate_capture_records_total", "Records written.")
    yield _sample("headgate_capture_records_total", {}, sums[Counter.CAPTURED])
    yield from _counter("headgate_capture_bytes_total", "Bytes of records written.")
    yield _sample("headgate_capture_bytes_total", {}, sums[Counter.CAPTURED_BYTES])
    yield from _counter("headgate_capture_dropped_total", "Records lost, by reason.")
    for name, slot in _DROPS.items():
        yield _sample("headgate_capture_dropped_total", {"reason": name}, sums[slot])
    yield from _gauge("headgate_capture_spooled_bytes", "Bytes written that wait to be sent to the object store.")
    yield _sample("headgate_capture_spooled_bytes", {}, sums[Gauge.SPOOLED_BYTES])


def _workers(rows: Sequence[Sequence[int]]) -> Iterator[str]:
    """A series for each worker: processor time falls when a worker is replaced, and a sum of those would lie."""
    running = [(str(n), row) for n, row in enumerate(rows) if row[_STARTS]]
    usage = {worker: _usage(row[_PID]) for worker, row in running}
    yield from _counter("headgate_worker_starts_total", "How often the worker was started.")
    yield from (_sample("headgate_worker_starts_total", {"worker": n}, row[_STARTS]) for n, row in running)
    yield from _gauge("headgate_worker_start_time_seconds", "When the worker started, since the epoch.")
    for n, row in running:
        yield _sample("headgate_worker_start_time_seconds", {"worker": n}, row[_STARTED] / 1000)
    yield from _counter("headgate_worker_cpu_seconds_total", "Processor time, user and system.")
    yield from (_sample("headgate_worker_cpu_seconds_total", {"worker": n}, u[0]) for n, u in usage.items() if u)
    yield from _gauge("headgate_worker_resident_memory_bytes", "Memory that is resident.")
    yield from (_sample("headgate_worker_resident_memory_bytes", {"worker": n}, u[1]) for n, u in usage.items() if u)


def _usage(pid: int) -> tuple[float, int] | None:
    """Processor seconds and resident bytes of a process, where /proc tells."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()
    except OSError:
        return None
    ticks = int(fields[11]) + int(fields[12])
    return ticks / os.sysconf("SC_CLK_TCK"), int(fields[21]) * mmap.PAGESIZE


def _histogram(name: str, said: str, sums: Sequence[int], first: int) -> Iterator[str]:
    """`first` is the slot of the lowest bucket; behind the buckets stands the sum."""
    yield from (f"# HELP {name} {said}", f"# TYPE {name} histogram")
    count = 0
    for slot, bound in enumerate((*map(str, BOUNDS), "+Inf"), first):
        count += sums[slot]
        yield _sample(f"{name}_bucket", {"le": bound}, count)
    yield _sample(f"{name}_sum", {}, sums[first + len(BOUNDS) + 1])
    yield _sample(f"{name}_count", {}, count)


def _counter(name: str, said: str) -> tuple[str, str]:
    return f"# HELP {name} {said}", f"# TYPE {name} counter"


def _gauge(name: str, said: str) -> tuple[str, str]:
    return f"# HELP {name} {said}", f"# TYPE {name} gauge"


_ESCAPES = str.maketrans({"\\": r"\\", '"': r"\"", "\n": r"\n"})


def _sample(name: str, labels: Mapping[str, str], value: float) -> str:
    pairs = ",".join(f'{key}="{text.translate(_ESCAPES)}"' for key, text in labels.items())
    return f"{name}{{{pairs}}} {value}" if pairs else f"{name} {value}"
