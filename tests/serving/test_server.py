"""The real server in a process of its own: routes, limits, sockets, signals, failed starts."""

import json
import re
import signal
import socket
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.serving.models import linear_model, write_code, write_package
from tests.serving.process import DEADLINE, ServerProcess, running, short_folder

pytestmark = pytest.mark.slow

ROW = {"x": 1, "y": 2}
ANSWER = b'{"prediction":{"label":"high","probability":0.95257413}}'


@pytest.fixture
def folder() -> Iterator[Path]:
    with short_folder() as path:
        yield path


@pytest.fixture(scope="module")
def server() -> Iterator[ServerProcess]:
    with short_folder() as path:
        package = write_package(path / "model")
        environment = {
            "HEADGATE_BIND": f"unix:{path}/m.sock",
            "HEADGATE_VARIANT": "canary",
            "HEADGATE_ENDPOINT": "iris",
        }
        with running(package, **environment, SAGEMAKER_MAX_PAYLOAD_IN_MB="1") as process:
            yield process


@pytest.fixture(scope="module")
def client(server: ServerProcess) -> Iterator[httpx.Client]:
    with server.client() as http:
        yield http


def raw(server: ServerProcess, *pieces: bytes) -> bytes:
    """Everything the server answers to raw bytes until it closes the connection."""
    with server.connect() as connection:
        for piece in pieces:
            connection.sendall(piece)
        answer = b""
        while part := connection.recv(65_536):
            answer += part
        return answer


def test_ping_is_empty(client: httpx.Client) -> None:
    answer = client.get("/ping")
    assert (answer.status_code, answer.content) == (200, b"")


def test_an_answer_carries_its_time_variant_and_ids(client: httpx.Client) -> None:
    sent = {"x-amzn-sagemaker-inference-id": "i-1", "x-request-id": "r-1"}
    answer = client.post("/invocations", json=ROW, headers=sent)
    assert (answer.status_code, answer.content) == (200, ANSWER)
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["x-amzn-invoked-production-variant"] == "canary"
    assert {name: answer.headers[name] for name in sent} == sent
    assert 0 < int(answer.headers["x-headgate-model-us"]) < 5_000_000


def test_no_content_type_means_json(client: httpx.Client) -> None:
    assert client.post("/invocations", content=b'{"x": 1, "y": 2}').content == ANSWER


@pytest.mark.parametrize(
    ("route", "body", "status", "kind"),
    [
        ("GET /", b"", 404, "NotFound"),
        ("GET /invocations", b"", 405, "MethodNotAllowed"),
        ("POST /ping", b"", 405, "MethodNotAllowed"),
        ("POST /invocations", b"", 400, "InvalidInput"),
        ("POST /invocations", b'{"x": "abc", "y": 2}', 400, "InvalidInput"),
        ("POST /invocations", b"1" * 1_048_577, 413, "PayloadTooLarge"),
    ],
)
def test_errors_have_one_shape(client: httpx.Client, route: str, body: bytes, status: int, kind: str) -> None:
    answer = client.request(*route.split(), content=body)
    assert answer.status_code == status
    error = answer.json()["error"]
    assert error["type"] == kind
    assert error["message"]
    assert set(error) == {"type", "message", "hint"}
    if route == "POST /invocations":
        assert answer.headers["x-amzn-invoked-production-variant"] == "canary"
        assert int(answer.headers["x-headgate-model-us"]) >= 0


def test_an_unknown_content_type_is_415(client: httpx.Client) -> None:
    answer = client.post("/invocations", content=b"x", headers={"content-type": "image/png"})
    assert answer.status_code == 415


def test_a_chunked_body_is_limited_too(client: httpx.Client) -> None:
    assert client.post("/invocations", content=iter([b'{"x": 1,', b' "y": 2}'])).content == ANSWER
    assert client.post("/invocations", content=iter([b"1" * 65_536] * 100)).status_code == 413


