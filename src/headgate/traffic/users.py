"""The virtual users: `python -m headgate.traffic.users`, a process of its own.

Locust replaces parts of the standard library as soon as it is imported; hence the process. What is said:

    standard input    one line, the terms as JSON (they hold a key, which no list of processes may show); then nothing.
                      Its end means: stop now, and say what was measured. So the users end with whoever started them.
    standard output   one JSON line for each second, then the end

A request belongs to the second in which it ended. A POST is never sent twice. After the time is over no user begins
anew, and what is under way is waited for.
"""

import json
import sys
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from headgate.core.headers import INVOKED_VARIANT
from headgate.traffic.terms import Terms

if TYPE_CHECKING:
    from locust import FastHttpUser

CONNECT_SECONDS = 5.0
ANSWER_SECONDS = 65.0
"""As long as a client of AWS's runtime API waits; the gateway gives up after 60."""
GOLDEN = 0.618
"""Multiples of it, without their whole part, are spread evenly however many there are."""
SAID = 300
"""How much of a failure's text is kept."""


class Tally:
    """What ended since the last second was told."""

    def __init__(self) -> None:
        self._latencies: list[int] = []
        self._failures: Counter[str] = Counter()
        self._said: dict[str, str] = {}
        self._variants: Counter[str] = Counter()

    def note(self, *, response_time: float, response: Any, exception: BaseException | None, **_: Any) -> None:
        """One request has ended. Locust gives milliseconds; microseconds are kept."""
        status = int(response.status_code or 0)
        headers = response.headers or {}
        if variant := headers.get(INVOKED_VARIANT):
            self._variants[str(variant)[:63]] += 1
        if 200 <= status < 300 and exception is None:
            self._latencies.append(round(response_time * 1000))
            return
        kind = f"{status} {headers.get('x-amzn-errortype', '')}".strip()[:80] if status else failure_kind(exception)
        self._fail(kind, response.text if status else exception)

    def note_error(self, *, exception: BaseException, **_: Any) -> None:
        """One request ended in a way that Locust does not know."""
        self._fail(failure_kind(exception), exception)

    def _fail(self, kind: str, said: object) -> None:
        self._failures[kind] += 1
        if kind not in self._said:
            self._said[kind] = failure_text(str(said or ""))[:SAID]

    def take(self) -> dict[str, Any]:
        """What was noted, once."""
        told: dict[str, Any] = {"latencies": self._latencies, "variants": self._variants}
        told |= {"failures": self._failures, "said": self._said}
        self._latencies, self._failures, self._said, self._variants = [], Counter(), {}, Counter()
        return told


def failure_kind(exception: BaseException | None) -> str:
    """What became of a request that nobody answered."""
    name = type(exception).__name__
    if isinstance(exception, TimeoutError) or "timeout" in name.lower():
        return "timed out"
    if isinstance(exception, ConnectionRefusedError):
        return "connection refused"
    return "connection lost" if isinstance(exception, ConnectionError) or "Closed" in name else name


def failure_text(body: str) -> str:
    """What a gateway, and behind it a model server, says in words; of any other answer the text as it is."""
    for path in (("OriginalMessage",), ("Message",), ("message",), ("error", "message")):
        try:
            found = json.loads(body)
            for key in path:
                found = found[key]
        except (ValueError, KeyError, TypeError):
            continue
        body = str(found)
    return body


@dataclass
class Gate:
    """Shut when the time is over: who is inside is waited for, and nobody goes in."""

    shut: bool = False
    inside: int = 0


def user_class(terms: Terms, gate: Gate) -> "type[FastHttpUser]":
    """Locust's name for how one of the users behaves."""
    import ssl  # after Locust's import has replaced it

    from locust import FastHttpUser, constant_pacing, task

    headers = {"content-type": "application/json", "accept-encoding": "identity"}
    if terms.api_key:
        headers["x-api-key"] = terms.api_key
    pace = terms.users / terms.rate
    bodies = [row.encode() for row in terms.rows]
    trusted = cache(ssl.create_default_context)  # once for all: reading all authorities takes longer than a request

    class Caller(FastHttpUser):
        """One virtual user."""

        host = terms.url
        wait_time = constant_pacing(pace)
        insecure = False  # Locust's default does not look at certificates
        ssl_context_factory = staticmethod(trusted)
        connection_timeout = CONNECT_SECONDS
        network_timeout = ANSWER_SECONDS
        made = 0

        def __init__(self, environment: Any) -> None:
            super().__init__(environment)
            self.row = Caller.made
            Caller.made += 1
            self.sent = {**headers, "x-user-id": f"load-{Caller.made}"}

        def on_start(self) -> None:
            """Locust brings users in together, once a second; in step they would wait for one another."""
            time.sleep(min(pace, 1.0) * (self.row * GOLDEN % 1.0))

        @task
        def ask(self) -> None:
            """Send the next row."""
            if gate.shut:
                return
            body = bodies[self.row % len(bodies)]
            self.row += 1
            gate.inside += 1
            try:
                self.client.post(terms.url, data=body, headers=self.sent, allow_redirects=False)  # type: ignore[arg-type]
            finally:
                gate.inside -= 1

    return Caller


def work(terms: Terms, tell: Callable[[dict[str, Any]], None], ended: Callable[[], None]) -> None:
    """Let the users ask until the time is over or `ended` returns, and tell every second."""
    import gevent
    from locust.env import Environment
    from locust.event import Events

    tally, events = Tally(), Events()  # type: ignore[no-untyped-call]
    events.request.add_listener(tally.note)  # type: ignore[no-untyped-call]
    events.user_error.add_listener(tally.note_error)  # type: ignore[no-untyped-call]
    gate = Gate()
    environment = Environment(user_classes=[user_class(terms, gate)], events=events)
    runner = environment.create_local_runner()
    stopped = gevent.spawn(ended)
    _warm_up(terms.url)
    began = time.monotonic()
    tell({"began": time.time()})
    runner.start(terms.users, spawn_rate=terms.users / max(terms.ramp, 1.0))
    second = 0
    while not stopped.ready() and second < terms.seconds:
        second += 1
        stopped.join(timeout=max(0.0, began + min(second, terms.seconds) - time.monotonic()))
        tell({"at": time.monotonic() - began, "users": runner.user_count, **tally.take()})
    gate.shut = True  # Locust's own way to stop holds everybody up, and what is under way would be told as slow
    while gate.inside and time.monotonic() - began < second + ANSWER_SECONDS + CONNECT_SECONDS:
        gevent.sleep(0.002)
    tell({"at": time.monotonic() - began, "users": 0, **tally.take()})
    tell({"ended": time.time()})
    runner.quit()


def _warm_up(url: str) -> None:
    """Ask for the address once: the first time takes this process much longer, and would be the server's fault."""
    import socket

    parts = urlsplit(url)
    with suppress(OSError):  # who cannot be found is counted as a failure, request by request
        socket.getaddrinfo(parts.hostname, parts.port or parts.scheme)


def main() -> None:
    """Read the terms, work, tell."""
    terms = Terms.from_json(json.loads(sys.stdin.buffer.readline()))
    import locust  # noqa: F401 - replaces the standard library's sockets, before anything opens one
    from gevent.os import make_nonblocking, nb_read

    def ended() -> None:
        make_nonblocking(0)
        while nb_read(0, 1024):
            pass

    def tell(document: dict[str, Any]) -> None:
        sys.stdout.write(json.dumps(document) + "\n")
        sys.stdout.flush()

    work(terms, tell, ended)


if __name__ == "__main__":
    main()
