import asyncio
import gzip
import json
import logging
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from headgate.engine.api.control import Api
from headgate.engine.api.errors import ApiError
from headgate.engine.api.protocols import Services
from headgate.engine.api.server import BODY_LIMIT, DRAINED, ControlApp
from headgate.engine.state import State
from tests.engine.api.running import ACCESS_KEY, ACCOUNT, REGION, SECRET_KEY, Answer, Running, refusal, services
from tests.engine.metrics.memory import MemoryEvidence

slow = pytest.mark.slow


def document(answer: Answer) -> dict[str, Any]:
    """The JSON of an answer that must have a type and a request id."""
    status, headers, body = answer
    assert headers["content-type"] == "application/x-amz-json-1.1"
    assert headers["x-amzn-requestid"]
    parsed: dict[str, Any] = json.loads(body)
    assert status == 200 or set(parsed) == {"__type", "message"}
    return parsed


@slow
def test_ping_needs_no_signature(engine: Running) -> None:
    answer = engine.send("GET", "/ping", {})
    assert answer[0] == 200
    assert document(answer) == {}


@slow
@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "[::1]", "LOCALHOST:80", "[::1]:8080"])
def test_this_machine_s_names_are_served(engine: Running, host: str) -> None:
    assert engine.send("GET", "/ping", {"Host": host})[0] == 200


@slow
@pytest.mark.parametrize(
    "host", ["evil.example", "127.0.0.1.evil.example", "localhost:", "::1", "", "localhost:80@evil"]
)
def test_a_foreign_host_is_refused(engine: Running, host: str) -> None:
    for method, path in (("GET", "/ping"), ("POST", "/")):
        answer = engine.send(method, path, {"Host": host})
        assert answer[0] == 403
        assert document(answer)["__type"] == "AccessDeniedException"


@slow
def test_a_foreign_origin_is_refused_even_with_a_signature(engine: Running) -> None:
    for origin in ("https://evil.example", "null", "http://localhost", f"http://localhost:{engine.port + 1}"):
        answer = engine.send("POST", "/", engine.signed("ListModels", b"{}") | {"Origin": origin}, b"{}")
        assert answer[0] == 403
        assert document(answer)["__type"] == "AccessDeniedException"
    own = {"Origin": f"http://localhost:{engine.port}"}
    assert engine.send("POST", "/", engine.signed("ListModels", b"{}") | own, b"{}")[0] == 200


@slow
def test_unknown_operations_and_places_are_typed_errors(engine: Running) -> None:
    status, answer = engine.call("CreateTrainingJob", {})
    assert (status, answer["__type"]) == (400, "UnknownOperationException")
    assert "no SageMaker operation CreateTrainingJob" in answer["message"]
    headers = engine.signed("X", b"{}", X_Amz_Target="AnyScaleFrontendService.RegisterScalableTarget")
    answer = document(engine.send("POST", "/", headers, b"{}"))
    assert answer["__type"] == "UnknownOperationException"
    assert "AnyScaleFrontendService.RegisterScalableTarget" in answer["message"]
    for method, path in (("GET", "/"), ("POST", "/endpoints/x/invocations"), ("PUT", "/"), ("POST", "/?a=b")):
        response = engine.send(method, path, {})
        assert response[0] == 404
        assert document(response)["__type"] == "UnknownOperationException"


@slow
@pytest.mark.parametrize(
    "body",
    [b"{", b"\xff", b"[" * 100_000, b'{"a":' * 50_000, b'{"MaxResults":' + b"9" * 5000 + b"}", b"nul", b"[]", b"1"],
    ids=["cut", "no text", "deep list", "deep object", "long number", "no value", "list", "number"],
)
def test_what_is_no_document_is_a_serialization_error(engine: Running, body: bytes) -> None:
    status, answer = engine.call("ListModels", body)
    assert (status, answer["__type"]) == (400, "SerializationException")


