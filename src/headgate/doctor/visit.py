"""One running server and what the checks need to speak to it."""

import time
from dataclasses import dataclass

from headgate.doctor.limits import Limits
from headgate.doctor.sample import Sample
from headgate.doctor.server import Server
from headgate.doctor.wire import Connection, NoAnswer, Reply, ask, request

INVOCATIONS = "/invocations"
_PAUSE = 0.02


@dataclass(frozen=True, slots=True)
class Start:
    """How the server came up. `seconds`: until the first 200 of /ping, None where none came.

    `before`: the statuses /ping answered before that; `first`: what the first invocation, sent at once after that 200,
    got: an answer, the words for none, or None where no sample was to be had.
    """

    seconds: float | None
    before: tuple[int, ...] = ()
    first: Reply | str | None = None


@dataclass(frozen=True, slots=True)
class Visit:
    """A server that answers /ping with 200, and a request that it should answer."""

    server: Server
    start: Start
    sample: Sample | None
    limits: Limits

    def connect(self, timeout: float | None = None) -> Connection:
        """A new connection. Raises NoAnswer."""
        return Connection(self.server.port, timeout or self.limits.silence)

    def get(self, path: str, timeout: float | None = None) -> Reply:
        """GET on a connection of its own. Raises NoAnswer."""
        return ask(self.server.port, request("GET", path), timeout or self.limits.silence)

    def invoke(self, body: bytes, content_type: str = "", **headers: str) -> Reply:
        """POST /invocations on a connection of its own. Raises NoAnswer."""
        return ask(self.server.port, invocation(body, content_type, **headers), self.limits.answer)

    @property
    def any_request(self) -> bytes:
        """The bytes of a valid invocation where a sample is known, of one that must at least be refused otherwise."""
        return invocation(self.sample.body, self.sample.content_type) if self.sample else invocation(b"{}")

    def answered(self, reply: Reply) -> bool:
        """Whether `any_request` was answered as it should be."""
        return reply.status == 200 if self.sample else reply.status < 500


def invocation(body: bytes, content_type: str = "", **headers: str) -> bytes:
    """The bytes of POST /invocations."""
    return request("POST", INVOCATIONS, body, content_type=content_type or "application/json", **headers)


def begin(server: Server, sample: Sample | None, limits: Limits) -> Start:
    """Ask /ping until it says 200, then invoke at once; or until the process ends or the time is over."""
    before: list[int] = []
    while server.exit_code is None and (elapsed := time.perf_counter() - server.began) < limits.start:
        try:
            status = ask(server.port, request("GET", "/ping"), min(limits.silence, limits.start - elapsed)).status
        except NoAnswer:
            time.sleep(_PAUSE)
            continue
        if status == 200:
            return Start(time.perf_counter() - server.began, tuple(before), _first(server, sample, limits))
        before.append(status)
        time.sleep(_PAUSE)
    return Start(None, tuple(before))


def _first(server: Server, sample: Sample | None, limits: Limits) -> Reply | str | None:
    if sample is None:
        return None
    try:
        return ask(server.port, invocation(sample.body, sample.content_type), limits.answer)
    except NoAnswer as error:
        return str(error)
