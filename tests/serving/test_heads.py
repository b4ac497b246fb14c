"""A head is known only where parsing it again could tell nothing else."""

import pytest

from headgate.serving.transport.heads import LONGEST, MOST, Heads

FIELDS = {b"host": b"m", b"content-length": b"2"}


def request(*lines: bytes, body: bytes = b"[]") -> bytes:
    return b"\r\n".join([b"POST /invocations HTTP/1.1", *lines, b"", body])


def learn(heads: Heads, read: bytes, fields: dict[bytes, bytes] | None = None, length: int = 2) -> bool:
    return heads.learn(read, b"POST", b"/invocations", FIELDS if fields is None else fields, length)


def test_a_whole_request_is_known_by_the_bytes_of_its_head() -> None:
    heads = Heads()
    assert learn(heads, request(b"content-length: 2"))
    (head,) = heads.known
    assert head == request(b"content-length: 2", body=b"")
    assert heads.known[head] == (b"POST", b"/invocations", FIELDS, 2)


@pytest.mark.parametrize(
    "read",
    [request(body=b"["), request(body=b"[]\r\n"), request() + request(), b"\r\n\r\n" + request(), b"", b"\r\n\r\n[]["],
)
def test_what_is_not_exactly_one_request_is_not(read: bytes) -> None:
    heads = Heads()
    assert not learn(heads, read)
    assert heads.known == {}


@pytest.mark.parametrize("name", [b"expect", b"upgrade", b"connection", b"x-request-id", b"traceparent"])
def test_heads_that_ask_for_more_or_never_come_again_are_not_kept(name: bytes) -> None:
    heads = Heads()
    assert learn(heads, request(), {**FIELDS, name: b"x"})
    assert heads.known == {}


def test_chunks_are_the_parser_s() -> None:
    assert not learn(Heads(), request(), {b"transfer-encoding": b"chunked"})


def test_memory_is_bounded() -> None:
    heads = Heads()
    assert learn(heads, request(b"x: " + b"y" * LONGEST))
    assert heads.known == {}
    for number in range(MOST + 1):
        learn(heads, request(b"x: %d" % number))
    assert len(heads.known) == 1


def test_user_code_cannot_change_what_others_are_told() -> None:
    heads = Heads()
    fields = dict(FIELDS)
    learn(heads, request(), fields)
    fields[b"host"] = b"changed"
    (head,) = heads.known.values()
    assert head.fields[b"host"] == b"m"
    with pytest.raises(TypeError):
        head.fields[b"host"] = b"changed"  # type: ignore[index]
