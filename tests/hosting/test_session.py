"""What the API answers in words of ours, and how little of the environment a connection believes."""

import http.server
import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import replace

import pytest

from headgate.errors import InvalidInput, NotFound, Refused, Unavailable
from headgate.hosting.endpoints import Endpoints
from headgate.hosting.functions import Functions
from headgate.hosting.runtime import Runtime
from headgate.hosting.session import Connection
from tests.hosting.conftest import Control

pytestmark = pytest.mark.slow


class Gateway(http.server.ThreadingHTTPServer):
    """Answers every request with what a test has set, and counts them."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.status = 200
        self.error = ""
        self.body: bytes = b"{}"
        self.seen: list[dict[str, str]] = []


class Handler(http.server.BaseHTTPRequestHandler):
    """One answer of `Gateway`."""

    server: Gateway

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["content-length"]))
        self.server.seen.append({**{k.lower(): v for k, v in self.headers.items()}, "path": self.path})
        self.send_response(self.server.status)
        if self.server.error:
            self.send_header("x-amzn-errortype", self.server.error)
        self.send_header("content-type", "application/json")
        self.send_header("x-Amzn-Invoked-Production-Variant", "stable")
        self.send_header("content-length", str(len(self.server.body)))
        self.end_headers()
        self.wfile.write(self.server.body)

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


@pytest.fixture
def gateway() -> Iterator[Gateway]:
    with Gateway() as running:
        thread = threading.Thread(target=running.serve_forever)
        thread.start()
        yield running
        running.shutdown()
        thread.join()


@pytest.fixture
def runtime(gateway: Gateway) -> Runtime:
    port = gateway.server_address[1]
    return Runtime(Connection("http://127.0.0.1:9", f"http://127.0.0.1:{port}", "us-east-1", "key", "secret"))


def test_an_answer_has_body_variant_and_headers(gateway: Gateway, runtime: Runtime) -> None:
    gateway.body = b'{"label": "setosa"}'
    answer = runtime.invoke("iris-production", b"1,2", content_type="text/csv", variant="canary")
    assert (answer.body, answer.variant, answer.content_type) == (b'{"label": "setosa"}', "stable", "application/json")
    [seen] = gateway.seen
    assert seen["path"] == "/endpoints/iris-production/invocations"
    assert seen["content-type"] == "text/csv"
    assert seen["x-amzn-sagemaker-target-variant"] == "canary"


@pytest.mark.parametrize(
    ("original", "kind", "said"),
    [
        (500, Unavailable, r"The model failed \(500\): division by zero"),
        (400, InvalidInput, r"The model refused the request \(400\): division by zero"),
        (None, Unavailable, "The model failed: division by zero"),
    ],
)
def test_a_model_error_shows_what_the_model_said(
    gateway: Gateway, runtime: Runtime, original: int | None, kind: type[Exception], said: str
) -> None:
    gateway.status, gateway.error = 424, "ModelError"
    body = {"Message": "Received server error", "OriginalMessage": "division by zero"}
    gateway.body = json.dumps(body | ({"OriginalStatusCode": original} if original else {})).encode()
    with pytest.raises(kind, match=said):
        runtime.invoke("iris-production", b"{}")


def test_an_error_of_our_own_model_server_keeps_its_hint(gateway: Gateway, runtime: Runtime) -> None:
    gateway.status, gateway.error = 424, "ModelError"
    said = {"error": {"type": "InvalidInput", "message": "row 1: unknown feature 'a'.", "hint": "There are: b."}}
    gateway.body = json.dumps({"OriginalStatusCode": 400, "OriginalMessage": json.dumps(said)}).encode()
    with pytest.raises(InvalidInput, match=r"\(400\): row 1: unknown feature 'a'\.$") as caught:
        runtime.invoke("iris-production", b"{}")
    assert caught.value.hint == "There are: b."


@pytest.mark.parametrize("status", [500, 503])
def test_a_request_to_a_model_is_never_sent_twice(gateway: Gateway, runtime: Runtime, status: int) -> None:
    gateway.status, gateway.error, gateway.body = status, "InternalFailure", b'{"Message": "no"}'
    with pytest.raises(Unavailable):
        runtime.invoke("iris-production", b"{}")
    assert len(gateway.seen) == 1


def test_a_function_is_never_invoked_twice_and_has_time_for_its_first_start(gateway: Gateway) -> None:
    gateway.status, gateway.error, gateway.body = 500, "ServiceException", b'{"Message": "no"}'
    connection = Connection(f"http://127.0.0.1:{gateway.server_address[1]}", "", "us-east-1", "key", "secret")
    with pytest.raises(Unavailable):
        Functions(connection).ask("iris-production-model", "live", b"{}")
    assert len(gateway.seen) == 1
    assert connection.invoking.meta.config.read_timeout == 65


@pytest.mark.parametrize("error", ["CodeArtifactUserPendingException", "CodeArtifactUserFailedException"])
def test_a_function_without_its_image_has_not_refused_the_request(gateway: Gateway, error: str) -> None:
    gateway.status, gateway.error, gateway.body = 409, error, b'{"Message": "no"}'
    connection = Connection(f"http://127.0.0.1:{gateway.server_address[1]}", "", "us-east-1", "key", "secret")
    with pytest.raises(Unavailable, match=error):
        Functions(connection).ask("iris-production-model", "live", b"{}")


def test_an_unknown_endpoint_at_the_gateway(gateway: Gateway, runtime: Runtime) -> None:
    gateway.status, gateway.error = 400, "ValidationError"
    gateway.body = b'{"Message": "Endpoint x of account 000000000000 not found."}'
    with pytest.raises(NotFound, match="Endpoint x of account"):
        runtime.invoke("x", b"{}")


def test_an_engine_that_does_not_answer() -> None:
    connection = Connection("http://127.0.0.1:9", "http://127.0.0.1:9", "us-east-1", "key", "secret")
    with pytest.raises(Unavailable, match=r"The engine does not answer at http://127\.0\.0\.1:9") as caught:
        Runtime(connection).invoke("iris-production", b"{}")
    assert "headgate up" in caught.value.hint


def test_wrong_keys(control: Control) -> None:
    with pytest.raises(Refused, match="refused our keys"):
        Endpoints(replace(control.connection, secret_key="wrong")).list()


def test_a_name_that_cannot_be(control: Control) -> None:
    with pytest.raises(InvalidInput):
        Endpoints(control.connection).describe("under_scored name")


def test_nothing_of_the_environment_is_believed(control: Control) -> None:
    to = control.connection
    script = (
        "from headgate.hosting.session import Connection\nfrom headgate.hosting.endpoints import Endpoints\n"
        f"print(Endpoints(Connection({to.control_url!r}, {to.runtime_url!r}, 'us-east-1', {to.access_key!r},"
        f" {to.secret_key!r})).list())"
    )
    hostile = {
        "AWS_PROFILE": "nobody",
        "AWS_ENDPOINT_URL": "http://127.0.0.1:1",
        "AWS_SESSION_TOKEN": "stale",
        "HTTP_PROXY": "http://127.0.0.1:1",
        "http_proxy": "http://127.0.0.1:1",
        "AWS_CONFIG_FILE": "/nonexistent",
        "AWS_MAX_ATTEMPTS": "x",
        "PYTHONPATH": ":".join(sys.path),
    }
    ran = subprocess.run([sys.executable, "-c", script], env=hostile, capture_output=True, text=True, check=False)
    assert (ran.stdout, ran.stderr) == ("[]\n", "")
