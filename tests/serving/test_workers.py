"""Several workers behind one address; workers that die, hang or cannot start."""

import os
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import httpx
import pytest

from tests.serving.models import write_code, write_package
from tests.serving.process import DEADLINE, ServerProcess, running, short_folder
from tests.serving.wire import LAST, PING, exchange, post, read_all, statuses

pytestmark = pytest.mark.slow

TWO = {"SAGEMAKER_MODEL_SERVER_WORKERS": "2"}


@pytest.fixture
def folder() -> Iterator[Path]:
    with short_folder() as path:
        yield path


def wait_until(found: Callable[[], bool]) -> None:
    deadline = time.monotonic() + DEADLINE
    while not found():
        assert time.monotonic() < deadline
        threading.Event().wait(0.02)


def lines(server: ServerProcess, event: str) -> int:
    return sum(f'"event": "{event}"' in line for line in server.lines)


def workers(server: ServerProcess) -> list[int]:
    pid = server.process.pid
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def sockets(pid: int) -> int:
    links = [str(path.readlink()) for path in Path(f"/proc/{pid}/fd").iterdir() if path.is_symlink()]
    return sum(link.startswith("socket:") for link in links)


def test_workers_share_a_socket_and_are_replaced(folder: Path) -> None:
    bind = folder / "m.sock"
    with running(write_package(folder / "model"), HEADGATE_BIND=f"unix:{bind}", **TWO) as server:
        wait_until(lambda: lines(server, "serving") == 2)
        idle = min(sockets(pid) for pid in workers(server))
        guests = [server.connect() for _ in range(64)]
        for guest in guests:
            guest.sendall(post())
        for guest in guests:
            assert guest.recv(65_536).startswith(b"HTTP/1.1 200 ")
        shares = [sockets(pid) - idle for pid in workers(server)]
        assert min(shares) >= 0.3 * 64, shares

        killed = workers(server)[0]
        os.kill(killed, signal.SIGKILL)
        lost = 0
        for guest in guests:
            with guest, suppress(BrokenPipeError, ConnectionResetError):
                guest.sendall(LAST)
                lost -= statuses(read_all(guest)) == [200]
            lost += 1
        assert 0 < lost < 64
        wait_until(lambda: lines(server, "serving") == 3)
        assert killed not in workers(server)
        with server.client() as http:
            assert 'headgate_worker_starts_total{worker="1"} 1' in http.get("/metrics").text
        assert server.end() == 0
        assert not bind.exists()
    assert lines(server, "worker died") == 1


def test_workers_leave_with_their_parent(folder: Path) -> None:
    with running(write_package(folder / "model"), HEADGATE_BIND=f"unix:{folder}/m.sock", **TWO) as server:
        wait_until(lambda: lines(server, "serving") == 2)
        children = workers(server)
        server.end(signal.SIGKILL)
        wait_until(lambda: not any(Path(f"/proc/{pid}").exists() for pid in children))


def test_workers_that_cannot_start_end_the_server_with_their_code(folder: Path) -> None:
    with running(folder / "absent" / "model", HEADGATE_BIND=f"unix:{folder}/m.sock", **TWO) as server:
        assert server.wait() == 3
        assert server.lines[-1].startswith("headgate: There is no model folder")
        assert len(server.lines) == 1
    with socket.create_server(("127.0.0.1", 0)) as taken:
        bind = f"127.0.0.1:{taken.getsockname()[1]}"
        with running(write_package(folder / "model"), HEADGATE_BIND=bind, **TWO) as server:
            assert server.wait() == 5


STUCK = "import time\ndef model_fn(d): pass\ndef transform_fn(m, body, t, a):\n    time.sleep(100)\n"
BLOCKED = STUCK.replace("def transform_fn", "async def transform_fn")


@pytest.mark.parametrize("source", [STUCK, BLOCKED], ids=["thread", "coroutine"])
def test_a_model_that_does_not_come_back_is_504_and_the_end(folder: Path, source: str) -> None:
    package = write_code(folder / "model", source)
    environment = {
        "HEADGATE_BIND": f"unix:{folder}/m.sock",
        "SAGEMAKER_MODEL_SERVER_TIMEOUT": "1",
        "HEADGATE_DRAIN_SECONDS": "1",
    }
    with running(package, **environment) as server:
        answer = exchange(server, [post(b"[1,2]", b"connection: close")])
        assert statuses(answer) == [504]
        assert b'"type":"TimedOut"' in answer
        assert b"x-request-id: " in answer
        assert server.wait() == 1
    assert lines(server, "model stuck") == 1


def test_what_does_not_fit_in_the_queue_is_shed(folder: Path) -> None:
    source = STUCK.replace("time.sleep(100)", "time.sleep(0.5); return 'x'")
    environment = {"HEADGATE_BIND": f"unix:{folder}/m.sock", "HEADGATE_QUEUE": "2"}
    with running(write_code(folder / "model", source), **environment) as server:
        callers = [server.connect() for _ in range(5)]
        for caller in callers:
            caller.sendall(post(b"[1,2]", b"connection: close"))
        answers = [read_all(caller) for caller in callers]
        for caller in callers:
            caller.close()
        codes = sorted(code for answer in answers for code in statuses(answer))
        assert codes == [200, 200, 503, 503, 503]
        assert all(b"retry-after: 1" in answer for answer in answers if statuses(answer) == [503])
        assert statuses(exchange(server, [PING + LAST])) == [200, 200]
        with server.client() as http:
            assert isinstance(http, httpx.Client)
            assert 'headgate_errors_total{class="shed"} 3' in http.get("/metrics").text
        assert server.end() == 0


def test_a_worker_that_is_told_to_stop_while_it_starts_is_no_failure(folder: Path) -> None:
    with running(write_package(folder / "model"), HEADGATE_BIND=f"unix:{folder / 'm.sock'}", **TWO) as server:
        deadline = time.monotonic() + DEADLINE
        while len(workers(server)) < 2:  # without a pause: Python itself has hardly begun to start
            assert time.monotonic() < deadline
        assert server.end() == 0
