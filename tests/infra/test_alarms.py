"""Alarms as values: which there are, and the windows that CloudWatch can look back over."""

from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headgate.infra.alarms import DAY, EXCUSES, FEWEST, HOUR, MINUTE, REVERTING, Alarm, alarms, rollback_rule, windows
from headgate.serving.aws_lambda.metrics import Metrics
from tests.infra.metric_math import compared
from tests.infra.projects import PROJECTS, site_of

MODEL = "news-category-cloud-model"


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


@pytest.mark.parametrize(
    ("counted", "share"),
    [
        ({"requests": 10, "failures": 0, "unanswered": 0, "refused": 0}, 0.0),
        ({"requests": 10, "failures": 4, "unanswered": 4, "refused": 0}, 0.4),
        ({"requests": 10, "failures": 0, "unanswered": 3, "refused": 3}, 0.0),  # the callers' fault
        ({"requests": 10, "failures": 0, "unanswered": 5, "refused": 3}, 0.2),  # a model that never answers
        ({"requests": 10, "failures": 4}, 0.4),  # the others are still to come
        ({"requests": 10}, 0.0),
        ({}, None),
    ],
)
def test_an_endpoints_errors_are_what_a_rollout_takes_for_them(counted: dict[str, float], share: float | None) -> None:
    for name in ("student", "iris"):
        assert compared(alarm_of(name, "errors"), **counted) == share


@pytest.mark.parametrize(
    ("counted", "share"),
    [
        ({"requests": 10, "failures": 0, "raised": 0, "errors": 0}, 0.0),
        ({"requests": 10, "failures": 4, "raised": 0, "errors": 0}, 0.4),  # answers of 500, a success to Lambda
        ({"requests": 10, "failures": 0, "raised": 4, "errors": 4}, 0.0),  # direct invocations that were refused
        ({"requests": 10, "failures": 4, "raised": 4, "errors": 4}, 0.4),  # direct invocations that failed
        (
            {"requests": 8, "failures": 0, "raised": 0, "errors": 2},
            0.2,
        ),  # out of time or memory: no line of the handler
        ({"errors": 5}, 1.0),  # it does not start any more
        ({"requests": 10, "failures": 1, "raised": 4, "errors": 1}, 0.1),  # Lambda's own numbers are still to come
        ({"requests": 10, "failures": 1, "raised": 0}, 0.1),
        ({"errors": 0}, None),
        ({}, None),
    ],
)
def test_a_functions_errors_are_what_a_rollout_takes_for_them(counted: dict[str, float], share: float | None) -> None:
    errors = alarm_of("news", "errors")
    assert compared(errors, **counted) == share
    assert errors.missing == "notBreaching", "without traffic nothing failed"


def test_the_counts_of_the_handler_are_those_that_it_writes() -> None:
    context = SimpleNamespace(invoked_function_arn=f"arn:aws:lambda:eu-central-1:1:function:{MODEL}:live")
    line = Metrics(MODEL, "12").fields(context, 500, began=0.0)
    (about,) = line["_aws"]["CloudWatchMetrics"]
    written = [{(name, line[name]) for name in names} for names in about["Dimensions"]]
    counts = [count for count in alarm_of("news", "errors").counts.values() if not count.namespace.startswith("AWS/")]
    assert {count.name for count in counts} == {metric["Name"] for metric in about["Metrics"]}
    for count in counts:
        assert count.namespace == about["Namespace"]
        assert {*count.dimensions} in written


@pytest.mark.parametrize("name", ["student", "news", "iris"])
@pytest.mark.parametrize(
    ("on", "taken_back"),
    [
        ({"errors"}, True),
        ({"latency"}, True),
        ({"gateway"}, True),
        ({"throttles"}, False),
        ({"gateway", "throttles"}, False),
        ({"errors", "gateway", "throttles"}, True),
        ({"quiet", "letters"}, False),
        (set(), False),
    ],
)
def test_a_version_is_not_taken_back_for_what_lambda_refused(name: str, on: set[str], *, taken_back: bool) -> None:
    site = site_of(name)
    assert holds(rollback_rule(site, alarms(site)), {site.alarm(about) for about in on}) is taken_back


def holds(rule: str, on: set[str]) -> bool:
    """What CloudWatch makes of a rule while these alarms are on."""
    words = rule.replace(" AND ", " and ").replace(" OR ", " or ").replace("NOT ", "not ")
    return bool(eval(words, {"ALARM": on.__contains__}))


def test_an_excuse_is_there_before_what_it_excuses() -> None:
    for about, excuse in EXCUSES.items():
        assert (about in REVERTING, excuse in REVERTING) == (True, False)
        late, early = alarm_of("iris", about), alarm_of("iris", excuse)
        assert (early.breaching, early.periods, early.period) == (1, late.periods, late.period)
        assert late.breaching > 1


def test_without_a_front_door_nothing_needs_an_excuse() -> None:
    found = [alarm for alarm in alarms(site_of("news")) if alarm.about != "gateway"]
    assert "NOT" not in rollback_rule(site_of("news"), found)


@given(st.floats(min_value=1, max_value=7 * DAY))
def test_a_window_covers_what_is_asked_for_and_is_one_that_cloudwatch_takes(seconds: float) -> None:
    period, periods = windows(seconds)
    assert seconds <= period * periods < seconds + max(60, HOUR if seconds > DAY else 60)
    assert period % 60 == 0
    assert period * periods <= (7 * DAY if period >= HOUR else DAY)


@pytest.mark.parametrize("project", PROJECTS)
def test_a_version_goes_back_after_three_bad_minutes_of_five_and_never_for_want_of_data(project: str) -> None:
    for alarm in alarms(site_of(project)):
        assert alarm.missing == ("breaching" if alarm.about == "quiet" else "notBreaching"), alarm.about
        if alarm.about in REVERTING:
            assert (alarm.period, alarm.periods, alarm.breaching) == (MINUTE, 5, 3), alarm.about


@pytest.mark.parametrize("project", PROJECTS)
def test_one_letter_and_one_throttled_request_are_told(project: str) -> None:
    letters, throttles = alarm_of(project, "letters"), alarm_of(project, "throttles")
    assert (letters.threshold, letters.comparison) == (0.0, "GreaterThanThreshold")
    assert (letters.periods, letters.breaching) == (1, 1), "a letter is told at once"
    assert (throttles.threshold, throttles.comparison) == (0.0, "GreaterThanThreshold")


def test_shares_are_averages() -> None:
    """A sum of 5xx against a share would take a version back for a single error."""
    gateway = alarm_of("student", "gateway")
    (count,) = gateway.counts.values()
    assert (count.name, count.statistic, gateway.threshold) == ("5XXError", "Average", 0.01)
