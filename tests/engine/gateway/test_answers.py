"""What callers see: SageMaker's runtime errors, ids, and a container that learns nothing it should not."""

import json
import socket
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from tests.engine.gateway.calls import Answer, call
from tests.engine.gateway.conftest import ACCOUNT, Rig, split, until

pytestmark = pytest.mark.slow

PATH = "/endpoints/iris/invocations"


@pytest.fixture(scope="module")
def rig(make_module_rig: Callable[..., Rig]) -> Rig:
    rig = make_module_rig(timeout=1.0)
    rig.start()
    rig.cluster("stable")
    rig.cluster("canary")
    rig.gateway.set_routes(split(("stable", 1), ("canary", 0)))
    return rig


@pytest.fixture
def runtime(rig: Rig) -> Iterator[Any]:
    client = boto3.client(
        "sagemaker-runtime",
        endpoint_url=f"http://127.0.0.1:{rig.port}",
        region_name="us-east-1",
        aws_access_key_id="AKIAHEADGATE00000000",
        aws_secret_access_key="secret",
        config=Config(retries={"total_max_attempts": 1}),
    )
    with closing(client):
        yield client


@contextmanager
def refused(code: str, status: int) -> Iterator[dict[str, Any]]:
    """A call that botocore understands as this error; holds its parsed answer afterwards."""
    answer: dict[str, Any] = {}
    with pytest.raises(ClientError) as caught:
        yield answer
    answer.update(caught.value.response)
    assert answer["Error"]["Code"] == code
    assert answer["ResponseMetadata"]["HTTPStatusCode"] == status
    assert len(answer["ResponseMetadata"]["RequestId"]) == 36


def assert_error(answer: Answer, status: int, kind: str) -> None:
    assert (answer.status, answer.headers["x-amzn-errortype"]) == (status, kind)
    assert answer.headers["content-type"] == "application/json"
    assert answer.json["Message"]
    assert "x-headgate-gateway-reply" not in answer.headers


def test_stock_boto3_gets_an_answer(runtime: Any) -> None:
    answer = runtime.invoke_endpoint(EndpointName="iris", Body=b"1,2", ContentType="text/csv", CustomAttributes="a=b")
    with closing(answer["Body"]) as body:
        seen = json.loads(body.read())
    assert answer["InvokedProductionVariant"] == "stable"
    assert (seen["path"], seen["bytes"], seen["headers"]["content-type"]) == ("/invocations", 3, "text/csv")
    assert seen["headers"]["x-amzn-sagemaker-custom-attributes"] == "a=b"


def test_the_container_sees_neither_signature_nor_envoy(rig: Rig, runtime: Any) -> None:
    answer = runtime.invoke_endpoint(EndpointName="iris", Body=b"1", TargetVariant="canary", TargetModel="m")
    with closing(answer["Body"]) as body:
        seen = json.loads(body.read())["headers"]
    assert not [name for name in seen if name.startswith(("authorization", "x-amz-", "amz-sdk", "x-envoy"))]
    assert not [name for name in seen if "target" in name]
    assert "cookie" not in call(rig.port, cookie="session=1").json["headers"]


def test_an_inference_id_is_kept_or_given_and_returned(rig: Rig) -> None:
    name = "x-amzn-sagemaker-inference-id"
    kept = call(rig.port, x_amzn_sagemaker_inference_id="mine")
    given = call(rig.port)
    assert kept.headers[name] == kept.json["headers"][name] == "mine"
    assert given.headers[name] == given.json["headers"][name] == given.headers["x-amzn-requestid"]


def test_a_request_id_of_the_callers_is_replaced(rig: Rig) -> None:
    answer = call(rig.port, x_request_id="mine")
    assert answer.headers["x-amzn-requestid"] == answer.json["headers"]["x-request-id"] != "mine"


def test_an_error_of_the_container_is_a_model_error(runtime: Any) -> None:
    with refused("ModelError", 424) as answer:
        call_with(runtime, "status=400")
    assert answer["OriginalStatusCode"] == 400
    assert answer["OriginalMessage"] == '{"error": "no \\"such\\" row"}'
    assert answer["LogStreamArn"] == f"arn:aws:logs:us-east-1:{ACCOUNT}:log-group:/aws/sagemaker/Endpoints/iris"
    assert answer["Error"]["Message"] == (
        'Received client error (400) from primary with message "{"error": "no \\"such\\" row"}". '
        f"See log group /aws/sagemaker/Endpoints/iris in account {ACCOUNT} for more information."
    )
    with refused("ModelError", 424) as answer:
        call_with(runtime, "status=503")
    assert answer["OriginalStatusCode"] == 503
    assert answer["Error"]["Message"].startswith("Received server error (503) from primary")


def call_with(runtime: Any, misbehave: str) -> None:
    def add(request: Any, **_: Any) -> None:
        request.headers["x-test"] = misbehave

    runtime.meta.events.register_first("before-send.sagemaker-runtime", add)
    runtime.invoke_endpoint(EndpointName="iris", Body=b"1")


@pytest.mark.parametrize(
    ("sent", "read"),
    [
        ("c3a9e282acf09f9880", "é€😀"),
        ("61ff62c328c3", "a?b?(?"),
        ("e0808065eda08066f4908080", "?e?f?"),
        ("22095c0a1f7f00", '"\t\\\n\x1f\x7f\x00'),
        ("", ""),
    ],
)
def test_whatever_the_container_says_the_error_is_json(rig: Rig, sent: str, read: str) -> None:
    answer = call(rig.port, x_test=f"raw={sent}")
    assert_error(answer, 424, "ModelError")
    assert answer.json["OriginalMessage"] == read


