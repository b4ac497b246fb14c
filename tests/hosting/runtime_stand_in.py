"""SageMaker's runtime API as far as an engine does not go: throttled, forbidden, failing, silent."""

import json
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass(frozen=True)
class Said:
    """What it answers: `status` 0 breaks the connection, a negative one says nothing at all."""

    status: int = 200
    code: str = ""
    body: Any = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Heard:
    """A request that came."""

    path: str
    headers: Mapping[str, str]
    body: bytes


class RuntimeStandIn:
    """Answers every request with `says`, and keeps what it `heard`."""

    def __init__(self) -> None:
        self.says = Said()
        self.heard: list[Heard] = []
        self._over = threading.Event()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,))
        self._thread.start()

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def close(self) -> None:
        """Stop listening."""
        self._over.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        api = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                headers = {name.lower(): value for name, value in self.headers.items()}
                api.heard.append(Heard(self.path, headers, body))
                said = api.says
                if said.status < 0:
                    api._over.wait(30)
                if said.status <= 0:
                    return
                content = said.body if isinstance(said.body, bytes) else json.dumps(said.body).encode()
                self.send_response(said.status)
                more = {"x-amzn-errortype": said.code} if said.code else {}
                for name, value in {"Content-Length": str(len(content)), **more, **said.headers}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, format: str, *args: object) -> None:
                """Nothing."""

        return Handler