def test_a_caller_that_asks_first_is_told_at_once(server: ServerProcess) -> None:
    head = b"POST /invocations HTTP/1.1\r\nhost: m\r\nexpect: 100-continue\r\ncontent-length: 2000000\r\n\r\n"
    answer = raw(server, head)
    assert answer.startswith(b"HTTP/1.1 413 ")
    assert b"connection: close" in answer


def test_what_is_not_http_gets_a_typed_400(server: ServerProcess) -> None:
    answer = raw(server, b"\x16\x03\x01 hello\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 400 ")
    assert json.loads(answer.partition(b"\r\n\r\n")[2])["error"]["type"] == "InvalidInput"


def test_a_head_without_end_is_refused(server: ServerProcess) -> None:
    answer = raw(server, b"GET /ping HTTP/1.1\r\nx-long: ", b"a" * 70_000)
    assert answer.startswith(b"HTTP/1.1 431 ")


def test_pipelined_requests_are_answered_in_order(server: ServerProcess) -> None:
    ping = b"GET /ping HTTP/1.1\r\nhost: m\r\n\r\n"
    post = b"POST /invocations HTTP/1.1\r\nhost: m\r\nconnection: close\r\ncontent-length: 5\r\n\r\n[1,2]"
    answer = raw(server, ping + ping + post)
    assert answer.count(b"HTTP/1.1 200 OK") == 3
    assert answer.endswith(ANSWER)


def test_an_answer_without_a_body_is_sent_at_once(client: httpx.Client) -> None:
    assert (client.head("/ping").status_code, client.head("/ping").content) == (200, b"")
    answer = client.head("/invocations")
    assert (answer.status_code, answer.headers["allow"], answer.content) == (405, "POST", b"")


def test_head_and_body_leave_in_one_write(server: ServerProcess) -> None:
    with server.connect() as connection:
        for _ in range(50):
            connection.sendall(b"POST /invocations HTTP/1.1\r\nhost: m\r\ncontent-length: 5\r\n\r\n[1,2]")
            assert connection.recv(65_536).endswith(ANSWER)


def test_a_caller_that_sends_after_100_continue(server: ServerProcess) -> None:
    with server.connect() as connection:
        connection.sendall(b"POST /invocations HTTP/1.1\r\nexpect: 100-continue\r\ncontent-length: 5\r\n\r\n")
        assert connection.recv(65_536) == b"HTTP/1.1 100 Continue\r\n\r\n"
        connection.sendall(b"[1,2]")
        assert connection.recv(65_536).endswith(ANSWER)


def test_an_offer_to_upgrade_is_ignored(server: ServerProcess) -> None:
    head = b"POST /invocations HTTP/1.1\r\nconnection: upgrade\r\nupgrade: h2c\r\ncontent-length: 5\r\n\r\n"
    last = b"GET /ping HTTP/1.1\r\nconnection: close\r\n\r\n"
    answer = raw(server, head + b"[1,2]" + head + b"[1,", b"2]" + last)
    assert answer.count(b"HTTP/1.1 200 OK") == 3
    assert answer.count(ANSWER) == 2


def test_a_caller_that_hangs_up_harms_nobody(server: ServerProcess, client: httpx.Client) -> None:
    for _ in range(20):
        with server.connect() as connection:
            connection.sendall(b"POST /invocations HTTP/1.1\r\ncontent-length: 100\r\n\r\n{")
    assert client.post("/invocations", json=ROW).content == ANSWER


def test_tcp_without_a_log_of_bodies_and_a_clean_end(folder: Path) -> None:
    with running(write_package(folder / "model")) as server, server.client() as http:
        assert http.post("/invocations", json=ROW).content == ANSWER
        assert http.post("/invocations", json={"x": "secret"}).status_code == 400
        started = server.wait_for("serving")
        assert started["backend"] == "onnx"
        assert started["project"] == "linear"
        assert server.end() == 0
    assert "secret" not in "".join(server.lines)
    assert [json.loads(line)["event"] for line in server.lines] == ["serving", "stopped"]


