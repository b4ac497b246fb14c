"""A stand-in for Lambda's Runtime API, and the real runtime client in a process beside it."""

import json
import os
import queue
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import count
from pathlib import Path
from typing import Any

DEADLINE = 30.0
ENTRY = "headgate.serving.aws_lambda.entry.handler"
ARN = "arn:aws:lambda:eu-west-1:111122223333:function:f"
TRACE = "Root=1-5759e988-bd862e3fe1be46a994272793;Sampled=1"


@dataclass(frozen=True)
class Outcome:
    """What the function gave back: `kind` is response, error or init/error."""

    kind: str
    document: Any


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A function that was killed breaks its connection; all else is shown."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)


class RuntimeApi:
    """GET /2018-06-01/runtime/invocation/next and the three places where the function answers."""

    def __init__(self, host: str = "127.0.0.1") -> None:
        self._events: queue.Queue[tuple[str, str, bytes]] = queue.Queue()
        self._outcomes: queue.Queue[Outcome] = queue.Queue()
        self._ids = count(1)
        self._server = _Server((host, 0), self._handler())
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)
        self._thread.start()

    @property
    def address(self) -> str:
        """For AWS_LAMBDA_RUNTIME_API."""
        host, port = self._server.server_address[:2]
        return f"{host!s}:{port}"

    def invoke(self, event: Any) -> Outcome:
        """Have the function called with `event`; what it gave back."""
        self.put(event)
        return self.outcome()

    def put(self, event: Any, arn: str = ARN) -> None:
        """Have the function called with `event`, by this ARN."""
        self._events.put((f"request-{next(self._ids)}", arn, json.dumps(event).encode()))

    def outcome(self, seconds: float = DEADLINE) -> Outcome:
        """What the function gave back next. Raises queue.Empty where it is nothing."""
        return self._outcomes.get(timeout=seconds)

    def close(self) -> None:
        """Stop listening."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(DEADLINE)

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        api = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            wbufsize = -1  # head and body leave in one write: the client would wait for a delayed acknowledgement

            def do_GET(self) -> None:
                identity, arn, event = api._events.get()
                about = {"Lambda-Runtime-Aws-Request-Id": identity, "Lambda-Runtime-Invoked-Function-Arn": arn}
                self._send(200, event, about)

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                kind = self.path.removeprefix("/2018-06-01/runtime/")
                self._send(202, b"{}", {})
                kind = kind if kind == "init/error" else kind.rpartition("/")[2]
                api._outcomes.put(Outcome(kind, json.loads(body)))

            def _send(self, status: int, body: bytes, headers: dict[str, str]) -> None:
                self.send_response(status)
                shared = {"Lambda-Runtime-Deadline-Ms": "4102444800000", "Lambda-Runtime-Trace-Id": TRACE}
                content = {"Content-Type": "application/json", "Content-Length": str(len(body))}
                for name, value in (headers | shared | content).items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(body)
                self.wfile.flush()

            def log_message(self, format: str, *args: object) -> None:
                """Nothing."""

        return Handler


@dataclass(frozen=True)
class Function:
    """A running function. `log` is what it wrote."""

    api: RuntimeApi
    process: "subprocess.Popen[bytes]"
    log: Path

    def invoke(self, event: Any, arn: str) -> Outcome:
        """What the function gave back; an error where the process ended instead, as Lambda says it."""
        self.api.put(event, arn)
        while True:
            try:
                return self.api.outcome(0.02)
            except queue.Empty:
                if self.process.poll() is not None:
                    message = f"Runtime exited with error: exit status {self.process.returncode}"
                    return Outcome("error", {"errorType": "Runtime.ExitError", "errorMessage": message})

    def lines(self, event: str) -> list[dict[str, Any]]:
        """The log lines of that event."""
        found = [json.loads(line) for line in self.log.read_text().splitlines() if line.startswith("{")]
        return [line for line in found if line["event"] == event]


@contextmanager
def running(model_dir: Path, log: Path, **environment: str) -> Iterator[Function]:
    """The function over the package in `model_dir` (a folder called model), by the real runtime client."""
    with started(ENTRY, log, **{"SAGEMAKER_BASE_DIR": str(model_dir.parent), **environment}) as function:
        yield function


@contextmanager
def started(handler: str, log: Path, **environment: str) -> Iterator[Function]:
    """A function by the name of its handler."""
    api = RuntimeApi()
    settings = {"AWS_LAMBDA_RUNTIME_API": api.address, "AWS_LAMBDA_FUNCTION_NAME": "f"}
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "awslambdaric", handler],
            env=os.environ | settings | environment,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    try:
        yield Function(api, process, log)
    finally:
        process.kill()
        process.wait(DEADLINE)
        api.close()
