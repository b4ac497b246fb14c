import re

import pytest

from headgate.core import names

LONGEST = ("p" + "a" * 31, "e" + "b" * 19)


@pytest.mark.parametrize("place", [("iris", "production"), LONGEST])
def test_aws_takes_every_name(place: tuple[str, str]) -> None:
    bucket = names.bucket(*place, "123456789012", "ap-southeast-2")
    assert re.fullmatch(r"[a-z0-9][a-z0-9-]{1,61}[a-z0-9]", bucket)
    assert all(len(names.function(*place, purpose)) <= 64 for purpose in ("tick", "approval", "monitor", "front"))
    assert len(names.github_role(*place, "pull-request")) <= 64
    assert len(names.group(*place)) <= 63
    assert len(names.machine(*place)) <= 64


def test_what_is_cut_still_differs() -> None:
    project, environment = LONGEST
    cut = {names.github_role(project, environment, workflow) for workflow in ("pull-request", "pull-requests", "train")}
    cut |= {names.bucket(project, environment, account, "eu-central-1") for account in ("123456789012", "123456789013")}
    assert len(cut) == 5


def test_short_names_say_everything() -> None:
    assert names.bucket("iris", "staging", "123456789012", "eu-central-1") == "iris-staging-123456789012-eu-central-1"
    assert names.role_arn("123456789012", "cn-north-1", "r") == "arn:aws-cn:iam::123456789012:role/r"
    assert names.machine("iris", "staging") == "iris-staging-delivery"
