"""One server as a process of its own: started on its core, asked until it answers, stopped with all that it started."""

import contextlib
import json
import os
import signal
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

from benchmarks.serving import processes
from benchmarks.serving.servers import Server

LONGEST_START, LONGEST_STOP = 90.0, 10.0
POLL = 0.002
QUIET = {
    "OMP_NUM_THREADS": "1",
    "DO_NOT_TRACK": "1",
    "BENTOML_DO_NOT_TRACK": "True",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "LITSERVE_DISABLE_TELEMETRY": "1",
}
"""One core, and no word to anybody."""


class DoesNotStart(Exception):
    """The server did not come to answer."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a server runs: what the words in braces stand for, the environment it is given, and its core."""

    words: Mapping[str, str]
    environment: Mapping[str, str]
    core: int | None


class Running:
    """A server that answers; a context manager. Raises DoesNotStart, with the end of its log."""

    def __init__(self, server: Server, place: Place, question: bytes) -> None:
        self.port = free_port()
        self.server, self._question = server, question
        self._words = {**place.words, "port": str(self.port)}
        self._place = place
        self._log = Path(place.words["folder"]) / "server.log"

    def __enter__(self) -> "Running":
        settings = {name: value.format(**self._words) for name, value in self.server.settings.items()}
        command = [word.format(**self._words) for word in self.server.command]
        with self._log.open("w") as log, on_core(self._place.core):
            self.began = time.perf_counter()
            self._process = subprocess.Popen(
                command,
                env={**self._place.environment, **QUIET, **settings},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                cwd=self._words["folder"],
            )
        self.root = self._process.pid
        try:
            self.cold_start = self._wait()
        except BaseException:
            self._stop()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop()

    def log(self) -> str:
        """The end of what it said."""
        return self._log.read_text(errors="replace")[-1500:]

    def _wait(self) -> float:
        """Seconds from the start until the first right kind of answer."""
        while time.perf_counter() - self.began < LONGEST_START:
            if self._process.poll() is not None:
                raise DoesNotStart(f"it ended with {self._process.returncode}: {self.log()}")
            if answers(self.port, self._question):
                return time.perf_counter() - self.began
            time.sleep(POLL)
        raise DoesNotStart(f"no answer within {LONGEST_START:g} s: {self.log()}")

    def _stop(self) -> None:
        started = processes.tree(self.root)
        self._process.terminate()
        try:
            self._process.wait(LONGEST_STOP)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        left = set(processes.tree(self.root)) | {pid for pid in started if Path(f"/proc/{pid}").exists()}
        for pid in left - {self.root}:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)


def answers(port: int, question: bytes) -> bool:
    """Whether the server answers this request with 200."""
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=5) as client:
            client.sendall(question)
            return client.recv(64).startswith(b"HTTP/1.1 200 ")
    except OSError:
        return False


def prepare(server: Server, place: Place) -> None:
    """Write the server's files and run what it needs once. Raises DoesNotStart."""
    folder = Path(place.words["folder"])
    folder.mkdir(parents=True)
    for name, document in server.files.items():
        (folder / name).write_text(json.dumps(document))
    if server.prepare:
        command = [word.format(**place.words) for word in server.prepare]
        done = subprocess.run(
            command, env={**place.environment, **QUIET}, cwd=folder, capture_output=True, text=True, check=False
        )
        if done.returncode:
            raise DoesNotStart(done.stderr[-1500:])


@contextlib.contextmanager
def on_core(core: int | None) -> Iterator[None]:
    """What is started here runs on this core only."""
    before = os.sched_getaffinity(0)
    if core is not None:
        os.sched_setaffinity(0, {core})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def free_port() -> int:
    """A port that was free a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
