"""What a server makes of HTTP as it comes: limits, malformed and hostile requests, slow and vanishing callers.

Everything here holds for both transports.
"""

import json
import socket
import threading
import time
from collections.abc import Callable, Iterator

import httpx
import pytest

from tests.serving.models import write_package
from tests.serving.process import DEADLINE, ServerProcess, running, short_folder
from tests.serving.wire import LAST, PING, exchange, head, post, read_all, statuses

pytestmark = pytest.mark.slow

MAX_CONNECTIONS = 40


@pytest.fixture(scope="module", params=["native", "asgi"])
def server(request: pytest.FixtureRequest) -> Iterator[ServerProcess]:
    with short_folder() as path:
        environment = {
            "HEADGATE_BIND": f"unix:{path}/m.sock",
            "HEADGATE_TRANSPORT": request.param,
            "HEADGATE_HEAD_SECONDS": "1",
            "HEADGATE_BODY_SECONDS": "1",
            "HEADGATE_MAX_CONNECTIONS": str(MAX_CONNECTIONS),
            "SAGEMAKER_MAX_PAYLOAD_IN_MB": "1",
        }
        with running(write_package(path / "model"), **environment) as process:
            yield process


MALFORMED = {
    "no http": b"hello\r\n\r\n",
    "tls": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
    "http/2": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "http/0.9": b"GET /ping\r\n\r\n",
    "http/1.2": b"GET /ping HTTP/1.2\r\n\r\n",
    "connect": b"CONNECT m:80 HTTP/1.1\r\n\r\n",
    "lines without CR": b"GET /ping HTTP/1.1\nhost: m\n\n",
    "no path": b"GET ping HTTP/1.1\r\n\r\n",
    "space in the target": b"GET /pi ng HTTP/1.1\r\n\r\n",
    "control in the target": b"GET /\x01 HTTP/1.1\r\n\r\n",
    "null in a name": head(b"a\0b: c"),
    "null in a value": head(b"a: b\0c"),
    "CR in a value": head(b"a: b\rc"),
    "folded line": head(b"a: b", b" c"),
    "space before the colon": head(b"a : b"),
    "no name": head(b": b"),
    "length +5": head(b"content-length: +5") + b"[1,2]",
    "length -5": head(b"content-length: -5") + b"[1,2]",
    "length 5, 5": head(b"content-length: 5, 5") + b"[1,2]",
    "length 0x5": head(b"content-length: 0x5") + b"[1,2]",
    "length without end": head(b"content-length: " + b"9" * 40) + b"[1,2]",
    "two lengths": head(b"content-length: 5", b"content-length: 5") + b"[1,2]",
    "two different lengths": head(b"content-length: 5", b"content-length: 6") + b"[1,2]",
    "length and chunks": head(b"content-length: 5", b"transfer-encoding: chunked") + b"0\r\n\r\n",
    "chunks and length": head(b"transfer-encoding: chunked", b"content-length: 5") + b"0\r\n\r\n",
    "chunked, then another": head(b"transfer-encoding: chunked, gzip") + b"0\r\n\r\n",
    "chunks in http/1.0": head(b"transfer-encoding: chunked").replace(b"1.1", b"1.0") + b"0\r\n\r\n",
    "chunk size": head(b"transfer-encoding: chunked") + b"5x\r\n[1,2]\r\n0\r\n\r\n",
    "chunk without end": head(b"transfer-encoding: chunked") + b"f" * 17 + b"\r\n",
}


@pytest.mark.parametrize("request_", MALFORMED.values(), ids=MALFORMED)
def test_what_is_not_sound_http_is_400_and_the_end(server: ServerProcess, request_: bytes) -> None:
    answer = exchange(server, [request_, LAST])
    assert statuses(answer) == [400]
    assert b"connection: close" in answer
    assert json.loads(answer.partition(b"\r\n\r\n")[2])["error"]["type"] == "InvalidInput"


