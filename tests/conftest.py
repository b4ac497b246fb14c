"""What all tests share: engines of their own, and polling with a deadline."""

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from tests.system.engine import RunningEngine

settings.register_profile("headgate", deadline=None, suppress_health_check=[HealthCheck.too_slow])  # busy machines
settings.load_profile("headgate")


@pytest.fixture
def short_folder() -> Iterator[Path]:
    """A temporary folder whose path is short enough for Unix sockets."""
    folder = Path(tempfile.mkdtemp(prefix="hg", dir="/tmp"))
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def own_engine(short_folder: Path) -> Iterator[RunningEngine]:
    """An engine that a test may break."""
    engine = RunningEngine(short_folder / "home")
    engine.start()
    yield engine
    engine.stop()


@pytest.fixture(scope="session")
def engine() -> Iterator[RunningEngine]:
    """One engine for all tests of a worker that leave it whole."""
    folder = Path(tempfile.mkdtemp(prefix="hg", dir="/tmp"))
    engine = RunningEngine(folder / "home")
    engine.start()
    yield engine
    engine.stop()
    shutil.rmtree(folder, ignore_errors=True)
