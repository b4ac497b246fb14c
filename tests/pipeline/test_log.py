"""How a log is read: whole by whoever reads it first, and then what is new."""

import threading
import time
from pathlib import Path

import pytest

from headgate.data.store import Store
from headgate.errors import InvalidInput
from headgate.pipeline.log import RunLog
from headgate.pipeline.rollouts import Rollouts
from tests.pipeline.simulated import terms

FOLDER = "rollouts/production/1"


class FarStore(Store):
    """A store that is far away, and counts how it is asked."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.asked: list[str] = []
        self.most = 0
        self._now = 0
        self._lock = threading.Lock()

    def get(self, key: str) -> bytes:
        """As Store has it, after a while."""
        with self._lock:
            self._now += 1
            self.most = max(self.most, self._now)
            self.asked.append(key)
        time.sleep(0.002)
        with self._lock:
            self._now -= 1
        return super().get(key)

    def exists(self, key: str) -> bool:
        """Counted."""
        self.asked.append(key)
        return super().exists(key)


@pytest.fixture
def store(tmp_path: Path) -> FarStore:
    return FarStore(tmp_path)


def test_many_entries_are_fetched_at_once_and_in_their_order(store: FarStore) -> None:
    writer = RunLog(store, FOLDER)
    for number in range(1, 201):
        writer.append("look", {"number": number}, at=float(number), by="runner")
    store.put(f"{FOLDER}/notes.txt", b"somebody's")
    store.most, reader = 0, RunLog(store, FOLDER)
    assert [entry.content["number"] for entry in reader.read()] == list(range(1, 201))
    assert 4 < store.most <= 16
    store.asked.clear()
    assert len(reader.read()) == 200
    assert len(store.asked) <= 4, "what was read is not read again"


def test_a_log_that_was_edited_in_its_middle_is_refused(store: FarStore) -> None:
    writer = RunLog(store, FOLDER)
    for number in range(1, 41):
        writer.append("look", {"number": number}, at=float(number), by="runner")
    key = f"{FOLDER}/000020.json"
    store.put(key, store.get(key).replace(b"20", b"21"))
    with pytest.raises(InvalidInput, match=r"000020\.json does not follow the entry before it"):
        RunLog(store, FOLDER).read()


def test_the_newest_rollout_is_found_without_asking_for_the_others(store: FarStore) -> None:
    for number in range(1, 101):
        RunLog(store, f"rollouts/production/{number}").append("started", terms().to_json(), at=0.0, by="ada")
    (store.folder / "rollouts" / "production" / "101").mkdir()  # somebody was about to start one
    store.asked.clear()
    latest = Rollouts(store, "production").latest()
    assert latest is not None
    assert latest.log.folder == "rollouts/production/100"
    assert len(store.asked) < 5
