"""What AWS answers when it has too much to do, or only a part of what was asked for."""

from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import pytest
from botocore.exceptions import ClientError

from headgate.errors import HeadgateError, InvalidInput, NotFound, Refused, Unavailable
from headgate.hosting.evidence import read_metrics
from headgate.hosting.session import domain_errors

THROTTLED = [
    "Throttling", "ThrottlingException", "ThrottledException", "RequestThrottledException", "TooManyRequestsException",
    "ProvisionedThroughputExceededException", "TransactionInProgressException", "RequestLimitExceeded",
    "BandwidthLimitExceeded", "LimitExceededException", "RequestThrottled", "SlowDown", "PriorRequestNotComplete",
    "EC2ThrottledException", "RequestTimeout", "RequestTimeoutException",
]  # fmt: skip


def translated(code: str, status: int, message: str = "Rate exceeded") -> HeadgateError:
    """What becomes of an answer."""
    answer = {"Error": {"Code": code, "Message": message}, "ResponseMetadata": {"HTTPStatusCode": status}}
    with pytest.raises(HeadgateError) as caught, domain_errors():
        raise ClientError(answer, "GetMetricData")  # type: ignore[arg-type]
    return caught.value


@pytest.mark.parametrize("code", THROTTLED)
def test_who_has_too_much_to_do_is_asked_again(code: str) -> None:
    error = translated(code, 400, "Another request is in progress; what it is about was not found.")
    assert isinstance(error, Unavailable)
    assert code in error.message


@pytest.mark.parametrize("status", [408, 429, 500, 502, 503])
def test_some_statuses_pass_whatever_their_code(status: int) -> None:
    assert isinstance(translated("SomethingNew", status, "The thing does not exist yet."), Unavailable)


def test_what_is_final_stays_final() -> None:
    assert isinstance(translated("ValidationException", 400, "Could not find endpoint."), NotFound)
    assert isinstance(translated("ValidationException", 400, "Cannot update in-progress endpoint."), Refused)
    assert isinstance(translated("ResourceLimitExceeded", 400, "64 instances."), Refused)
    assert isinstance(translated("ValidationException", 400, "1 validation error."), InvalidInput)


def result(status: str = "Complete", *, times: int = 0, **more: Any) -> dict[str, Any]:
    """What is told of one metric."""
    seconds = [datetime.fromtimestamp(60 * number, UTC) for number in range(times)]
    return {"Id": "canary_failing", "StatusCode": status, "Timestamps": seconds, "Values": [1.0] * times, **more}


def read(*pages: dict[str, Any]) -> dict[str, dict[int, float]]:
    """What is read of these pages."""
    answers = iter(pages)
    connection: Any = SimpleNamespace(metrics=SimpleNamespace(get_metric_data=lambda **_: next(answers)))
    return read_metrics(connection, [], 0, 600)


def test_an_answer_in_pages_is_whole_with_its_last_one() -> None:
    first = {"MetricDataResults": [result("PartialData", times=2)], "NextToken": "more"}
    assert read(first, {"MetricDataResults": [result(times=3)]}) == {"canary_failing": {0: 1.0, 60: 1.0, 120: 1.0}}


@pytest.mark.parametrize("status", ["InternalError", "PartialData"])
def test_what_was_left_out_is_not_taken_for_nothing(status: str) -> None:
    told = {"Messages": [{"Code": "Internal", "Value": "try later"}]}
    with pytest.raises(Unavailable, match=f"canary_failing is {status}. Internal: try later"):
        read({"MetricDataResults": [result(), result(status, times=1, **told)]})


def test_a_message_about_the_whole_answer_says_that_it_is_not_whole() -> None:
    said = [{"Code": "MaxMetricsExceeded", "Value": "Maximum number of allowed metrics exceeded"}]
    with pytest.raises(Unavailable, match="Maximum number of allowed metrics exceeded"):
        read({"MetricDataResults": [result(times=1)], "Messages": said})


def test_a_metric_that_is_forbidden_is_refused() -> None:
    with pytest.raises(Refused, match="does not let us see canary_failing"):
        read({"MetricDataResults": [result("Forbidden")]})