REFUSED = {
    "long head": (431, b"GET /ping HTTP/1.1\r\nx: " + b"a" * 66_000 + b"\r\n\r\n"),
    "head without end": (431, b"GET /ping HTTP/1.1\r\nx: " + b"a" * 70_000),
    "many fields": (431, head(*[b"x-%d: 1" % n for n in range(130)])),
    "one field many times": (431, head(*[b"x: 1"] * 130)),
    "long target": (414, b"GET /ping?" + b"a" * 9_000 + b" HTTP/1.1\r\n\r\n"),
    "unknown coding": (501, head(b"transfer-encoding: gzip") + b"0\r\n\r\n"),
    "coding before chunked": (501, head(b"transfer-encoding: gzip, chunked") + b"0\r\n\r\n"),
    "unknown expectation": (417, head(b"expect: the-best", b"content-length: 5") + b"[1,2]"),
    "asks before a long body": (413, head(b"expect: 100-continue", b"content-length: 2000000")),
    "announces a huge body": (413, head(b"content-length: 100000000")),
}


@pytest.mark.parametrize(("status", "request_"), REFUSED.values(), ids=REFUSED)
def test_what_is_too_much_is_said_and_the_end(server: ServerProcess, status: int, request_: bytes) -> None:
    answer = exchange(server, [request_])
    assert statuses(answer) == [status]
    assert b"connection: close" in answer


SOUND = {
    "absolute target": (200, b"GET http://m/ping?x=1 HTTP/1.1\r\n\r\n"),
    "absolute target without path": (404, b"GET http://m HTTP/1.1\r\n\r\n"),
    "query": (200, b"GET /ping?a=b HTTP/1.1\r\n\r\n"),
    "percent": (200, b"GET /%70ing HTTP/1.1\r\n\r\n"),
    "asterisk": (404, b"OPTIONS * HTTP/1.1\r\n\r\n"),
    "unknown path": (404, b"GET /%00%0d HTTP/1.1\r\n\r\n"),
    "wrong method": (405, b"DELETE /invocations HTTP/1.1\r\n\r\n"),
    "empty lines before": (200, b"\r\n\r\n" + PING),
    "names in any case": (200, post().replace(b"content-length", b"CONTENT-Length")),
    "two accepts": (200, post(b"[1,2]", b"accept: text/csv", b"accept: application/json")),
    "chunks": (200, head(b"transfer-encoding: chunked") + b"2;x=y\r\n[1\r\n3\r\n,2]\r\n0\r\ncontent-type: a\r\n\r\n"),
    "chunks in capitals": (200, head(b"Transfer-Encoding: Chunked") + b"5\r\n[1,2]\r\n0\r\n\r\n"),
    "expects and sends": (200, post(b"[1,2]", b"expect: 100-continue")),
    "body beyond the limit": (413, post(b" " * 1_048_577)),
    "no body": (400, head()),
    "parameters": (200, b"GET /execution-parameters HTTP/1.1\r\n\r\n"),
    "metrics": (200, b"GET /metrics HTTP/1.1\r\n\r\n"),
    "h2c": (200, post(b"[1,2]", b"connection: upgrade, http2-settings", b"upgrade: h2c", b"http2-settings: AAMA")),
    "websocket": (200, post(b"[1,2]", b"connection: upgrade", b"upgrade: websocket")),
}


@pytest.mark.parametrize(("status", "request_"), SOUND.values(), ids=SOUND)
def test_what_is_sound_leaves_the_connection_good(server: ServerProcess, status: int, request_: bytes) -> None:
    assert statuses(exchange(server, [request_, LAST])) == [status, 200]
    assert statuses(exchange(server, [bytes([byte]) for byte in request_[:300]] + [request_[300:] + LAST])) == [
        status,
        200,
    ]


def test_http_1_0_ends_with_its_answer(server: ServerProcess) -> None:
    old = PING.replace(b"1.1", b"1.0")
    assert statuses(exchange(server, [old])) == [200]
    assert statuses(exchange(server, [old.replace(b"host: m", b"connection: keep-alive")])) == [200]


