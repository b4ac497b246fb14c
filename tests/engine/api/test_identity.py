from typing import Any

import pytest

from headgate.engine.api.codecs.query import encode_error
from headgate.engine.api.errors import ApiError
from headgate.engine.api.identity import answer
from tests.engine.api.running import Running, refusal


@pytest.mark.slow
def test_the_caller_is_an_assumed_role_that_sagemaker_may_take(engine: Running) -> None:
    sts, iam = engine.client("sts"), engine.client("iam")
    caller = sts.get_caller_identity()
    assert caller["Arn"] == "arn:aws:sts::000000000000:assumed-role/headgate/local"
    assert caller["Account"] == "000000000000"
    role = iam.get_role(RoleName="headgate")["Role"]
    assert role["Arn"] == "arn:aws:iam::000000000000:role/headgate"
    trust: Any = role["AssumeRolePolicyDocument"]
    assert trust["Statement"][0]["Principal"] == {"Service": "sagemaker.amazonaws.com"}
    assert refusal(iam.get_role, RoleName="other") == (
        "NoSuchEntity",
        "The role with name 'other' cannot be found.",
    )
    assert refusal(iam.list_users)[0] == "InvalidAction"
    wrong = engine.client("sts", aws_secret_access_key="wrong")
    assert refusal(wrong.get_caller_identity)[0] == "InvalidSignatureException"
    for client in (sts, iam, wrong):
        client.close()


def test_what_is_repeated_is_escaped() -> None:
    with pytest.raises(ApiError) as caught:
        answer({"Action": "<b>&\0"}, "000000000000", "id")
    assert "no action '&lt;b&gt;&amp;\\x00'." in encode_error(caught.value, "id")
