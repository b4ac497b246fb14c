"""Calls to the gateway: one at a time, and steady load from many connections kept alive."""

import asyncio
import http.client
import json
import threading
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from typing import Any, Self

from tests.engine.gateway.conftest import until


@dataclass(frozen=True)
class Answer:
    """Header names are in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> dict[str, Any]:
        found = json.loads(self.body)
        assert isinstance(found, dict)
        return found


def call(
    port: int,
    path: str = "/endpoints/iris/invocations",
    body: str | bytes | Iterator[bytes] = b"1,2",
    *,
    method: str = "POST",
    **headers: str,
) -> Answer:
    """One request. Underscores in header names stand for dashes."""
    with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=30)) as connection:
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        connection.request(method, path, body, sent, encode_chunked="transfer-encoding" in sent)
        answer = connection.getresponse()
        return Answer(answer.status, {k.lower(): v for k, v in answer.getheaders()}, answer.read())


@dataclass
class Load:
    """Steady load; `variants` counts the good answers, `failures` says when (monotonic) and how others failed."""

    port: int
    connections: int = 8
    pause: float = 0.0
    headers: str = ""
    body: bytes = b"1,2"
    variants: Counter[str] = field(default_factory=Counter)
    failures: list[tuple[float, str]] = field(default_factory=list)
    slowest: float = 0.0

    @contextmanager
    def running(self, *, answering: bool = True) -> Iterator[Self]:
        """Load to the end of the block, which begins with the first answer; every request is waited for."""
        self._stopped = False
        thread = threading.Thread(target=lambda: asyncio.run(self._run()))
        thread.start()
        try:
            if answering:
                until(lambda: self.answers > 0 or bool(self.failures))
            yield self
        finally:
            self._stopped = True
            thread.join(90)

    @property
    def answers(self) -> int:
        return sum(self.variants.values())

    def wait_for(self, more: int) -> None:
        """Until that many more requests were answered."""
        target = self.answers + more
        until(lambda: self.answers >= target, 30.0)

    async def _run(self) -> None:
        await asyncio.gather(*(self._caller(i) for i in range(self.connections)))

    async def _caller(self, _number: int) -> None:
        head = f"POST /endpoints/iris/invocations HTTP/1.1\r\nhost: localhost\r\n{self.headers}"
        request = f"{head}content-length: {len(self.body)}\r\n\r\n".encode() + self.body
        while not self._stopped:
            try:
                reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
            except OSError as error:
                self.failures.append((time.monotonic(), repr(error)))
                await asyncio.sleep(0.005)
                continue
            try:
                await self._converse(request, reader, writer)
            except (OSError, asyncio.IncompleteReadError) as error:
                self.failures.append((time.monotonic(), repr(error)))
            finally:
                writer.close()

    async def _converse(self, request: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Request after request on one connection, until the gateway asks to close it."""
        open_ = True
        while open_ and not self._stopped:
            began = time.monotonic()
            writer.write(request)
            status, headers, content = await _read(reader)
            open_ = headers.get("connection") != "close"
            self.slowest = max(self.slowest, time.monotonic() - began)
            if status == 200:
                self.variants[headers["x-amzn-invoked-production-variant"]] += 1
            else:
                self.failures.append((time.monotonic(), f"{status} {content.decode()}"))
            await asyncio.sleep(self.pause)


async def _read(reader: asyncio.StreamReader) -> tuple[int, dict[str, str], bytes]:
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    first, *lines = head.rstrip().split("\r\n")
    headers = dict(line.lower().split(": ", 1) for line in lines)
    body = await reader.readexactly(int(headers["content-length"]))
    return int(first.split(" ")[1]), headers, body
