"""Does it come up in time, say so truthfully, and stay reachable while it works?"""

import select
import socket
import time
from ipaddress import ip_address

from headgate.doctor.check import Check, Finding, failed, ok, skipped, warning
from headgate.doctor.visit import Visit, invocation
from headgate.doctor.wire import HOST, NoAnswer, Reply

BURST = 32
"""Connections at once. SageMaker's front opens more than one."""
LARGE = 2_000_000


def look_at_cold_start(visit: Visit) -> Finding:
    """The time to the first 200."""
    seconds = visit.start.seconds
    assert seconds is not None  # else nothing but this could be told
    seen = f"{seconds * 1000:,.0f} ms to the first 200 of /ping"
    if seconds > visit.limits.start_serverless:
        return warning(f"{seen}: too slow for a serverless endpoint ({visit.limits.start_serverless:g} s)")
    return ok(seen)


def look_at_readiness(visit: Visit) -> Finding:
    """Whether the first 200 of /ping was true."""
    match visit.start.first:
        case None:
            return skipped("no valid request is known")
        case Reply(status=200):
            before = f" (before it said {visit.start.before[-1]})" if visit.start.before else ""
            return ok(f"the first invocation after the first 200 was answered{before}")
        case first:
            later = visit.invoke(visit.sample.body, visit.sample.content_type).status if visit.sample else 0
            if later != 200:
                return skipped("the sample is not answered later either; see `sample`")
            return failed(f"/ping said 200, but the first invocation got: {first}")


def look_at_ping(visit: Visit) -> Finding:
    """Time and body of an answer."""
    reply = visit.get("/ping", visit.limits.ping)
    if reply.status != 200:
        return failed(f"/ping answered {reply}")
    seen = f"200 in {reply.seconds * 1000:.1f} ms"
    if reply.body:
        return warning(f"{seen}, with a body of {len(reply.body)} bytes", "Answer with an empty body.")
    return ok(f"{seen}, empty body")


def look_at_ping_while_invoked(visit: Visit) -> Finding:
    """Ping while another request is on its way in, and while a large one is computed."""
    data, times = visit.any_request, []
    with visit.connect() as half:
        half.send(data[:-1])
        times.append(_ping(visit, "while a request was still being received"))
        half.send(data[-1:])
        if not visit.answered(reply := half.reply()):
            return failed(f"the request that had been waiting got {reply}")
    if visit.sample and visit.sample.row:
        with visit.connect(visit.limits.answer) as large:
            large.send(invocation(visit.sample.many(LARGE)))
            times.append(_ping(visit, "while a large request was computed"))
            large.reply()
    return ok(f"answered within {max(times) * 1000:.0f} ms beside other requests")


def _ping(visit: Visit, when: str) -> float:
    try:
        return visit.get("/ping", visit.limits.ping).seconds
    except NoAnswer as error:
        raise NoAnswer(f"{error} to /ping {when}") from None


def look_at_connecting(visit: Visit) -> Finding:
    """Many connections at once: each must be taken in time, whatever the others do."""
    began = time.perf_counter()
    waiting = [socket.socket() for _ in range(BURST)]
    try:
        for connection in waiting:
            connection.setblocking(False)
            connection.connect_ex((HOST, visit.server.port))
        pending = list(waiting)
        while pending and (left := began + visit.limits.connect - time.perf_counter()) > 0:
            _, connected, _ = select.select([], pending, [], left)
            pending = [connection for connection in pending if connection not in connected]
        took = time.perf_counter() - began
        refused = [c for c in waiting if c not in pending and c.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)]
    finally:
        for connection in waiting:
            connection.close()
    if pending or refused:
        return failed(f"{len(pending) + len(refused)} of {BURST} connections were not taken")
    return ok(f"{BURST} connections at once within {took * 1000:.0f} ms")


def look_at_binding(visit: Visit) -> Finding:
    """Which addresses the port is open on."""
    hosts = [host for host, port in visit.server.addresses() if port == visit.server.port]
    if not hosts:
        return skipped("this system does not tell who listens where")
    seen = f"listens on {', '.join(f'{host}:{visit.server.port}' for host in hosts)}"
    only_loopback = all(ip_address(host).is_loopback for host in hosts)
    if visit.server.foreign and only_loopback:
        return warning(seen, "Nothing outside a container reaches its loopback: there it must bind to 0.0.0.0.")
    if not visit.server.foreign and not only_loopback:
        return failed(seen, "Without HEADGATE_BIND the server must stay on this machine.")
    return ok(seen)


CHECKS: tuple[Check[Visit], ...] = (
    Check(
        "cold-start",
        "200 from GET /ping on $SAGEMAKER_BIND_TO_PORT within 4 minutes of `serve` (serverless: 3)",
        "SageMaker",
        "Load less before the first answer: a smaller image, fewer imports, ONNX instead of a pickle.",
        look_at_cold_start,
    ),
    Check(
        "ping-ready",
        "/ping says 200 only when the model is loaded: from then on callers are sent",
        "SageMaker",
        "Answer /ping with 503, or do not listen yet, until the model has made one prediction.",
        look_at_readiness,
    ),
    Check(
        "ping",
        "200 with an empty body within 2 s",
        "SageMaker",
        "Answer from memory: no model call, no disk, no network. A slow /ping gets the instance replaced.",
        look_at_ping,
    ),
    Check(
        "ping-alive",
        "/ping is answered within 2 s also while invocations run",
        "SageMaker",
        "Give predictions a thread or process of their own: gunicorn --threads 4, an executor in async servers.",
        look_at_ping_while_invoked,
    ),
    Check(
        "connect",
        "a connection is taken within 250 ms",
        "SageMaker",
        "Raise the listen backlog (gunicorn --backlog 2048, request_queue_size) and do not block the accepting thread.",
        look_at_connecting,
    ),
    Check(
        "bind",
        "on this machine only loopback, in a container every address",
        "Headgate",
        "Bind to the address that you mean.",
        look_at_binding,
    ),
)
