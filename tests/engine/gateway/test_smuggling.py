"""Requests that mean to be read in two ways, or to reach another place than they name."""

import json
import re
import socket
from collections.abc import Callable
from contextlib import suppress

import pytest

from tests.engine.gateway.conftest import Rig, split

pytestmark = pytest.mark.slow

IRIS = "/endpoints/iris/invocations"


@pytest.fixture(scope="module")
def rig(make_module_rig: Callable[..., Rig]) -> Rig:
    rig = make_module_rig()
    rig.start()
    rig.cluster("stable")
    rig.gateway.set_routes(split(("stable", 1)))
    return rig


def answers(rig: Rig, raw: str) -> tuple[list[int], bytes]:
    """The statuses of all answers to these bytes, and everything that was answered."""
    with socket.create_connection(("127.0.0.1", rig.port), timeout=10) as caller:
        caller.sendall(raw.encode("latin-1"))
        said = caller.recv(65_536)
        caller.settimeout(0.3)  # a second answer would follow at once
        with suppress(TimeoutError):
            while chunk := caller.recv(65_536):
                said += chunk
    return [int(status) for status in re.findall(rb"HTTP/1\.1 (\d{3})", said)], said


def post(path: str = IRIS, head: str = "content-length: 2\r\n", body: str = "{}", host: str = "localhost") -> str:
    return f"POST {path} HTTP/1.1\r\nhost: {host}\r\n{head}\r\n{body}"


def test_a_plain_request_is_answered(rig: Rig) -> None:
    assert answers(rig, post())[0] == [200]


@pytest.mark.parametrize(
    "head",
    [
        "content-length: 2\r\ntransfer-encoding: chunked\r\n",
        "transfer-encoding: chunked\r\ncontent-length: 2\r\n",
        "transfer-encoding: xchunked\r\n",
        "transfer-encoding: chunked, identity\r\n",
        "transfer-encoding : chunked\r\n",
        "content-length: 2\r\ncontent-length: 40\r\n",
        "content-length: +2\r\n",
        "content-length: 0x2\r\n",
        "content-length: 2, 40\r\n",
        "content-length: 2\r\nx-nul: a\0b\r\n",
        "content-length: 2\r\nbad name: a\r\n",
    ],
)
def test_a_body_of_two_lengths_reaches_nobody_twice(rig: Rig, head: str) -> None:
    hidden = f"POST {IRIS} HTTP/1.1\r\nhost: localhost\r\nx-hidden: yes\r\ncontent-length: 2\r\n\r\n{{}}"
    statuses, said = answers(rig, post(head=head, body="0\r\n\r\n" + hidden))
    assert b"x-hidden" not in said or len(statuses) == 1
    assert statuses in ([400], [424])


def test_a_folded_header_is_no_header_of_its_own(rig: Rig) -> None:
    assert answers(rig, post(head="content-length: 2\r\nx-folded: a\r\n transfer-encoding: chunked\r\n"))[0] == [200]


def test_of_two_hosts_none_is_believed(rig: Rig) -> None:
    assert answers(rig, post(head="content-length: 2\r\nhost: evil.example\r\n"))[0] == [403]


@pytest.mark.parametrize(
    "path",
    [
        "/endpoints/../../etc/passwd",
        "/endpoints/iris/../../admin",
        "/endpoints/%2e%2e/iris/invocations",
        "/endpoints/iris%2finvocations",
        "/endpoints%2firis/invocations",
        "/endpoints/iris%00/invocations",
        "/endpoints/ir%69s%0d%0ax-a:b/invocations",
        "/endpoints/iris/invocations/..",
        "/endpoints/iris/invocations%3fa",
        "/stats",
        "/quitquitquit",
        "*",
    ],
)
def test_a_crooked_path_reaches_no_model(rig: Rig, path: str) -> None:
    statuses, said = answers(rig, post(path))
    assert statuses in ([400], [404]), said
    assert b"server" not in said.partition(b"\r\n\r\n")[2] or b"stable" not in said


@pytest.mark.parametrize("path", ["//endpoints/iris/invocations", "/a/../endpoints/iris/invocations"])
def test_a_detour_is_the_same_path(rig: Rig, path: str) -> None:
    statuses, said = answers(rig, post(path))
    assert statuses == [200]
    assert json.loads(said.partition(b"\r\n\r\n")[2])["path"] == "/invocations"


def test_an_absolute_address_is_its_own_host(rig: Rig) -> None:
    assert answers(rig, post(f"http://localhost{IRIS}"))[0] == [200]
    assert answers(rig, post(f"http://evil.example{IRIS}"))[0] == [403]
    assert answers(rig, post(f"http://evil.example{IRIS}", host="127.0.0.1"))[0] == [403]


@pytest.mark.parametrize("protocol", ["h2c", "websocket", "TLS/1.0"])
def test_no_other_protocol_is_spoken(rig: Rig, protocol: str) -> None:
    head = f"connection: Upgrade, HTTP2-Settings\r\nupgrade: {protocol}\r\nhttp2-settings: AAMAAABkAAQ\r\n"
    statuses, _ = answers(rig, post(head=f"{head}content-length: 2\r\n"))
    assert statuses in ([200], [403])
    assert 101 not in statuses
    assert answers(rig, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")[0] in ([400], [426], [505])


def test_headers_of_ours_are_not_believed(rig: Rig) -> None:
    head = "x-headgate-gateway-reply: 1\r\nx-envoy-upstream-rq-timeout-ms: 1\r\nx-envoy-retry-on: 5xx\r\n"
    sent = post(head=f"{head}x-test: status=500\r\ncontent-length: 2\r\n")
    assert answers(rig, sent)[0] == [424]
    assert answers(rig, post(head=f"x-forwarded-host: evil.example\r\n{head}content-length: 2\r\n"))[0] == [200]


def test_a_head_that_is_too_large_or_never_ends_is_refused(rig: Rig) -> None:
    assert answers(rig, post(head=f"x-a: {'a' * 40_000}\r\ncontent-length: 2\r\n"))[0] == [431]
    many = "".join(f"x-{i}: a\r\n" for i in range(200))
    assert answers(rig, post(head=f"{many}content-length: 2\r\n"))[0] == [431]
    with socket.create_connection(("127.0.0.1", rig.port), timeout=20) as slow:
        slow.sendall(f"POST {IRIS} HTTP/1.1\r\nhost: loc".encode())
        assert slow.recv(100).startswith(b"HTTP/1.1 408") or slow.recv(1) == b""
