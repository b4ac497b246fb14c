"""A real Envoy and real model servers, in a short private folder; nothing outlives its test."""

import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from headgate.engine.gateway.admin import Admin
from headgate.engine.gateway.gateway import Gateway
from headgate.engine.gateway.values import Cluster, EndpointRoutes, Place, VariantRoute

ACCOUNT = "000000000000"


def until(condition: Callable[[], bool], seconds: float = 10.0) -> None:
    """Ask until it is so; fail after `seconds`."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"not so within {seconds} s"


def place(folder: Path = Path("/nowhere"), port: int = 1) -> Place:
    """A gateway's place, for what is pure."""
    return Place(port, folder, folder / "a", folder / "access.log", ACCOUNT, "us-east-1")


def split(*weights: tuple[str, float], cluster: str = "{}") -> EndpointRoutes:
    """Routes of the endpoint iris to clusters named after its variants."""
    return EndpointRoutes("iris", tuple(VariantRoute(name, cluster.format(name), weight) for name, weight in weights))


class Processes:
    """Processes by name; `kill` is kill -9."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._running: dict[str, subprocess.Popen[bytes]] = {}

    def start(self, name: str, argv: list[str], log: str) -> None:
        with (self._folder / log).open("ab") as file:
            self._running[name] = subprocess.Popen(argv, stdout=file, stderr=file)

    def send(self, name: str, number: signal.Signals) -> None:
        self._running[name].send_signal(number)

    def kill(self, name: str, number: signal.Signals = signal.SIGKILL) -> None:
        process = self._running.pop(name)
        process.send_signal(number)
        process.wait(10)

    def kill_all(self) -> None:
        for name in list(self._running):
            self._running[name].send_signal(signal.SIGCONT)
            self.kill(name)


class Rig:
    """A gateway at `port`, Envoy started, and the model servers that a test asks for."""

    def __init__(self, folder: Path, *, timeout: float) -> None:
        self.folder = folder
        self.processes = Processes(folder)
        self.port = _free_port()
        self.timeout = timeout
        self.admin = Admin(folder / "a")
        self.gateway = self.new_gateway()

    def new_gateway(self) -> Gateway:
        """As another engine process would see it."""
        return Gateway(
            self.folder / "files",
            self.folder / "a",
            port=self.port,
            account=ACCOUNT,
            access_log=self.folder / "access.log",
            timeout=self.timeout,
        )

    def start(self, *, wait: bool = True) -> None:
        self.gateway.write_bootstrap()
        self.processes.start("envoy", self.gateway.argv(), "gateway.log")
        if wait:
            until(self.admin.ready)

    def server(self, name: str) -> str:
        """Start a model server (again); its address."""
        path = self.folder / f"{name}.s"
        path.unlink(missing_ok=True)
        program = Path(__file__).with_name("model_server.py")
        self.processes.start(name, [sys.executable, "-S", "-E", str(program), name, str(path)], f"{name}.log")
        until(path.exists)
        return f"unix:{path}"

    def cluster(self, name: str, *servers: str) -> Cluster:
        """A cluster of model servers, started and added to the gateway."""
        cluster = Cluster(name, tuple(self.server(server) for server in servers or (name,)))
        self.gateway.add_clusters([cluster], 10.0)
        return cluster


@contextmanager
def rigs() -> Iterator[Callable[..., Rig]]:
    """Make rigs with a given time-out; all that they started ends with the block."""
    made: list[Rig] = []

    def make(*, timeout: float = 60.0) -> Rig:
        made.append(Rig(Path(tempfile.mkdtemp(prefix="hg", dir="/tmp")), timeout=timeout))
        return made[-1]

    try:
        yield make
    finally:
        for rig in made:
            rig.processes.kill_all()
            shutil.rmtree(rig.folder)


@pytest.fixture
def make_rig() -> Iterator[Callable[..., Rig]]:
    """Rigs that live as long as the test."""
    with rigs() as make:
        yield make


@pytest.fixture(scope="module")
def make_module_rig() -> Iterator[Callable[..., Rig]]:
    """Rigs that live as long as the module."""
    with rigs() as make:
        yield make


@pytest.fixture
def rig(make_rig: Callable[..., Rig]) -> Rig:
    """A gateway with Envoy running."""
    rig = make_rig()
    rig.start()
    return rig


def _free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])