@pytest.mark.parametrize("size", [65_536, 65_537, 3_000_000])
def test_a_long_error_is_cut(rig: Rig, size: int) -> None:
    answer = call(rig.port, x_test=f"size={size}")
    assert_error(answer, 424, "ModelError")
    assert answer.json["OriginalMessage"] == "x" * 65_536


def test_a_time_out_is_a_model_error_and_tried_once(rig: Rig) -> None:
    before = rig.admin.stats("cluster.stable.upstream_rq_total")
    answer = call(rig.port, x_test="sleep=2")
    assert_error(answer, 424, "ModelError")
    assert answer.json["OriginalStatusCode"] == 0
    assert "timed out" in answer.json["Message"]
    after = rig.admin.stats("cluster.stable.upstream_rq_total")
    name = "cluster.stable.upstream_rq_total"
    assert int(after[name]) == int(before[name]) + 1


def test_an_unknown_endpoint(runtime: Any) -> None:
    with refused("ValidationError", 400) as answer:
        runtime.invoke_endpoint(EndpointName="no-such", Body=b"1")
    assert answer["Error"]["Message"] == f"Endpoint no-such of account {ACCOUNT} not found."


def test_an_unknown_target_variant(runtime: Any) -> None:
    with refused("ValidationError", 400) as answer:
        runtime.invoke_endpoint(EndpointName="iris", Body=b"1", TargetVariant="no-such")
    assert answer["Error"]["Message"] == "Variant no-such not found for Request"


def test_a_name_with_quotes_cannot_break_the_answer(rig: Rig) -> None:
    assert_error(call(rig.port, x_amzn_sagemaker_target_variant='a"b\\'), 400, "ValidationError")
    assert_error(call(rig.port, '/endpoints/a"b/invocations'), 400, "ValidationError")


def test_six_mebibytes_pass_and_one_byte_more_does_not(rig: Rig, runtime: Any) -> None:
    assert call(rig.port, body=bytes(6_291_456)).json["bytes"] == 6_291_456
    assert_error(call(rig.port, body=bytes(6_291_457)), 413, "ValidationError")
    with refused("ValidationError", 413) as answer:
        runtime.invoke_endpoint(EndpointName="iris", Body=bytes(6_291_457))
    assert "6291456 bytes" in answer["Error"]["Message"]


def test_chunks_are_counted_too(rig: Rig) -> None:
    assert call(rig.port, body=iter([b"a" * 1000] * 3), transfer_encoding="chunked").json["bytes"] == 3000
    big = call(rig.port, body=iter([bytes(1_000_000)] * 6 + [bytes(291_457)]), transfer_encoding="chunked")
    assert_error(big, 413, "ValidationError")


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost:81", "LOCALHOST", "[::1]:8080", "127.0.0.1:1"])
def test_a_host_of_this_machine_is_answered(rig: Rig, host: str) -> None:
    assert call(rig.port, host=host).status == 200


@pytest.mark.parametrize("host", ["example.com", "localhost.example.com", "127.0.0.1.nip.io:80", "10.0.0.1", "[::2]"])
def test_another_host_is_refused(rig: Rig, host: str) -> None:
    assert_error(call(rig.port, host=host), 403, "AccessDeniedException")


def test_pages_of_other_sites_are_refused(rig: Rig) -> None:
    for origin in ("http://localhost:3000", "https://127.0.0.1", "http://[::1]:8080"):
        assert call(rig.port, origin=origin).status == 200
    for origin in ("http://example.com", "null", "http://localhost.example.com", "http://localhost:80.example.com"):
        assert_error(call(rig.port, origin=origin), 403, "AccessDeniedException")


def test_other_paths_and_methods(rig: Rig) -> None:
    assert_error(call(rig.port, "/"), 404, "UnknownOperationException")
    assert_error(call(rig.port, "/endpoints/iris/other"), 404, "UnknownOperationException")
    wrong = call(rig.port, method="GET")
    assert_error(wrong, 405, "ValidationError")
    assert wrong.headers["allow"] == "POST"
    assert call(rig.port, "/ping", method="GET").status == 200


def test_nonsense_is_answered_and_closed(rig: Rig) -> None:
    with socket.create_connection(("127.0.0.1", rig.port), timeout=10) as connection:
        connection.sendall(b"nonsense\r\n\r\n")
        assert connection.recv(65_536).startswith(b"HTTP/1.1 400 ")
    assert call(rig.port, x_long="x" * 40_000).status == 431


def test_errors_are_logged_and_good_answers_are_not(rig: Rig) -> None:
    good, bad = call(rig.port, f"{PATH}?secret=1"), call(rig.port, f"{PATH}?secret=1", x_test="status=500")
    log = rig.folder / "access.log"
    until(lambda: bad.headers["x-amzn-requestid"] in log.read_text())
    assert good.headers["x-amzn-requestid"] not in log.read_text()
    assert "secret" not in log.read_text()
    (line,) = [line for line in log.read_text().splitlines() if bad.headers["x-amzn-requestid"] in line]
    entry = json.loads(line)
    assert (entry["endpoint"], entry["variant"], entry["status"], entry["attempts"]) == ("iris", "stable", 424, 1)
