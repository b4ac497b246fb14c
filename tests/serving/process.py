"""A real model server in a process of its own, on a Unix socket or a TCP port."""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx

DEADLINE = 30.0


class ServerProcess:
    """`python -m headgate.serving`; `log` grows as it writes to stderr."""

    def __init__(self, model_dir: Path, **environment: str) -> None:
        base = model_dir.parent
        assert model_dir.name == "model"
        self.environment = os.environ | {"SAGEMAKER_BASE_DIR": str(base), "SAGEMAKER_BIND_TO_PORT": "0"} | environment
        self.began = time.perf_counter()
        self.process = subprocess.Popen(
            [sys.executable, "-m", "headgate.serving", "serve"],
            env=self.environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.lines: list[str] = []
        self._grown = threading.Condition()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stderr is not None
        for line in self.process.stderr:
            with self._grown:
                self.lines.append(line.rstrip("\n"))
                self._grown.notify_all()

    def wait_for(self, event: str) -> dict[str, Any]:
        """The first log line of that event."""

        def found() -> dict[str, Any] | None:
            documents = [json.loads(line) for line in self.lines if line.startswith("{")]
            return next((d for d in documents if d["event"] == event), None)

        with self._grown:
            assert self._grown.wait_for(lambda: found() or not self._reader.is_alive(), DEADLINE), self.lines
            document = found()
        assert document, self.lines
        return document

    def client(self) -> httpx.Client:
        """A client of the server, once that is ready."""
        bound = self.wait_for("serving")["bind"]
        if bound.startswith("unix:"):
            transport = httpx.HTTPTransport(uds=bound.removeprefix("unix:"))
            return httpx.Client(transport=transport, base_url="http://model", timeout=DEADLINE)
        return httpx.Client(base_url=f"http://{bound}", timeout=DEADLINE)

    def connect(self) -> socket.socket:
        """A connection to a server on a Unix socket, once that is ready."""
        connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        connection.settimeout(DEADLINE)
        connection.connect(self.wait_for("serving")["bind"].removeprefix("unix:"))
        return connection

    def end(self, number: int = signal.SIGTERM) -> int:
        """Send a signal; the exit code."""
        self.process.send_signal(number)
        return self.wait()

    def wait(self) -> int:
        """The exit code, once everything written has been read."""
        code = self.process.wait(DEADLINE)
        self._reader.join(DEADLINE)
        assert self.process.stderr is not None
        self.process.stderr.close()
        return code


@contextmanager
def running(model_dir: Path, **environment: str) -> Iterator[ServerProcess]:
    """A server that is gone afterwards, whatever happens."""
    server = ServerProcess(model_dir, **environment)
    try:
        yield server
    finally:
        if server.process.poll() is None:
            server.process.kill()
            server.wait()


@contextmanager
def short_folder() -> Iterator[Path]:
    """A folder whose path leaves room for a socket's name in 107 bytes."""
    folder = Path(tempfile.mkdtemp(prefix="hg", dir="/tmp"))
    try:
        yield folder
    finally:
        shutil.rmtree(folder)
