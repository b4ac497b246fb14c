"""Alarms as values: which there are, and the windows that CloudWatch can look back over."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headgate.infra.alarms import DAY, HOUR, alarms, windows
from tests.infra.projects import site_of


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
    assert not [alarm for alarm in found for key, _ in alarm.count.dimensions if key == "EndpointConfigName"]


@given(st.floats(min_value=1, max_value=7 * DAY))
def test_a_window_covers_what_is_asked_for_and_is_one_that_cloudwatch_takes(seconds: float) -> None:
    period, periods = windows(seconds)
    assert seconds <= period * periods < seconds + max(60, HOUR if seconds > DAY else 60)
    assert period % 60 == 0
    assert period * periods <= (7 * DAY if period >= HOUR else DAY)