def test_head_is_answered_without_a_body(server: ServerProcess) -> None:
    answer = exchange(server, [b"HEAD /metrics HTTP/1.1\r\n\r\n", b"HEAD /nowhere HTTP/1.1\r\n\r\n", LAST])
    assert statuses(answer) == [200, 404, 200]
    assert b"headgate_requests_total" not in answer
    assert b"error" not in answer


def test_trailers_are_no_headers(server: ServerProcess) -> None:
    chunks = b"5\r\n[1,2]\r\n0\r\nx-request-id: smuggled\r\n\r\n"
    answer = exchange(server, [head(b"transfer-encoding: chunked", b"x-request-id: mine") + chunks, LAST])
    assert b"mine" in answer
    assert b"smuggled" not in answer


@pytest.mark.parametrize("junk", [b"1;" + b"x" * 400_000, b"0\r\n" + b"x: y\r\n" * 60_000, b"0\r\n" + b"x" * 200_000])
def test_framing_without_a_body_is_bounded(server: ServerProcess, junk: bytes) -> None:
    assert statuses(exchange(server, [head(b"transfer-encoding: chunked"), junk]))[0] in (400, 431)


def test_a_chunked_body_is_limited_by_what_it_holds(server: ServerProcess) -> None:
    row = b" " * 1_048_500 + b"[1,2]"
    for size, status in ((len(row), 200), (len(row) + 1_000, 413)):
        body = row.rjust(size)
        chunks = b"".join(b"%x\r\n%b\r\n" % (len(part), part) for part in parts(body, 10_000))
        answer = exchange(server, [head(b"transfer-encoding: chunked"), chunks + b"0\r\n\r\n", LAST])
        assert statuses(answer) == [status, 200]


def parts(body: bytes, size: int) -> list[bytes]:
    return [body[at : at + size] for at in range(0, len(body), size)]


def test_a_caller_that_asks_first_is_told_to_go_on(server: ServerProcess) -> None:
    with server.connect() as connection:
        connection.sendall(head(b"expect: 100-continue", b"content-length: 5"))
        assert connection.recv(65_536) == b"HTTP/1.1 100 Continue\r\n\r\n"
        connection.sendall(b"[1,2]" + LAST)
        assert statuses(read_all(connection)) == [200, 200]


def test_hundreds_of_pipelined_requests_are_answered_in_order(server: ServerProcess) -> None:
    requests = [post(b"[1,2]", b"x-request-id: r%03d" % n) for n in range(500)]
    answer = exchange(server, [b"".join(requests) + LAST])
    assert statuses(answer) == [200] * 501
    told = [line[-4:] for line in answer.split(b"\r\n") if line.startswith(b"x-request-id: ")]
    assert told == [b"r%03d" % n for n in range(500)]


def test_what_follows_a_sound_request_does_not_harm_it(server: ServerProcess) -> None:
    assert statuses(exchange(server, [post() + b"garbage\r\n\r\n"])) == [200, 400]
    assert statuses(exchange(server, [LAST + PING])) == [200]


def test_a_half_closed_caller_is_answered(server: ServerProcess) -> None:
    assert statuses(exchange(server, [post()], half_close=True)) == [200]
    assert statuses(exchange(server, [post(), PING], half_close=True)) == [200, 200]
    assert statuses(exchange(server, [post()[:-1]], half_close=True)) == []


def test_a_request_that_does_not_arrive_is_408(server: ServerProcess) -> None:
    chunked = head(b"transfer-encoding: chunked") + b"5\r\n[1"
    waiting = []
    for sent in (b"", PING + b"GET /ping HTTP/1.1\r\nx: ", PING + post()[:-1], PING + chunked):
        waiting.append(server.connect())
        waiting[-1].sendall(sent)
    answers = []
    for connection in waiting:
        with connection:
            answers.append(read_all(connection))
    assert [statuses(answer) for answer in answers] == [[], [200, 408], [200, 408], [200, 408]]
    assert all(b"connection: close" in answer for answer in answers[1:])


