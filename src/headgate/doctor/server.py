"""A server under examination: started as SageMaker starts a container, watched from outside, and surely ended.

It leads a session of its own, by which /proc finds all its descendants, also those whose parent has gone. Only the
first process gets SIGTERM, as only process 1 of a container does. Its environment is SageMaker's and what any process
needs; nothing else of the doctor's own reaches it.
"""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from headgate.doctor.wire import HOST
from headgate.errors import UsageError

SERVE = "serve"
OWN = (sys.executable, "-m", "headgate.container", SERVE)
INHERITED = ("PATH", "PYTHONPATH", "LD_LIBRARY_PATH", "LANG", "LC_ALL", "VIRTUAL_ENV", "SYSTEMROOT")
WITNESS = Path(__file__).with_name("witness")
_LISTEN = "0A"


class Site:
    """The folders that a server may use. The package lies in ml/model; everything is below one folder."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.model = root / "ml" / "model"
        self.log = root / "log"
        self.notes = root / "notes"
        self.work = root / "work"
        for folder in (self.model.parent, self.work, root / "home", root / "tmp"):
            folder.mkdir(parents=True)

    def environment(self, port: int) -> dict[str, str]:
        """What a container is given, with a free port and without bytecode left behind."""
        kept = {name: os.environ[name] for name in INHERITED if name in os.environ}
        search = [str(WITNESS), *filter(None, [kept.get("PYTHONPATH", "")])]
        return kept | {
            "HOME": str(self.root / "home"),
            "TMPDIR": str(self.root / "tmp"),
            "PYTHONPATH": os.pathsep.join(search),
            "PYTHONDONTWRITEBYTECODE": "1",
            "PYTHONUNBUFFERED": "1",
            "HEADGATE_DOCTOR_WITNESS": str(self.notes),
            "SAGEMAKER_BIND_TO_PORT": str(port),
            "SAGEMAKER_BASE_DIR": str(self.model.parent),
            "SAGEMAKER_PROGRAM": "inference.py",
            "SAGEMAKER_CONTAINER_LOG_LEVEL": "20",
            "SAGEMAKER_DEFAULT_INVOCATIONS_ACCEPT": "application/json",
            "SAGEMAKER_MODEL_SERVER_WORKERS": "1",
            "SAGEMAKER_MODEL_SERVER_TIMEOUT": "60",
            "SAGEMAKER_MAX_PAYLOAD_IN_MB": "6",
        }


class Server:
    """A running server. `command` is empty for ours; `{port}` and `{model_dir}` in it are filled in."""

    def __init__(self, site: Site, command: Sequence[str]) -> None:
        """Start it. Raises UsageError where there is no such program."""
        self.site = site
        self.port = free_port()
        self.foreign = bool(command)
        places = {"{port}": str(self.port), "{model_dir}": str(site.model)}
        self.argv = [_filled(word, places) for word in command or OWN]
        self.began = time.perf_counter()
        with site.log.open("ab") as log:
            try:
                self._process = subprocess.Popen(
                    self.argv,
                    cwd=None if command else site.work,
                    env=site.environment(self.port),
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    start_new_session=True,
                )
            except OSError as error:
                raise UsageError(
                    f"{self.argv[0]!r} cannot be started: {error.strerror}.",
                    hint="After -- comes the command of a server, such as: python server.py serve",
                ) from None

    @property
    def exit_code(self) -> int | None:
        """The exit code, minus the number of the signal that ended it; None while it runs."""
        return self._process.poll()

    def terminate(self) -> None:
        """Send SIGTERM to the first process."""
        with suppress(ProcessLookupError):
            self._process.send_signal(signal.SIGTERM)

    def wait(self, seconds: float) -> int | None:
        """The exit code, or None where it still runs after so many seconds."""
        try:
            return self._process.wait(max(0.0, seconds))
        except subprocess.TimeoutExpired:
            return None

    def close(self) -> None:
        """Kill whatever is left of it."""
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        for pid in self.members():  # those that made groups of their own
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self._process.wait()

    def written(self) -> str:
        """All that it wrote to stdout and stderr."""
        return self.site.log.read_text(errors="replace")

    def last_words(self) -> str:
        """The end of it, on one line."""
        lines = [line.strip() for line in self.written().splitlines() if line.strip()]
        return " | ".join(lines[-3:])[-400:] or "nothing was written"

    def members(self) -> list[int]:
        """The ids of its living processes."""
        found = []
        for stat in Path("/proc").glob("[0-9]*/stat"):
            with suppress(OSError):
                state, _, _, session = stat.read_text().rpartition(")")[2].split()[:4]
                if state not in "ZX" and int(session) == self._process.pid:
                    found.append(int(stat.parent.name))
        return found

    def addresses(self) -> list[tuple[str, int]]:
        """Where its processes listen for TCP: host and port."""
        inodes = set()
        for pid in self.members():
            for entry in Path(f"/proc/{pid}/fd").glob("*"):
                with suppress(OSError):
                    inodes.add(str(entry.readlink()))
        return sorted({(host, port) for host, port, inode in _listening() if f"socket:[{inode}]" in inodes})


@contextmanager
def running(site: Site, command: Sequence[str]) -> Iterator[Server]:
    """A server that is gone afterwards, with all its children."""
    server = Server(site, command)
    try:
        yield server
    finally:
        server.close()


def free_port() -> int:
    """A port that nobody uses."""
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])


def _filled(word: str, places: dict[str, str]) -> str:
    for name, value in places.items():
        word = word.replace(name, value)
    return word


def _listening() -> Iterator[tuple[str, int, str]]:
    """Host, port and inode of every listening TCP socket of the machine."""
    for name, family in (("tcp", socket.AF_INET), ("tcp6", socket.AF_INET6)):
        with suppress(FileNotFoundError):
            for line in Path(f"/proc/net/{name}").read_text().splitlines()[1:]:
                fields = line.split()
                if fields[3] == _LISTEN:
                    packed, _, port = fields[1].partition(":")
                    words = [bytes.fromhex(packed[i : i + 8])[::-1] for i in range(0, len(packed), 8)]
                    yield socket.inet_ntop(family, b"".join(words)), int(port, 16), fields[9]
