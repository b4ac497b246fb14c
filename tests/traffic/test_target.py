"""Which addresses may be loaded: this machine, and the project's own front door where that is confirmed."""

import re

import pytest

from headgate.errors import HeadgateError, Refused, UsageError
from headgate.spec.model import Spec
from headgate.traffic.target import check_target, is_loopback
from tests.system.engine import ROOT

HOST = "abc123.execute-api.eu-central-1.amazonaws.com"
DOOR = f"https://{HOST}/live/v1/predict-score"


def project(**front: str) -> Spec:
    aws = {"target": "aws", "account": "123456789012", "region": "eu-central-1"}
    document = {
        "project": "student-score",
        "task": "regression",
        "data": {"source": "a.csv", "target": "score"},
        "route": "/predict-score",
        "environments": {"laptop": {}, "inside": aws, "production": {**aws, "front": front}},
    }
    return Spec.model_validate(document)


def nobody() -> Spec:
    raise AssertionError("the project is not needed here")


@pytest.mark.parametrize(
    "url",
    ["http://127.0.0.1:7411/predict", "http://localhost/x", "http://[::1]:80/endpoints/a/invocations",
     "http://127.9.9.9/x?a=1", "https://127.0.0.1/x"],
)  # fmt: skip
def test_this_machine_may_be_loaded(url: str) -> None:
    check_target(url, nobody, confirmed=False)


def test_the_project_s_front_door_may_be_once_that_is_confirmed() -> None:
    check_target(DOOR, project, confirmed=True)
    with pytest.raises(Refused, match="production on AWS: every request there costs money") as caught:
        check_target(DOOR, project, confirmed=False)
    assert "--yes" in caught.value.hint


@pytest.mark.parametrize(
    "url",
    [
        "https://example.com/live/v1/predict-score",
        f"https://{HOST}.example.com/live/v1/predict-score",
        "https://execute-api.eu-central-1.amazonaws.com/live/v1/predict-score",
        DOOR.replace("eu-central-1", "us-east-1"),
        DOOR.replace("v1", "v2"),
        f"https://{HOST}/live/v1/other",
        "https://10.0.0.1/v1/predict-score",
        "https://127.0.0.1.nip.io/v1/predict-score",
    ],
)
def test_nobody_else_s_server_may_be_loaded_whatever_is_confirmed(url: str) -> None:
    with pytest.raises(Refused, match="neither this machine nor a front door of project student-score"):
        check_target(url, project, confirmed=True)


def test_a_front_door_that_wants_signatures_is_told() -> None:
    with pytest.raises(Refused, match="signed requests only"):
        check_target(DOOR, lambda: project(auth="iam"), confirmed=True)


@pytest.mark.parametrize(
    ("url", "says"),
    [
        (DOOR.replace("https", "http"), "not encrypted"),
        ("http://127.0.0.1", "not the address of a model"),
        ("http://127.0.0.1/", "not the address of a model"),
        ("ftp://127.0.0.1/x", "not the address of a model"),
        ("127.0.0.1:7411/x", "not the address of a model"),
        ("http:///x", "not the address of a model"),
        ("http://127.0.0.1/a b", "not the address of a model"),
        ("http://127.0.0.1/a\r\nx: y", "not the address of a model"),
        ("http://me:secret@127.0.0.1/x", "neither a user nor a fragment"),
        ("http://127.0.0.1/x#y", "neither a user nor a fragment"),
        ("http://127.0.0.1:99999/x", "not a URL"),
        ("http://[::1/x", "not a URL"),
    ],
)
def test_what_is_no_address_is_told_as_such(url: str, says: str) -> None:
    with pytest.raises(UsageError, match=says) as caught:
        check_target(url, project, confirmed=True)
    assert isinstance(caught.value, HeadgateError)
    assert caught.value.hint


def test_the_front_door_on_the_page_is_one() -> None:
    (url,) = re.findall(r"--url (\S+)", (ROOT / "docs" / "load.md").read_text())
    check_target(url.replace("/predict-iris", "/predict-score"), project, confirmed=True)


def test_names_are_not_asked_for() -> None:
    assert not is_loopback("localhost.example.com")
    assert not is_loopback("")
