from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from hypothesis import given
from hypothesis import strategies as st

from headgate.engine.api.errors import ApiError
from headgate.engine.api.signature import SignedRequest, Verifier
from tests.engine.api.running import ACCESS_KEY, REGION, SECRET_KEY, Front, Running, refusal, running

BODY = b'{"ModelName":"m"}'
VERIFIER = Verifier(ACCESS_KEY, SECRET_KEY, REGION)


def signed(body: bytes = BODY, *, service: str = "sagemaker", region: str = REGION, **extra: str) -> SignedRequest:
    """A request as stock clients sign it."""
    headers = {"Host": "127.0.0.1:1", "Content-Type": "application/x-amz-json-1.1", "X-Amz-Target": "SageMaker.X"}
    headers |= {name.replace("_", "-"): value for name, value in extra.items()}
    request = AWSRequest("POST", "http://127.0.0.1:1/", headers, body)
    SigV4Auth(Credentials(ACCESS_KEY, SECRET_KEY), service, region).add_auth(request)
    return SignedRequest("POST", "/", [(k.lower(), v) for k, v in request.headers.items()], body)


def changed(request: SignedRequest, **headers: str | None) -> SignedRequest:
    """The same request with some headers replaced, added or (None) taken away."""
    new = {name.replace("_", "-"): value for name, value in headers.items()}
    kept = [(k, v) for k, v in request.headers if k not in new]
    added = [(k, v) for k, v in new.items() if v is not None]
    return SignedRequest(request.method, request.target, [*kept, *added], request.body)


def refused(request: SignedRequest, now: datetime | None = None) -> tuple[str, str]:
    with pytest.raises(ApiError) as caught:
        VERIFIER.verify(request, now or datetime.now(UTC))
    assert caught.value.status in (400, 403)
    return caught.value.code, caught.value.message


@given(st.binary(max_size=200))
def test_what_botocore_signs_is_accepted(body: bytes) -> None:
    VERIFIER.verify(signed(body), datetime.now(UTC))


def test_a_header_that_is_not_signed_may_be_anything() -> None:
    VERIFIER.verify(changed(signed(), user_agent="x", connection="close"), datetime.now(UTC))


def test_iam_and_sts_sign_for_a_region_of_their_own() -> None:
    for service in ("iam", "sts"):
        VERIFIER.verify(signed(service=service, region="us-west-2"), datetime.now(UTC))
    assert refused(signed(region="us-west-2")) == (
        "InvalidSignatureException",
        "Credential should be scoped to a valid region: us-east-1, not us-west-2.",
    )


@pytest.mark.parametrize(
    ("headers", "says"),
    [
        ({"x_amz_target": "SageMaker.DeleteModel"}, "signature we calculated does not match"),
        ({"content_type": "text/plain"}, "signature we calculated does not match"),
        ({"host": "localhost:1"}, "signature we calculated does not match"),
        ({"x_amz_extra": "1"}, "not signed: x-amz-extra"),
        ({"x_amz_content_sha256": "UNSIGNED-PAYLOAD"}, "not signed: x-amz-content-sha256"),
        ({"x_amz_date": "yesterday"}, "X-Amz-Date should be like"),
        ({"x_amz_date": None}, "X-Amz-Date should be like"),
        ({"x_amz_date": "20200101T000000Z"}, "Date in Credential scope"),
    ],
)
def test_a_signature_does_not_outlive_a_change(headers: dict[str, Any], says: str) -> None:
    code, message = refused(changed(signed(), **headers))
    assert code == "InvalidSignatureException"
    assert says in message


def test_another_body_or_path_is_refused() -> None:
    request = signed()
    for other in (
        SignedRequest("POST", "/", request.headers, BODY + b" "),
        SignedRequest("POST", "/?a=b", request.headers, BODY),
        SignedRequest("GET", "/", request.headers, BODY),
    ):
        assert "does not match" in refused(other)[1]


def test_a_digest_must_be_the_body_s_own() -> None:
    assert "not the digest" in refused(signed(X_Amz_Content_SHA256="UNSIGNED-PAYLOAD"))[1]


@pytest.mark.parametrize("value", ["Bearer x", "AWS4-HMAC-SHA256", "AWS4-HMAC-SHA256 Credential=a/b/c/d, Signature=0"])
def test_what_is_no_signature_is_incomplete(value: str) -> None:
    assert refused(changed(signed(), authorization=value))[0] == "IncompleteSignatureException"


def test_a_signature_without_host_is_refused() -> None:
    authorization = signed().header("authorization").replace(";host;", ";")
    assert "not signed: host" in refused(changed(signed(), authorization=authorization))[1]


@pytest.mark.parametrize(("minutes", "says"), [(16, "Signature expired"), (-16, "Signature not yet current")])
def test_a_clock_may_be_a_quarter_of_an_hour_off(minutes: int, says: str) -> None:
    now = datetime.now(UTC) + timedelta(minutes=minutes)
    VERIFIER.verify(signed(), now - timedelta(minutes=2 if minutes > 0 else -2))
    code, message = refused(signed(), now)
    assert code == "InvalidSignatureException"
    assert says in message


@pytest.mark.slow
def test_stock_clients_with_wrong_keys_are_told(engine: Running) -> None:
    for keys, code in (
        ({"aws_access_key_id": "AKIAOTHER"}, "UnrecognizedClientException"),
        ({"aws_secret_access_key": "wrong"}, "InvalidSignatureException"),
    ):
        client = engine.client(**keys)
        assert refusal(client.list_models)[0] == code
        client.close()
    status, _, body = engine.send("POST", "/", {"X-Amz-Target": "SageMaker.ListModels"}, b"{}")
    assert status == 403
    assert b'"MissingAuthenticationTokenException"' in body


@pytest.fixture
def late(front: Front, tmp_path: Path) -> Iterator[Running]:
    """A control API whose clock is 20 minutes ahead."""
    with running(front, tmp_path, now=lambda: datetime.now(UTC) + timedelta(minutes=20)) as started:
        yield started


@pytest.mark.slow
def test_a_stock_client_with_a_skewed_clock_is_told(late: Running) -> None:
    client = late.client()
    code, message = refusal(client.list_models)
    assert code == "InvalidSignatureException"
    assert message.startswith("Signature expired: ")
    client.close()
