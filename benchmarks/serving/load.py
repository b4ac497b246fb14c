"""The load: so many connections, each of which asks, waits for the whole answer, checks it and asks again.

    python -m benchmarks.serving.load PLAN

PLAN is a JSON file (`Plan`); the figures come out as JSON on standard output (`Load`). It is a process of its own on
a core of its own. The loop is lean, so that it is the server that is busy: raw sockets, one epoll, requests made
beforehand, and an answer that was once found right is found right again by comparing bytes. It never sleeps: to wake
it would be the server's work, done by the kernel in the server's time, which on a virtual machine is more than the
answer's.

CPU of the server is read at the beginning and at the end of the window, by the process that counts the answers in it.
"""

import gc
import json
import select
import socket
import statistics
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypedDict

from benchmarks.serving.processes import cpu_seconds

PATIENCE = 20.0
"""Seconds without any answer after which the server counts as hung."""


class Question(TypedDict):
    """One request and the values that its answer must hold."""

    request: str
    values: list[float | str]


class Plan(TypedDict):
    """`root` is the server's first process; `path` leads from its answer to the values (`*`: every item of a list)."""

    port: int
    root: int
    questions: list[Question]
    path: list[str | int]
    tolerance: float
    connections: int
    warm_up: float
    seconds: float


class Load(TypedDict):
    """What came of it. Latencies are of the requests sent within the window, microseconds."""

    requests: int
    seconds: float
    cpu_seconds: float
    p50_us: float
    p99_us: float


class WrongAnswer(Exception):
    """The server answered something else than it should."""


@dataclass(slots=True)
class Connection:
    """One connection; `turn` is the question that it has asked."""

    socket: socket.socket
    turn: int
    received: bytes = b""
    sent: int = 0


class Loader:
    """Asks one server."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._requests = [question["request"].encode("latin-1") for question in plan["questions"]]
        self._known: list[bytes] = [b"\0"] * len(self._requests)
        self._closes = False
        self._epoll = select.epoll()
        self._connections: dict[int, Connection] = {}

    def run(self) -> Load:
        """Ask every question once, warm up, measure. Raises WrongAnswer."""
        first = self._connect(0)
        for turn in range(len(self._requests)):
            first = self._again(first, turn)
            while not self._take(first):
                pass
        first.socket.close()
        self._connections.clear()
        for number in range(self._plan["connections"]):
            self._again(self._connect(0), number * len(self._requests) // self._plan["connections"])
        self._until(time.perf_counter_ns() + int(self._plan["warm_up"] * 1e9))
        before, began = cpu_seconds(self._plan["root"]), time.perf_counter_ns()
        latencies, answered = self._until(began + int(self._plan["seconds"] * 1e9), since=began)
        ended, after = time.perf_counter_ns(), cpu_seconds(self._plan["root"])
        centiles = statistics.quantiles(latencies, n=100)
        return {
            "requests": answered,
            "seconds": (ended - began) / 1e9,
            "cpu_seconds": after - before,
            "p50_us": centiles[49] / 1000,
            "p99_us": centiles[98] / 1000,
        }

    def _until(self, end: int, since: int = 0) -> tuple[list[int], int]:
        """Latencies (ns) of what was sent since then, and how much was answered, until `end` (perf_counter_ns)."""
        latencies: list[int] = []
        answered = 0
        now = time.perf_counter_ns
        count = len(self._requests)
        heard = now()
        while (moment := now()) < end:
            ready = self._epoll.poll(0)
            if ready:
                heard = moment
            elif moment - heard > PATIENCE * 1e9:
                raise WrongAnswer(f"no answer within {PATIENCE:g} s")
            for descriptor, _ in ready:
                connection = self._connections[descriptor]
                if self._take(connection):
                    answered += 1
                    if connection.sent >= since:
                        latencies.append(now() - connection.sent)
                    self._again(connection, (connection.turn + 1) % count)
        return latencies, answered

    def _again(self, connection: Connection, turn: int) -> Connection:
        """Ask the next question, on a new connection where the server closes each."""
        if self._closes:
            self._connections.pop(connection.socket.fileno(), None)
            connection.socket.close()
            connection = self._connect(turn)
        connection.turn, connection.received, connection.sent = turn, b"", time.perf_counter_ns()
        connection.socket.sendall(self._requests[turn])
        return connection

    def _connect(self, turn: int) -> Connection:
        client = socket.create_connection(("127.0.0.1", self._plan["port"]), timeout=PATIENCE)
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connection = Connection(client, turn)
        self._connections[client.fileno()] = connection
        self._epoll.register(client, select.EPOLLIN)
        return connection

    def _take(self, connection: Connection) -> bool:
        """Whether the answer is whole now. Raises WrongAnswer where it is not the right one."""
        data = connection.socket.recv(262_144)
        if not data:
            raise WrongAnswer("the server closed a connection")
        received = connection.received = connection.received + data
        if received.endswith(self._known[connection.turn]) and received.startswith(b"HTTP/1.1 200 "):
            return True
        return self._check(received, connection.turn)

    def _check(self, received: bytes, turn: int) -> bool:
        head, blank, body = received.partition(b"\r\n\r\n")
        fields = head.lower().split(b"\r\n")
        if not blank or len(body) < sum(int(field[15:]) for field in fields if field.startswith(b"content-length:")):
            return False
        if not head.startswith(b"HTTP/1.1 200 "):
            raise WrongAnswer(received[:600].decode(errors="replace"))
        question = self._plan["questions"][turn]
        found = values(json.loads(body), self._plan["path"])
        if not same(found, question["values"], self._plan["tolerance"]):
            raise WrongAnswer(f"{found[:3]} instead of {question['values'][:3]}: {body[:300]!r}")
        self._known[turn] = b"\r\n\r\n" + body
        self._closes = b"connection: close" in fields
        return True


def values(document: Any, path: Sequence[str | int]) -> list[Any]:
    """What the path leads to in an answer."""
    found = [document]
    for step in path:
        found = [item for inner in found for item in inner] if step == "*" else [inner[step] for inner in found]
    return found


def same(found: Sequence[Any], expected: Sequence[float | str], tolerance: float) -> bool:
    """Whether these are the values: text exactly, numbers within the tolerance."""
    return len(found) == len(expected) and all(
        one == other if isinstance(other, str) else abs(one - other) <= tolerance
        for one, other in zip(found, expected, strict=True)
    )


def main() -> None:
    """Carry out a plan."""
    plan: Plan = json.loads(Path(sys.argv[1]).read_text())
    gc.disable()
    try:
        print(json.dumps(Loader(plan).run()))
    except (WrongAnswer, OSError, ValueError, KeyError, IndexError, TypeError) as error:
        raise SystemExit(f"{type(error).__name__}: {error}") from None


if __name__ == "__main__":
    main()
