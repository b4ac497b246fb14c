from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from headgate.engine.state import State
from tests.engine.api.running import Front, Running, make_config, make_model, running, served


@pytest.fixture(scope="session")
def front() -> Iterator[Front]:
    """The server."""
    with served() as started:
        yield started


@pytest.fixture
def engine(front: Front, tmp_path: Path) -> Iterator[Running]:
    """A control API that knows nothing yet."""
    with running(front, tmp_path) as started:
        yield started


@pytest.fixture
def client(engine: Running) -> Iterator[Any]:
    """Stock boto3, speaking to `engine`."""
    made = engine.client()
    yield made
    made.close()


@pytest.fixture
def stocked(client: Any) -> Any:
    """The same client, after model-1 and config-1 were created."""
    make_model(client)
    make_config(client)
    return client


@pytest.fixture
def state(tmp_path: Path) -> Iterator[State]:
    """A database without a server."""
    opened = State(tmp_path / "engine.db")
    yield opened
    opened.close()
