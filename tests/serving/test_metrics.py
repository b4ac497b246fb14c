"""The counters and their text."""

import os
import subprocess
import sys

from hypothesis import given
from hypothesis import strategies as st
from prometheus_client.parser import text_string_to_metric_families

import headgate
from headgate.serving.metrics import BOUNDS, Gauge, Metrics, map_memory, shared_file

INFO = {"version": headgate.__version__, "project": 'iris "\\\n'}


def read(metrics: Metrics) -> dict[tuple[str, frozenset[tuple[str, str]]], float]:
    """Every sample as Prometheus' own parser reads it."""
    families = text_string_to_metric_families(metrics.render().decode())
    return {(s.name, frozenset(s.labels.items())): s.value for f in families for s in f.samples}


def value(metrics: Metrics, name: str, **labels: str) -> float:
    return read(metrics)[name, frozenset(labels.items())]


def test_requests_are_counted_by_status_and_time() -> None:
    metrics = Metrics(map_memory(), info=INFO)
    metrics.request(200, 180, 25)
    metrics.request(200, 10, 10)
    metrics.request(400, 40_000_000_000, 0)
    assert value(metrics, "headgate_requests_total", code="200") == 2
    assert value(metrics, "headgate_requests_total", code="400") == 1
    duration = "headgate_request_duration_microseconds"
    assert [value(metrics, f"{duration}_bucket", le=le) for le in ("10", "150", "200", "+Inf")] == [1, 1, 2, 3]
    assert value(metrics, f"{duration}_count") == 3
    assert value(metrics, f"{duration}_sum") == 40_000_000_190
    assert value(metrics, "headgate_model_duration_microseconds_count") == 2
    assert value(metrics, "headgate_build_info", **INFO) == 1


def test_what_did_not_happen_is_there_as_zero() -> None:
    metrics = Metrics(map_memory())
    for name in ("bad_request", "too_large", "shed", "model_failure", "timeout", "internal"):
        assert value(metrics, "headgate_errors_total", **{"class": name}) == 0
    assert value(metrics, "headgate_requests_total", code="200") == 0


def test_names_and_types_follow_the_conventions() -> None:
    for family in text_string_to_metric_families(Metrics(map_memory()).render().decode()):
        assert family.name.startswith("headgate_")
        assert family.documentation
        assert family.type in ("counter", "gauge", "histogram")
        totals = [sample.name.endswith("_total") for sample in family.samples]
        assert all(totals) if family.type == "counter" else not any(totals)


@given(st.lists(st.integers(0, 10**9), max_size=20))
def test_every_time_falls_into_its_bucket(times: list[int]) -> None:
    metrics = Metrics(map_memory())
    for micros in times:
        metrics.request(200, micros, 0)
    found = read(metrics)
    for bound in BOUNDS:
        key = "headgate_request_duration_microseconds_bucket", frozenset({("le", str(bound))})
        assert found[key] == sum(micros <= bound for micros in times)


SECOND = """
import sys
from headgate.serving.metrics import Counter, Gauge, Metrics, map_memory

second = Metrics(map_memory(2, int(sys.argv[1])), 1, 2)
second.request(200, 50, 20)
second.add(Counter.SHED, 3)
second.add(Gauge.IN_FLIGHT)
"""


def test_workers_add_up_and_a_replaced_one_goes_on() -> None:
    descriptor = shared_file(2)
    try:
        first = Metrics(map_memory(2, descriptor), 0, 2)
        subprocess.run([sys.executable, "-c", SECOND, str(descriptor)], pass_fds=[descriptor], check=True)
        first.request(200, 50, 20)
        first.set(Gauge.QUEUED, 4)
        assert value(first, "headgate_requests_total", code="200") == 2
        assert first.value(Gauge.IN_FLIGHT) == 1
        replacement = Metrics(map_memory(2, descriptor), 1, 2)
        replacement.request(200, 50, 20)
        for metrics in (first, replacement):
            assert value(metrics, "headgate_requests_total", code="200") == 3
            assert value(metrics, "headgate_errors_total", **{"class": "shed"}) == 3
            assert value(metrics, "headgate_requests_in_flight") == 0, "what died with the worker is not in flight"
            assert value(metrics, "headgate_requests_queued") == 4
            assert value(metrics, "headgate_worker_starts_total", worker="1") == 2
            assert value(metrics, "headgate_worker_resident_memory_bytes", worker="0") > 1_000_000
    finally:
        os.close(descriptor)