def test_a_unix_socket_is_private_and_survives_its_killed_server(folder: Path) -> None:
    package, path = write_package(folder / "model"), folder / "m.sock"
    bind = f"unix:{path}"
    with running(package, HEADGATE_BIND=bind) as first, first.client() as http:
        assert http.get("/ping").status_code == 200
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        with running(package, HEADGATE_BIND=bind) as second:
            assert second.wait() == 5
            assert re.fullmatch(r"headgate: Cannot listen on unix:.* somebody else does\. .*", second.lines[-1])
        assert http.get("/ping").status_code == 200
        first.end(signal.SIGKILL)
    assert path.exists()
    with running(package, HEADGATE_BIND=bind) as third, third.client() as http:
        assert http.post("/invocations", json=ROW).content == ANSWER
        assert third.end() == 0
    assert not path.exists()


SLOW = """
import time
from pathlib import Path

def model_fn(model_dir):
    return Path(model_dir)

def predict_fn(data, model):
    (model / "begun").touch()
    while not (model / "go").exists():
        time.sleep(0.01)
    return data
"""


def wait_until(path: Path) -> None:
    deadline = time.monotonic() + DEADLINE
    while not path.exists():
        assert time.monotonic() < deadline
        threading.Event().wait(0.01)


def test_sigterm_answers_what_is_in_flight(folder: Path) -> None:
    package = write_code(folder / "model", SLOW)
    with running(package, HEADGATE_BIND=f"unix:{folder}/m.sock") as server, server.client() as http:
        answers: list[httpx.Response] = []
        caller = threading.Thread(target=lambda: answers.append(http.post("/invocations", json=[1, 2])))
        caller.start()
        wait_until(package / "begun")
        with server.client() as other:
            assert other.get("/ping").status_code == 200  # alive while the hook works
        server.process.send_signal(signal.SIGTERM)
        deadline = time.monotonic() + DEADLINE
        while (folder / "m.sock").exists():  # the first thing a drain does
            assert time.monotonic() < deadline
            threading.Event().wait(0.01)
        assert server.process.poll() is None
        (package / "go").touch()
        caller.join(DEADLINE)
        assert [(a.status_code, a.content) for a in answers] == [(200, b"[1,2]")]
        assert server.wait() == 0


def test_sigterm_loses_no_request_of_busy_callers(folder: Path) -> None:
    request = b"POST /invocations HTTP/1.1\r\nhost: m\r\ncontent-length: 5\r\n\r\n[1,2]"
    answered: list[bytes] = []
    lost: list[bytes] = []
    with running(write_package(folder / "model"), HEADGATE_BIND=f"unix:{folder}/m.sock") as server:

        def call_until_told_to_leave() -> None:
            with server.connect() as connection:
                answer = b""
                while b"connection: close" not in answer:
                    connection.sendall(request)
                    answer = connection.recv(65_536)
                    (answered if answer.endswith(ANSWER) else lost).append(answer)
                    if not answer:
                        return

        callers = [threading.Thread(target=call_until_told_to_leave) for _ in range(8)]
        for caller in callers:
            caller.start()
        deadline = time.monotonic() + DEADLINE
        while len(answered) < 200:
            assert time.monotonic() < deadline
            threading.Event().wait(0.01)
        assert server.end() == 0
        for caller in callers:
            caller.join(DEADLINE)
    assert not lost


def test_a_drain_does_not_wait_for_ever(folder: Path) -> None:
    package = write_code(folder / "model", SLOW)
    environment = {"HEADGATE_BIND": f"unix:{folder}/m.sock", "HEADGATE_DRAIN_SECONDS": "1"}
    with running(package, **environment) as server, server.client() as http:
        failures: list[int] = []

        def call() -> None:
            try:
                failures.append(http.post("/invocations", json=[1, 2]).status_code)
            except httpx.HTTPError:
                failures.append(0)

        caller = threading.Thread(target=call)
        caller.start()
        wait_until(package / "begun")
        assert server.end() == 1
        caller.join(DEADLINE)
        assert failures in ([500], [0])
        assert server.wait_for("drain timed out")["level"] == "error"


