"""Real virtual users in their process, against a real server on loopback that notes what it is sent."""

import json
import os
import signal
import socket
import ssl
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from headgate.errors import Unavailable
from headgate.traffic.result import Result, Second
from headgate.traffic.run import load
from headgate.traffic.terms import Terms
from headgate.traffic.users import failure_kind, failure_text
from tests.system.engine import ROOT, until

pytestmark = pytest.mark.slow

ROWS = tuple(json.dumps({"row": number}) for number in range(3))


class Server(ThreadingHTTPServer):
    """Answers POST /good; /bad fails, /gone closes the connection. Knows what was sent, and by whom."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.lock = threading.Lock()
        self.sent: Counter[tuple[str, str]] = Counter()
        self.keys: set[str | None] = set()

    def handle_error(self, *_: object) -> None:
        """A user that goes is no news."""

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: Server

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"])).decode()
        with self.server.lock:
            self.server.sent[self.headers["x-user-id"], body] += 1
            self.server.keys.add(self.headers["x-api-key"])
        if self.path == "/gone":
            self.close_connection = True
            return
        answer = b'{"Message": "all is lost"}' if self.path == "/bad" else b"{}"
        self.send_response({"/bad": 424, "/elsewhere": 302}.get(self.path, 200))
        self.send_header("x-amzn-errortype", "ModelError")
        self.send_header("x-amzn-invoked-production-variant", "stable")
        self.send_header("location", "/good")
        self.send_header("content-length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *_: object) -> None:
        """Nothing."""


@contextmanager
def serving() -> Iterator[Server]:
    server = Server()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.fixture
def server() -> Iterator[Server]:
    with serving() as found:
        yield found


def loaded(url: str, **more: float) -> tuple[Result, list[Second]]:
    terms = {"users": 4, "ramp": 0.0, "seconds": 2.0, "rate": 40.0, **more}
    told: list[Second] = []
    made = Terms(url, ROWS, int(terms.pop("users")), **terms, api_key="the key")
    return load(made, lambda second, _: told.append(second)), told


def test_users_send_their_rows_at_their_rate_and_everything_is_counted(server: Server) -> None:
    found, told = loaded(f"{server.url}/good")
    assert (found.failed, found.failures) == (0, {})
    assert found.sent == sum(server.sent.values()) == found.variants["stable"]
    assert 40 <= found.sent <= 90, "40 a second for two seconds, were the machine idle"
    assert list(found.seconds) == told
    assert 2.0 <= found.took < 4.0
    assert {user for user, _ in server.sent} == {f"load-{n}" for n in range(1, 5)}
    assert {body for _, body in server.sent} == set(ROWS)
    assert server.keys == {"the key"}
    median = found.latencies["p50"]
    assert median is not None
    assert 0 < median < 1000


def test_failures_are_told_by_kind_and_nothing_is_sent_twice(server: Server) -> None:
    kinds = {"bad": "424 ModelError", "elsewhere": "302 ModelError", "gone": "connection lost"}
    for path, kind in kinds.items():
        before = sum(server.sent.values())
        found, _ = loaded(f"{server.url}/{path}", users=1, seconds=1.0, rate=20.0)
        assert found.failures == {kind: found.sent}
        assert found.failed == sum(server.sent.values()) - before > 5
        assert found.latencies["p99"] is None
        assert path != "bad" or found.said == {kind: "all is lost"}


def test_where_nobody_listens_every_request_fails() -> None:
    with socket.socket() as bound:  # taken, but not listening
        bound.bind(("127.0.0.1", 0))
        found, _ = loaded(f"http://127.0.0.1:{bound.getsockname()[1]}/x", users=2, seconds=1.0)
    assert found.failures == {"connection refused": found.sent}
    assert found.sent > 5


def test_a_key_goes_to_nobody_whose_certificate_is_not_trusted(tmp_path: Path) -> None:
    with serving() as server:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self_signed(tmp_path))
        server.socket = context.wrap_socket(server.socket, server_side=True)
        found, _ = loaded(f"https://localhost:{server.server_port}/good", users=1, seconds=1.0)
        assert found.failures == {"SSLCertVerificationError": found.sent}
        assert found.sent > 0
        assert (server.sent, server.keys) == (Counter(), set())


def self_signed(folder: Path) -> Path:
    """A certificate for localhost that nobody has vouched for, with its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    path = folder / "both.pem"
    path.write_bytes(private + certificate.public_bytes(Encoding.PEM))
    return path


PROGRAM = """
import json, sys
from headgate.traffic.run import load
from headgate.traffic.terms import Terms
told = lambda second, result: print("told", flush=True)
print(json.dumps(load(Terms(sys.argv[1], ("{}",), 2, 0.0, 60.0, 20.0), told).to_json()))
"""


def test_an_interrupt_ends_it_with_what_was_measured(server: Server) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", PROGRAM, f"{server.url}/good"], stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "told\n"
        process.send_signal(signal.SIGINT)
        said = process.stdout.read()
    found = json.loads(said.splitlines()[-1])
    assert process.returncode == 0
    assert found["interrupted"] is True
    assert found["requests"] == sum(server.sent.values()) > 5
    assert found["took"] < 20


def test_users_end_with_whoever_started_them(server: Server) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", PROGRAM, f"{server.url}/good"], stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "told\n"
        (users,) = children(process.pid)
        process.kill()
    until(lambda: not alive(users), 10, "the users' process has ended")


def test_users_that_die_are_no_result(server: Server) -> None:
    terms = Terms(f"{server.url}/good", ROWS, 2, 0.0, 30.0, 20.0)

    def kill(*_: object) -> None:
        (users,) = [child for child in children(os.getpid()) if "headgate.traffic.users" in command(child)]
        os.kill(users, signal.SIGKILL)

    with pytest.raises(Unavailable, match="ended before its time"):
        load(terms, kill)


def test_without_locust_it_is_told_which_extra_is_missing() -> None:
    """An interpreter that sees our sources and no installed package."""
    environment = {"PYTHONPATH": str(ROOT / "src"), "PATH": os.environ["PATH"]}
    ran = subprocess.run(
        [sys.executable, "-S", "-c", PROGRAM, "http://127.0.0.1:1/x"],
        env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert "MissingExtra: A load needs packages that are not installed." in ran.stderr


def command(pid: int) -> str:
    return Path(f"/proc/{pid}/cmdline").read_text()


def children(pid: int) -> list[int]:
    """Of its main thread."""
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def test_what_failures_are_called() -> None:
    assert failure_kind(TimeoutError("x")) == "timed out"
    assert failure_kind(ConnectionRefusedError()) == "connection refused"
    assert failure_kind(ConnectionResetError()) == "connection lost"
    assert failure_kind(ValueError()) == "ValueError"


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ('{"Message": "long", "OriginalMessage": "{\\"error\\": {\\"message\\": \\"row 1\\"}}"}', "row 1"),
        ('{"Message": "no such variant"}', "no such variant"),
        ('{"message": "Forbidden"}', "Forbidden"),
        ("<html>", "<html>"),
        ("[1]", "[1]"),
        ("", ""),
    ],
)
def test_what_a_failure_says_is_taken_out_of_its_wrapping(body: str, said: str) -> None:
    assert failure_text(body) == said
