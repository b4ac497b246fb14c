"""The engine on this machine: start it, stop it, find it, bring it back."""

import os
import shutil
import socket
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from headgate.engine.home import EngineFile, Home, new_keys
from headgate.engine.http import request
from headgate.engine.processes import Processes, end
from headgate.engine.supervisor import Lock, stop_everything
from headgate.errors import HeadgateError, MissingExtra, Unavailable, UsageError
from headgate.hosting.session import Connection

CONTROL_PORT = 7410
GATEWAY_PORT = 7411
START_SECONDS = 20.0
STOP_SECONDS = 60.0


def start(home: Home, control_port: int | None = None, gateway_port: int | None = None) -> EngineFile:
    """Start the engine and wait until it answers; nothing but a look where it runs already."""
    _need_engine()
    home.make()
    file = home.read()
    if file is None:
        stop(home)  # what runs without engine.json cannot be reached: the file was deleted under it
    running = Lock(home.supervisor_lock).holder() is not None
    file = _chosen(file, control_port, gateway_port, running=running)
    if not running:
        _refuse_taken_ports(home, file)
    home.write(file)
    if not running:
        start_supervisor(home)
    _wait_until_up(home, file)
    return file


def stop(home: Home) -> None:
    """Stop everything: gateway, engine, model servers. State and packages stay; `start` brings endpoints back."""
    file = home.read()
    if file is not None:
        home.write(replace(file, wanted=False))
    lock, processes = Lock(home.supervisor_lock), Processes(home.processes)
    left = any(processes.find(name) for name in processes.names())
    if file is not None and left and lock.holder() is None:
        start_supervisor(home)  # it lets the gateway answer what is in flight
    supervisor = lock.holder()
    if supervisor is not None:
        end(supervisor, grace=STOP_SECONDS)
    stop_everything(processes)  # nothing, unless there was no supervisor or it was too slow
    shutil.rmtree(home.sockets, ignore_errors=True)  # not below the home, so nobody would miss them


def connect(home: Home) -> Connection:
    """The running engine's API. Brings back a supervisor that was killed; raises Unavailable where none is wanted."""
    file = home.read()
    if file is None or not file.wanted:
        raise Unavailable("The engine is not running.", hint="Start it: `headgate up`.")
    if Lock(home.supervisor_lock).holder() is None:
        start_supervisor(home)
        _wait_until_up(home, file)
    return connection(file)


def connection(file: EngineFile) -> Connection:
    """How to reach the engine that `engine.json` describes."""
    return Connection(file.control_url, file.gateway_url, file.region, file.access_key, file.secret_key)


def status(home: Home) -> dict[str, Any]:
    """What runs: home, URLs, and the pid of supervisor, engine and gateway (None where it does not run)."""
    file = home.read()
    processes = Processes(home.processes)
    found = {"supervisor": Lock(home.supervisor_lock).holder()}
    found |= {name: processes.find(name) for name in ("engine", "gateway")}
    return {
        "running": bool(file and file.wanted and found["engine"] and found["gateway"]),
        "home": str(home.path),
        "control_url": file.control_url if file else None,
        "gateway_url": file.gateway_url if file else None,
        **{name: process.pid if process else None for name, process in found.items()},
    }


def _need_engine() -> None:
    try:
        import envoy  # noqa: F401
        import uvicorn  # noqa: F401
    except ImportError:
        raise MissingExtra("The engine", "engine") from None


def _chosen(file: EngineFile | None, control: int | None, gateway: int | None, *, running: bool) -> EngineFile:
    if file is None:
        control = control or _free_port(CONTROL_PORT)
        gateway = gateway or _free_port(GATEWAY_PORT, but=control)
        access, secret = new_keys()
        file = EngineFile(control, gateway, access, secret)
    changed = replace(file, control_port=control or file.control_port, gateway_port=gateway or file.gateway_port)
    if changed.control_port == changed.gateway_port:
        raise UsageError("Control API and gateway need a port each.", hint="Give them different ports.")
    if running and changed != file:
        raise UsageError(
            f"The engine runs already, on ports {file.control_port} and {file.gateway_port}.",
            hint="Stop it first: `headgate down --all`.",
        )
    return replace(changed, wanted=True)


def _free_port(preferred: int, *, but: int | None = None) -> int:
    for port in (preferred, 0, 0):
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            found = int(probe.getsockname()[1])
            if found != but:
                return found
    raise Unavailable("No port is free on 127.0.0.1.")


def _refuse_taken_ports(home: Home, file: EngineFile) -> None:
    """A service of ours that outlived its supervisor holds its port rightly; anybody else does not."""
    processes = Processes(home.processes)
    for name, port, option in (
        ("engine", file.control_port, "--port"),
        ("gateway", file.gateway_port, "--gateway-port"),
    ):
        if processes.find(name) is not None:
            continue
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError as error:
                raise Unavailable(
                    f"Port {port} of the {name} cannot be used: {error.strerror}.",
                    hint=f"Stop what listens there, or choose another: `headgate up {option} PORT`.",
                ) from None


def start_supervisor(home: Home) -> None:
    """Start one and wait until it has its lock; where two are started at once, one of them ends."""
    argv = [sys.executable, "-m", "headgate.wiring.supervise", str(home.path)]
    log = home.logs / "supervisor.log"
    processes, name = Processes(home.processes), f"starting-{os.getpid()}"
    processes.start(name, argv, env=dict(os.environ), log=log)
    processes.forget(name)  # its record stands in the lock
    if not _wait(lambda: Lock(home.supervisor_lock).holder() is not None, START_SECONDS):
        raise Unavailable(f"The engine's supervisor does not start.{_last_words(log)}", hint=f"Its log is {log}.")


def _wait_until_up(home: Home, file: EngineFile) -> None:
    if not _wait(lambda: _answers(file), START_SECONDS):
        words = _last_words(home.logs / "engine.log") or _last_words(home.logs / "gateway.log")
        raise Unavailable(
            f"The engine did not come up within {START_SECONDS:.0f} s.{words}", hint=f"Its logs are in {home.logs}."
        )


def _answers(file: EngineFile) -> bool:
    try:
        control = request(f"127.0.0.1:{file.control_port}", "/ping")[0]
        gateway = request(f"127.0.0.1:{file.gateway_port}", "/ping")[0]
    except HeadgateError:
        return False
    return control == 200 and gateway == 200


def _last_words(path: Path) -> str:
    try:
        lines = path.read_text(errors="replace").strip().split("\n")
    except FileNotFoundError:
        return ""
    return f" {path.name} ends with: {lines[-1][:300]}" if lines[-1] else ""


def _wait(condition: Callable[[], bool], seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True
