"""Sums and percentiles."""

import json
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from headgate.traffic.result import Second, percentiles
from tests.traffic.results import eventful, result


def test_percentiles_are_values_that_were_measured() -> None:
    assert percentiles([]) == {"p50": None, "p90": None, "p99": None, "max": None}
    assert percentiles([7000]) == {"p50": 7.0, "p90": 7.0, "p99": 7.0, "max": 7.0}
    assert percentiles(list(range(1000, 101_000, 1000))) == {"p50": 50.0, "p90": 90.0, "p99": 99.0, "max": 100.0}


@given(st.lists(st.integers(0, 10**8), min_size=1))
def test_percentiles_rise_and_end_at_the_largest(latencies: list[int]) -> None:
    found = [value for value in percentiles(sorted(latencies)).values() if value is not None]
    assert all(a <= b for a, b in pairwise(found))
    assert found[-1] == max(latencies) / 1000


def test_the_sum_counts_everything_once() -> None:
    found = eventful()
    assert (found.sent, found.failed, found.took) == (903, 2, 10.02)
    assert found.failures == {"424 ModelError": 1, "<b>&\"'": 1}
    assert found.variants == {"canary": 1, "stable": 900}
    assert found.latencies == {"p50": 1.0, "p90": 1.0, "p99": 5.0, "max": 9.0}


def test_the_document_is_json_with_every_second() -> None:
    document = json.loads(json.dumps(eventful().to_json()))
    assert document["requests"] == sum(second["requests"] for second in document["seconds"]) == 903
    assert document["seconds"][4] == {
        "at": 5.0, "users": 15, "requests": 2, "failed": 2, "p50": None, "p90": None, "p99": None, "max": None,
        "variants": {"canary": 1},
    }  # fmt: skip
    assert [event["at"] for event in document["events"]] == [2.5, 6.0]
    assert document["failures"][0]["said"] == "<script>alert(1)</script>"


def test_nothing_at_all_is_a_result_too() -> None:
    found = result()
    assert (found.sent, found.failed, found.took, found.failures) == (0, 0, 0.0, {})
    assert result(Second(1.0, 3, [])).took == 1.0