@slow
def test_a_gzip_body_is_read(engine: Running) -> None:
    body = gzip.compress(json.dumps({"ModelName": "m", "PrimaryContainer": {"Image": "headgate"}}).encode())
    headers = engine.signed("CreateModel", body, Content_Encoding="gzip")
    assert document(engine.send("POST", "/", headers, body))["ModelArn"].endswith(":model/m")


@slow
@pytest.mark.parametrize(
    ("body", "encoding", "status", "code"),
    [
        (gzip.compress(b" " * (BODY_LIMIT + 1), mtime=0), "gzip", 413, "RequestEntityTooLargeException"),
        (b"{}", "gzip", 400, "SerializationException"),
        (gzip.compress(b"{}", mtime=0)[:-4], "gzip", 400, "SerializationException"),
        (gzip.compress(b"{}", mtime=0) + b"x", "gzip", 400, "SerializationException"),
        (b"{}", "br", 415, "UnsupportedMediaTypeException"),
    ],
    ids=["bomb", "no gzip", "cut", "more behind", "brotli"],
)
def test_a_doubtful_encoding_is_refused(engine: Running, body: bytes, encoding: str, status: int, code: str) -> None:
    answer = engine.send("POST", "/", engine.signed("ListModels", body, Content_Encoding=encoding), body)
    assert (answer[0], document(answer)["__type"]) == (status, code)


@slow
def test_a_body_of_two_mebibytes_is_the_limit(engine: Running) -> None:
    padded = b"{}" + b" " * (BODY_LIMIT - 2)
    assert engine.call("ListModels", padded)[0] == 200
    for spare in (1, BODY_LIMIT):
        status, answer = engine.call("ListModels", padded + b" " * spare)
        assert (status, answer["__type"]) == (413, "RequestEntityTooLargeException")


