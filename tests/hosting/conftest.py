"""The real control API on loopback, with a reconciler that a test tells how changes end."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from headgate.engine.api.control import Api
from headgate.engine.api.metrics import Metrics
from headgate.engine.api.protocols import Services
from headgate.engine.api.server import ControlApp, server
from headgate.engine.metrics.observed import ObservedMetrics
from headgate.engine.metrics.store import MetricStore
from headgate.engine.state import State
from headgate.hosting.session import Connection
from tests.engine.metrics.memory import MemoryEvidence

KEY, SECRET = "AKIAHEADGATETEST", "secret"
ACCOUNT, REGION = "000000000000", "us-east-1"


class Settler:
    """Stands in for the reconciler: ends every change as soon as it is asked for, in the way a test has set."""

    def __init__(self, state: State) -> None:
        self.state = state
        self.fails_because = ""
        self.holds = False

    def wake(self, name: str) -> None:
        """A change of this endpoint is on disk."""
        if not self.holds:
            self.settle(name)

    def settle(self, name: str) -> None:
        """End the change that is under way."""
        row = self.state.endpoint(name)
        assert row is not None
        if row.status == "Deleting":
            self.state.delete_endpoint(name)
        elif self.fails_because:
            status = "InService" if row.active else "Failed"
            target = None if row.active else row.target
            self.state.put_endpoint(
                replace(row, status=status, target=target, failure_reason=self.fails_because)  # type: ignore[arg-type]
            )
        elif row.target is not None:  # else it was woken for a tag
            self.state.put_endpoint(replace(row, status="InService", active=row.target, target=None))


class Control:
    """A control API that runs, and what is behind it."""

    def __init__(self, state: State, settler: Settler, evidence: MemoryEvidence, port: int) -> None:
        self.state = state
        self.evidence = evidence
        self.settler = settler
        self.connection = Connection(f"http://127.0.0.1:{port}", "http://127.0.0.1:9", REGION, KEY, SECRET)


@pytest.fixture
def control(tmp_path: Path) -> Iterator[Control]:
    """A control API with an empty state."""
    with running_control(tmp_path) as running:
        yield running


@contextmanager
def running_control(folder: Path) -> Iterator[Control]:
    """A control API with an empty state, in a folder."""
    state = State(folder / "engine.db")
    settler = Settler(state)
    api = Api(state, account=ACCOUNT, region=REGION, wake=settler.wake)
    evidence = MemoryEvidence()
    store = MetricStore(folder / "metrics.db")
    services = Services(api, Metrics(ObservedMetrics(evidence), store))
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        port = int(bound.getsockname()[1])
        running = server(ControlApp(services, KEY, SECRET, REGION, port))
        thread = threading.Thread(target=running.run, kwargs={"sockets": [bound]})
        thread.start()
        try:
            yield Control(state, settler, evidence, port)
        finally:
            running.should_exit = True
            thread.join()
            store.close()
            state.close()