def test_a_head_that_drips_is_408(server: ServerProcess) -> None:
    with server.connect() as connection:
        connection.sendall(b"GET /ping HTTP/1.1\r\nx: ")
        stop = threading.Event()

        def drip() -> None:
            while not stop.wait(0.05):
                try:
                    connection.sendall(b"y")
                except OSError:
                    return

        thread = threading.Thread(target=drip)
        thread.start()
        try:
            assert statuses(read_all(connection)) == [408]
        finally:
            stop.set()
            thread.join()


def test_a_caller_that_does_not_read_is_cut_off(server: ServerProcess) -> None:
    with server.connect() as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        connection.settimeout(0.2)
        cut = False
        deadline = time.monotonic() + DEADLINE
        while not cut:
            assert time.monotonic() < deadline
            try:
                connection.sendall(b"GET /metrics HTTP/1.1\r\n\r\n" * 100)
            except TimeoutError:
                continue  # nothing more is read from it
            except OSError:
                cut = True


def test_callers_beyond_the_limit_are_sent_away(server: ServerProcess) -> None:
    guests: list[socket.socket] = []
    try:
        for _ in range(MAX_CONNECTIONS):
            guests.append(server.connect())
            guests[-1].sendall(PING)
            assert guests[-1].recv(65_536).startswith(b"HTTP/1.1 200 ")
        answer = exchange(server, [PING])
        assert statuses(answer) == [503]
        assert b"retry-after: 1" in answer
        assert b"connection: close" in answer
    finally:
        for guest in guests:
            guest.close()
    wait_for(lambda: statuses(exchange(server, [LAST])) == [200])


def wait_for(found: Callable[[], bool]) -> None:
    deadline = time.monotonic() + DEADLINE
    while not found():
        assert time.monotonic() < deadline
        threading.Event().wait(0.02)


def test_batch_transform_is_told_what_to_send(server: ServerProcess) -> None:
    with server.client() as http:
        answer = http.get("/execution-parameters")
        assert answer.json() == {"MaxConcurrentTransforms": 1, "BatchStrategy": "MULTI_RECORD", "MaxPayloadInMB": 1}
        assert answer.headers["content-type"] == "application/json"


def test_ids_come_back_with_every_answer(server: ServerProcess) -> None:
    with server.client() as http:
        sent = {"x-request-id": "r-1"}
        answers = [http.get("/ping", headers=sent), http.get("/no", headers=sent), http.post("/ping", headers=sent)]
        answers.append(http.post("/invocations", content=b"", headers=sent))
        assert [a.headers["x-request-id"] for a in answers] == ["r-1"] * 4
        assert answers[-1].json()["error"]["request_id"] == "r-1"
        assert "x-request-id" not in http.post("/invocations", content=b"").headers


def test_what_is_served_is_counted(server: ServerProcess) -> None:
    with server.client() as http:

        def count(sample: str) -> int:
            lines = http.get("/metrics").text.splitlines()
            return int(next((line for line in lines if line.startswith(sample)), "0").rpartition(" ")[2])

        before = {name: count(name) for name in ('headgate_requests_total{code="200"}', bad)}
        http.post("/invocations", content=b"[1,2]")
        http.post("/invocations", content=b"[")
        exchange(server, [b"garbage\r\n\r\n"])
        assert {name: count(name) for name in before} == {
            'headgate_requests_total{code="200"}': before['headgate_requests_total{code="200"}'] + 1,
            bad: before[bad] + 2,
        }


bad = 'headgate_errors_total{class="bad_request"}'


def test_the_client_of_httpx_is_served(server: ServerProcess) -> None:
    with server.client() as http:
        codes = {http.post("/invocations", json={"x": 1, "y": 2}).status_code for _ in range(5)}
        assert codes == {200}
        assert isinstance(http, httpx.Client)