@slow
def test_an_endless_body_is_not_read_to_its_end(engine: Running) -> None:
    with socket.create_connection(("127.0.0.1", engine.port), timeout=20) as connection:
        connection.sendall(b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000000000000\r\n\r\n")
        connection.sendall(b" " * (DRAINED + 1))
        assert connection.recv(100).startswith(b"HTTP/1.1 413 ")


@slow
def test_many_clients_at_once_make_each_thing_once(engine: Running) -> None:
    answers: list[tuple[int, dict[str, Any]]] = []

    def create() -> None:
        answers.append(engine.call("CreateModel", {"ModelName": "m", "PrimaryContainer": {"Image": "headgate"}}))

    threads = [threading.Thread(target=create) for _ in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(status for status, _ in answers) == [200] + [400] * 11


@slow
def test_a_crash_inside_is_told_without_its_insides(engine: Running, caplog: pytest.LogCaptureFixture) -> None:
    engine.state.put_resource("model", "broken", 1.0, {"CreationTime": 1.0})
    client = engine.client()
    with caplog.at_level(logging.ERROR):
        code, message = refusal(client.list_models)
    client.close()
    assert code == "InternalFailure"
    assert "KeyError" not in message
    assert "Traceback" in caplog.text
    assert "KeyError" in caplog.text


SERVING = """
import socket, sys
from pathlib import Path
from headgate.engine.api.control import Api
from headgate.engine.api.metrics import Metrics
from headgate.engine.api.protocols import Services
from headgate.engine.api.server import ControlApp, serve
from headgate.engine.metrics.observed import ObservedMetrics
from headgate.engine.metrics.store import MetricStore
from headgate.engine.state import State
from tests.engine.metrics.memory import MemoryEvidence
bound = socket.create_server(("127.0.0.1", 0))
port = bound.getsockname()[1]
state = State(Path(sys.argv[1]))
api = Api(state, account="000000000000", region="us-east-1", wake=lambda name: None)
metrics = Metrics(ObservedMetrics(MemoryEvidence()), MetricStore(Path(sys.argv[1] + "-metrics")))
print(port, flush=True)
serve(ControlApp(Services(api, metrics), "key", "secret", "us-east-1", port), bound)
"""


@slow
def test_a_process_serves_until_it_is_told_to_stop(tmp_path: Path) -> None:
    command = [sys.executable, "-c", SERVING, str(tmp_path / "engine.db")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        engine = Running(int(process.stdout.readline()), State(tmp_path / "other.db"), [], MemoryEvidence())
        try:
            assert engine.send("GET", "/ping", {})[0] == 200
        finally:
            process.terminate()
            engine.state.close()
        assert process.wait(20) == -signal.SIGTERM


# ---- whatever is sent, the answer is typed and nothing crashes


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[ControlApp, Api]]:
    folder: Path = tmp_path_factory.mktemp("fuzz")
    with services(folder, MemoryEvidence()) as (api, metrics, _):
        yield ControlApp(Services(api, metrics), ACCESS_KEY, SECRET_KEY, REGION, 1), api


def answer_of(app: ControlApp, method: str, path: bytes, headers: list[tuple[bytes, bytes]], body: bytes) -> Answer:
    """Speak ASGI to the application."""
    sent: list[Any] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(message: Any) -> None:
        sent.append(message)

    target, _, query = path.partition(b"?")
    scope = {"type": "http", "method": method, "raw_path": target, "query_string": query, "headers": headers}
    asyncio.run(app(scope, receive, send))
    got = {name.decode(): value.decode() for name, value in sent[0]["headers"]}
    return sent[0]["status"], got, sent[1]["body"]


names = st.sampled_from([b"authorization", b"x-amz-date", b"x-amz-target", b"content-type", b"content-encoding", b"x"])
values = st.binary(max_size=60) | st.sampled_from([b"application/x-www-form-urlencoded", b"gzip", b"SageMaker.AddTags"])


@given(
    method=st.sampled_from(["GET", "POST", "DELETE"]),
    path=st.just(b"/") | st.binary(max_size=30).map(lambda tail: b"/" + tail),
    headers=st.lists(st.tuples(names, values), max_size=6),
    body=st.binary(max_size=300),
)
@settings(max_examples=80, deadline=None)
def test_arbitrary_bytes_get_a_typed_refusal(
    app: tuple[ControlApp, Api], method: str, path: bytes, headers: list[tuple[bytes, bytes]], body: bytes
) -> None:
    status, got, _ = answer_of(app[0], method, path, [(b"host", b"localhost"), *headers], body)
    assert 400 <= status < 500 or (method, path) == ("GET", b"/ping")
    assert got["content-type"] in ("application/x-amz-json-1.1", "text/xml")


def status_of(api: Api, operation: str, request: object) -> int:
    try:
        json.dumps(api.call(operation, request))
    except ApiError as error:
        return error.status
    return 200


MEMBERS = [
    "ModelName", "PrimaryContainer", "Containers", "Image", "Environment", "Tags", "Key", "Value", "EndpointName",
    "EndpointConfigName", "ProductionVariants", "VariantName", "InitialVariantWeight", "MaxResults", "NextToken",
    "ResourceArn", "ModelPackageName", "ModelPackageGroupName", "ModelPackageArn", "CustomerMetadataProperties",
    "DesiredWeightsAndCapacities", "SortBy", "CreationTimeAfter", "DeploymentConfig", "InferenceSpecification",
]  # fmt: skip
leaves = (
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20)
    | st.sampled_from(["m", "c", "iris/1", "headgate", f"arn:aws:sagemaker:{REGION}:{ACCOUNT}:model/m", "\ud800"])
)  # fmt: skip
documents = st.recursive(
    leaves,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(MEMBERS) | st.text(), inner),
    max_leaves=12,
)


@given(data=st.data(), request=documents | st.dictionaries(st.sampled_from(MEMBERS), documents))
@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_arbitrary_documents_get_an_answer_or_a_typed_refusal(
    app: tuple[ControlApp, Api], data: st.DataObject, request: object
) -> None:
    operation = data.draw(st.sampled_from(sorted(app[1].operations)))
    assert status_of(app[1], operation, json.loads(json.dumps(request))) in (200, 400)
