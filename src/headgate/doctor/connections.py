"""HTTP/1.1 itself: connections that stay, bodies in pieces, bodies that are too large.

SageMaker's front keeps connections open and passes bodies of up to 6 MiB. A reset in its face is a 5xx for the caller.
"""

from headgate.doctor.check import Check, Finding, failed, ok, warning
from headgate.doctor.limits import MAX_BODY, MEBIBYTE
from headgate.doctor.visit import Visit, invocation
from headgate.doctor.wire import NoAnswer, request

CONTINUE_SECONDS = 1.0
"""How long clients wait for `100 Continue` before they send the body all the same."""
NOTICE_SECONDS = 0.3
"""How long a server may take to notice that a caller has left."""


def look_at_keep_alive(visit: Visit) -> Finding:
    """Two requests, one after the other, on one connection."""
    with visit.connect() as connection:
        for number in (1, 2):
            try:
                connection.send(visit.any_request)
                reply = connection.reply()
            except NoAnswer as error:
                return failed(f"first request: {error}") if number == 1 else warning(f"second request: {error}")
            if not visit.answered(reply):
                return failed(f"request {number} got {reply}")
            if number == 1 and reply.headers.get("connection", "").lower() == "close":
                return warning("closed after each answer")
    return ok("two requests on one connection")


def look_at_pipelining(visit: Visit) -> Finding:
    """Two requests in one packet."""
    with visit.connect() as connection:
        connection.send(visit.any_request + request("GET", "/ping"))
        first = connection.reply()
        if not visit.answered(first):
            return failed(f"the first of two got {first}")
        try:
            second = connection.reply("GET")
        except NoAnswer as error:
            return warning(f"the second of two requests in one packet: {error}")
    return ok("both answered, in order") if second.status == 200 else failed(f"the second of two got {second}")


def look_at_chunks(visit: Visit) -> Finding:
    """A body in chunks, without a length."""
    sample = visit.sample
    body, media = (sample.body, sample.content_type) if sample else (b"{}", "application/json")
    middle = len(body) // 2
    chunks = b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in (body[:middle], body[middle:]) if part)
    reply = visit.invoke(chunks + b"0\r\n\r\n", media, transfer_encoding="chunked")
    if reply.status in (411, 501):
        return warning(f"refused: {reply}")
    return ok(f"{reply.status}") if visit.answered(reply) else failed(f"got {reply}")


def look_at_expect(visit: Visit) -> Finding:
    """A client that asks before it sends."""
    data = visit.any_request
    head, _, body = data.partition(b"\r\n\r\n")
    with visit.connect() as connection:
        connection.send(head + b"\r\nExpect: 100-continue\r\n\r\n")
        told = connection.told_to_continue(CONTINUE_SECONDS)
        connection.send(body)
        reply = connection.reply()
    if not visit.answered(reply) and reply.status != 417:
        return failed(f"got {reply}")
    return ok("100 Continue at once") if told else warning("no 100 Continue; clients lose a second")


def look_at_large(visit: Visit) -> Finding:
    """A body just below the limit: a valid request, and white space."""
    sizes = (4 * MEBIBYTE, MAX_BODY - 1)
    statuses = []
    for size in sizes:
        reply = visit.invoke(_padded(visit, size))
        if reply.status >= 500:
            return failed(f"{size:,} bytes got {reply}")
        statuses.append(f"{size:,} bytes {reply.status}")
    return ok(f"{', '.join(statuses)} (serverless endpoints pass 4 MiB)")


def look_at_too_large(visit: Visit) -> Finding:
    """A body above the limit."""
    reply = visit.invoke(_padded(visit, MAX_BODY + 1))
    if reply.status == 413:
        return ok("413")
    if reply.status >= 500:
        return failed(f"got {reply}")
    return warning(f"got {reply.status} instead of 413; SageMaker stops such a body, nothing else does")


def _padded(visit: Visit, size: int) -> bytes:
    json = visit.sample is not None and visit.sample.content_type == "application/json"
    return (visit.sample.body if visit.sample and json else b"{}").ljust(size)


def look_at_leaving_callers(visit: Visit) -> Finding:
    """A caller that goes away in the middle must not take the server with it."""
    for part in (b"POST ", invocation(b"{" * 1000)[:-500]):
        with visit.connect() as connection:
            connection.send(part)
    if (code := visit.server.wait(NOTICE_SECONDS)) is not None:
        return failed(f"the server ended with exit code {code}: {visit.server.last_words()}")
    reply = visit.get("/ping", visit.limits.ping)
    return ok("the next caller is answered") if reply.status == 200 else failed(f"/ping then got {reply}")


def look_at_garbage(visit: Visit) -> Finding:
    """Bytes that are not HTTP."""
    with visit.connect() as connection:
        connection.send(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n")
        try:
            reply = connection.reply()
        except NoAnswer as error:
            if "within" in str(error):
                return warning(f"{error}: the connection stays open")
            return ok("the connection is closed")
    return ok(f"{reply.status}") if 400 <= reply.status < 500 else failed(f"got {reply}")


CHECKS: tuple[Check[Visit], ...] = (
    Check(
        "keep-alive",
        "a connection serves more than one request",
        "SageMaker",
        "Speak HTTP/1.1 and give every answer a Content-Length; a new connection for each request costs latency.",
        look_at_keep_alive,
    ),
    Check(
        "pipelining", "two requests in one packet get two answers", "HTTP",
        "Read exactly Content-Length bytes of a body; what follows is the next request.", look_at_pipelining,
    ),
    Check(
        "chunked", "a body in chunks is read, or refused with 411", "HTTP",
        "Let a server read the body (gunicorn, uvicorn, waitress), or answer 411.", look_at_chunks,
    ),
    Check(
        "expect-continue", "`Expect: 100-continue` is answered at once", "HTTP",
        "Send `HTTP/1.1 100 Continue` before reading the body; HTTP/1.1 servers do it by themselves.", look_at_expect,
    ),
    Check(
        "payload", "bodies of up to 6 MiB are read, or cleanly refused", "SageMaker",
        "Raise the server's own limit to 6 MiB (nginx: client_max_body_size 6m).", look_at_large, slow=True,
    ),
    Check(
        "payload-limit", "413 above the limit, and no reset: the caller must see the reason", "HTTP",
        "Read on and throw away, then answer 413. Closing at once resets the connection.", look_at_too_large, slow=True,
    ),
    Check(
        "hang-up", "a caller that leaves in the middle harms nobody", "HTTP",
        "Catch the broken connection where a request is read.", look_at_leaving_callers,
    ),
    Check("garbage", "400 or a closed connection for what is not HTTP", "HTTP", "Use an HTTP server.", look_at_garbage),
)  # fmt: skip
