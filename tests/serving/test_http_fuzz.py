"""Bytes that nobody would send: no 500, no hang, nothing lost, and the same statuses from both transports.

A case is a mixture of sound requests, cut, spliced, flipped and stuffed, sent in pieces of any size. The caller then
closes its side, so that a server that answers what it has and closes is done; one that does neither hangs, and the case
fails at its deadline. Some callers vanish without reading. Cases follow from their number: a failure names it.
"""

import random
import re
import socket
import struct
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from pathlib import Path

import pytest

from headgate.serving.turn import FEW
from tests.serving.models import write_code, write_package
from tests.serving.process import ServerProcess, running, short_folder
from tests.serving.wire import LAST, PING, exchange, head, post, statuses

ECHO = "def model_fn(model_dir): pass\ndef transform_fn(model, body, content_type, accept): return 'x'\n"
PACKAGES: dict[str, Callable[[Path], Path]] = {
    "inline": write_package,
    "turn": write_package,  # the same in company
    "thread": lambda folder: write_code(folder, ECHO),
}

SOUND = [
    PING,
    post(),
    post(b'{"x": 1, "y": 2}', b"content-type: application/json", b"accept: */*"),
    post(b"1,2\n3,4\n", b"content-type: text/csv", b"x-request-id: r"),
    post(b"[1,2]", b"expect: 100-continue"),
    post(b"[1,2]", b"connection: upgrade", b"upgrade: h2c"),
    post(b"[1,2]", b"connection: close"),
    post(b" " * 20_000 + b"[1,2]"),
    head(b"transfer-encoding: chunked") + b"2;x=y\r\n[1\r\n3\r\n,2]\r\n0\r\nx: y\r\n\r\n",
    b"HEAD /ping HTTP/1.1\r\n\r\n",
    b"GET http://m/execution-parameters?a=b HTTP/1.1\r\nhost: m\r\n\r\n",
    b"GET /%70ing HTTP/1.0\r\nconnection: keep-alive\r\n\r\n",
    b"OPTIONS * HTTP/1.1\r\n\r\n",
    head(*[b"x-%d: %d" % (n, n) for n in range(100)], b"content-length: 0"),
]
STUFF = [
    b"\r",
    b"\n",
    b"\r\n",
    b"\r\n\r\n",
    b"\0",
    b" ",
    b"\t",
    b":",
    b",",
    b"\xff",
    b"\x80",
    b"%",
    b"0",
    b"-1",
    b"9" * 30,
]
STUFF += [
    b"content-length: 3\r\n",
    b"transfer-encoding: chunked\r\n",
    b"HTTP/1.1",
    b"upgrade: x\r\nconnection: upgrade\r\n",
]

ANSWERS = {200, 400, 404, 405, 406, 408, 413, 414, 415, 417, 431, 501}


def mutate(data: bytes, chance: random.Random) -> bytes:
    """One thing wrong with the data."""
    at, end = sorted(chance.choices(range(len(data) + 1), k=2))
    end = min(end, at + 40)
    match chance.randrange(7):
        case 0:
            return data[:at]
        case 1:
            return data[:at] + data[end:]
        case 2:
            return data[:end] + data[at:]
        case 3:
            return data[:at] + chance.choice(STUFF) + data[at:]
        case 4:
            return data[:at] + bytes([chance.randrange(256)]) + data[at + 1 :]
        case 5:
            other = chance.choice(SOUND)
            return data[:at] + other[chance.randrange(len(other)) :]
        case _:
            number = chance.choice([b"0", b"1", b"99999", b"4294967296", b"18446744073709551616", b"0" * 50 + b"5"])
            return re.sub(rb"\d+", number, data, count=chance.randint(1, 4))


def case(number: int) -> tuple[bytes, list[bytes], bool]:
    """The bytes of a case, the pieces they are sent in, and whether the caller vanishes instead of reading."""
    chance = random.Random(number)
    data = b"".join(chance.choices(SOUND, k=chance.choice([1, 1, 2, 3, 8])))
    for _ in range(chance.choice([0, 1, 1, 1, 2, 4])):
        data = mutate(data, chance)
    cuts = sorted(chance.choices(range(len(data) + 1), k=chance.choice([0, 0, 1, 3, 20])))
    pieces = [data[a:b] for a, b in zip([0, *cuts], [*cuts, len(data)], strict=True)]
    return data, pieces, chance.random() < 0.1


def vanish(server: ServerProcess, pieces: list[bytes]) -> None:
    """Send and reset."""
    with server.connect() as connection, suppress(OSError):
        for piece in pieces:
            connection.sendall(piece)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def files(server: ServerProcess) -> int:
    return len(list(Path(f"/proc/{server.process.pid}/fd").iterdir()))


def memory(server: ServerProcess) -> int:
    """Resident memory in kB."""
    text = Path(f"/proc/{server.process.pid}/status").read_text()
    return int(re.findall(r"VmRSS:\s+(\d+)", text)[0])


@pytest.fixture(scope="module", params=PACKAGES)
def servers(request: pytest.FixtureRequest) -> Iterator[list[ServerProcess]]:
    """The same package on both transports."""
    with short_folder() as path, ExitStack() as stack:
        package = PACKAGES[request.param](path / "model")
        pair = [
            stack.enter_context(running(package, HEADGATE_BIND=f"unix:{path}/{name}.sock", HEADGATE_TRANSPORT=name))
            for name in ("native", "asgi")
        ]
        for server in pair * (FEW if request.param == "turn" else 0):
            stack.enter_context(server.connect())
        yield pair


def fuzz(servers: list[ServerProcess], numbers: range) -> None:
    """Run cases; afterwards the servers must be as they were."""
    for server in servers:
        assert statuses(exchange(server, [post(), LAST])) == [200, 200]
    sizes = [(files(server), memory(server)) for server in servers]
    for number in numbers:
        data, pieces, vanishes = case(number)
        if vanishes:
            for server in servers:
                vanish(server, pieces)
            continue
        native, reference = (statuses(exchange(server, pieces, half_close=True)) for server in servers)
        assert set(native) | set(reference) <= ANSWERS, (number, data)
        assert native == reference, (number, data)
    for server, (open_files, resident) in zip(servers, sizes, strict=True):
        assert statuses(exchange(server, [post(), LAST])) == [200, 200]
        assert files(server) <= open_files + 3
        assert memory(server) < resident + 20_000
        assert not [line for line in server.lines if '"error"' in line]


@pytest.mark.slow
def test_hostile_bytes(servers: list[ServerProcess]) -> None:
    fuzz(servers, range(2_000))


@pytest.mark.proof
@pytest.mark.timeout(300)
def test_many_hostile_bytes(servers: list[ServerProcess]) -> None:
    fuzz(servers, range(10_000, 50_000))