def test_user_code_that_fails_is_a_500_with_the_traceback_in_the_log_only(folder: Path) -> None:
    source = "def model_fn(model_dir): pass\ndef predict_fn(data, model): return {}['colour']\n"
    with running(write_code(folder / "model", source)) as server, server.client() as http:
        answer = http.post("/invocations", json=[1], headers={"x-request-id": "r-9"})
        assert answer.status_code == 500
        assert answer.json() == {"error": {"type": "KeyError", "message": "'colour'", "hint": "", "request_id": "r-9"}}
        line = server.wait_for("request failed")
        assert line["request_id"] == "r-9"
        assert "inference.py" in line["traceback"]


def start_fails(package: Path, **environment: str) -> tuple[int, list[str]]:
    with running(package, **environment) as server:
        return server.wait(), server.lines


def test_a_start_that_fails_says_why_in_one_line(folder: Path) -> None:
    package = write_package(folder / "model")
    code, lines = start_fails(folder / "absent" / "model")
    assert (code, len(lines)) == (3, 1)
    assert "There is no model folder" in lines[0]
    code, lines = start_fails(package, HEADGATE_BIND="here", SAGEMAKER_MAX_PAYLOAD_IN_MB="many")
    assert (code, len(lines)) == (2, 1)
    assert "HEADGATE_BIND should be" in lines[0]
    assert "SAGEMAKER_MAX_PAYLOAD_IN_MB should be" in lines[0]
    with socket.create_server(("127.0.0.1", 0)) as taken:
        code, lines = start_fails(package, HEADGATE_BIND=f"127.0.0.1:{taken.getsockname()[1]}")
    assert (code, len(lines)) == (5, 1)
    assert "somebody else does" in lines[0]
    code, lines = start_fails(package, HEADGATE_BIND=f"unix:{folder}/no/such/folder.sock")
    assert (code, len(lines)) == (2, 1)
    (package / "model.onnx").write_bytes(linear_model(bias=1).SerializeToString())
    code, lines = start_fails(package)
    assert (code, len(lines)) == (2, 1)
    assert lines[0].startswith("headgate: model.onnx is not what was packaged")


def test_user_code_that_does_not_load_ends_the_start(folder: Path) -> None:
    code, lines = start_fails(write_code(folder / "model", "import no_such_module\n"))
    assert code == 1
    assert "no_such_module" in json.loads(lines[0])["traceback"]
    assert lines[-1].startswith("headgate: code/inference.py cannot be imported: ModuleNotFoundError")


LIGHT = """
import sys
from pathlib import Path
from headgate.serving.load import load
import headgate.serving.server
predictor = load(Path(sys.argv[1]))
predictor.predict(b"[1, 2]", None, None)
print(*sorted({name.partition(".")[0] for name in sys.modules}))
"""


def loaded_modules(package: Path) -> set[str]:
    done = subprocess.run([sys.executable, "-c", LIGHT, str(package)], capture_output=True, text=True, check=True)
    return set(done.stdout.split())


def test_the_runtime_is_light(folder: Path) -> None:
    heavy = {"sklearn", "xgboost", "pandas", "boto3", "botocore", "pydantic", "scipy", "onnx", "yaml", "rich"}
    assert not heavy & loaded_modules(write_package(folder / "onnx"))
    source = "def model_fn(model_dir): pass\ndef transform_fn(model, body, content_type, accept): return 'x'\n"
    assert not (heavy | {"numpy", "onnxruntime"}) & loaded_modules(write_code(folder / "code", source))


def test_cold_start(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    server = ServerProcess(write_package(folder / "model"), HEADGATE_BIND=f"unix:{folder}/m.sock")
    try:
        with server.client() as http:
            http.post("/invocations", json=ROW)
            seconds = time.perf_counter() - server.began
        reported = server.wait_for("serving")["cold_start_ms"]
    finally:
        server.end()
    with capsys.disabled():
        sys.stdout.write(f"\ncold start: {seconds:.2f} s from spawn to first answer, {reported} ms reported\n")
    assert reported / 1000 < seconds < DEADLINE
