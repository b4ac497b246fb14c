"""Alarms as values: which there are, and the windows that CloudWatch can look back over."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headgate.infra.alarms import DAY, FEWEST, HOUR, Alarm, alarms, windows
from tests.infra.metric_math import compared
from tests.infra.projects import site_of


def alarm_of(name: str, about: str) -> Alarm:
    (found,) = (alarm for alarm in alarms(site_of(name)) if alarm.about == about)
    return found


@pytest.mark.parametrize(
    ("name", "abouts"),
    [
        ("student", ["errors", "latency", "gateway", "throttles", "quiet", "letters"]),
        ("news", ["errors", "latency", "throttles", "gateway", "letters"]),
        ("iris", ["errors", "latency", "gateway", "throttles", "quiet", "letters"]),
    ],
)
def test_each_project_has_the_alarms_that_something_publishes_for(name: str, abouts: list[str]) -> None:
    found = alarms(site_of(name))
    assert [alarm.about for alarm in found] == abouts
    counts = [count for alarm in found for count in alarm.counts.values()]
    assert not [count for count in counts for key, _ in count.dimensions if key == "EndpointConfigName"]


@pytest.mark.parametrize("name", ["student", "news", "iris"])
def test_few_requests_have_no_percentile(name: str) -> None:
    latency = alarm_of(name, "latency")
    slow = 2 * latency.threshold
    assert compared(latency, n=FEWEST, p99=slow) == slow
    assert compared(latency, n=FEWEST - 1, p99=slow) is None
    assert compared(latency) is None
    assert latency.missing == "notBreaching", "a project that grows quiet does not stay in alarm"


@given(st.floats(min_value=1, max_value=7 * DAY))
def test_a_window_covers_what_is_asked_for_and_is_one_that_cloudwatch_takes(seconds: float) -> None:
    period, periods = windows(seconds)
    assert seconds <= period * periods < seconds + max(60, HOUR if seconds > DAY else 60)
    assert period % 60 == 0
    assert period * periods <= (7 * DAY if period >= HOUR else DAY)
