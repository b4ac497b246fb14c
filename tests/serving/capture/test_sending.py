"""Captured lines on their way to an object store; obstore's own stores stand in for S3, which `test_s3` has."""

import json
from pathlib import Path

import obstore
import pytest
from obstore.store import LocalStore, MemoryStore

from headgate.serving.capture.sending import Sending, put_by
from headgate.serving.capture.spool import FolderFiles, MemoryFiles
from headgate.serving.metrics import Counter, Gauge, Metrics, map_memory
from tests.serving.capture.rig import PLACE, captured, no_network, send, start, until

pytestmark = pytest.mark.slow


@pytest.fixture
def bucket(tmp_path: Path) -> Path:
    return tmp_path / "bucket"


@pytest.fixture
def spool(tmp_path: Path) -> Path:
    return tmp_path / "spool"


def open_store(bucket: Path) -> LocalStore:
    return LocalStore(bucket, mkdir=True)


def test_a_store_that_is_away_gets_everything_when_it_is_back(spool: Path) -> None:
    store, metrics, failures = MemoryStore(), Metrics(map_memory()), [1] * 4
    there = put_by(store)

    def put(key: str, data: bytes) -> None:
        if failures:
            failures.pop()
            raise OSError("no network")
        there(key, data)

    sending = Sending(FolderFiles(spool, PLACE), put, metrics, file_seconds=0.1, first_pause=0.05)
    capture = start(sending, metrics=metrics)
    send(capture, 1)
    until(lambda: metrics.value(Gauge.SPOOLED_BYTES))
    until(lambda: not metrics.value(Gauge.SPOOLED_BYTES))
    capture.close()
    (found,) = obstore.list(store).collect()
    assert json.loads(obstore.get(store, found["path"]).bytes().to_bytes())["eventMetadata"]["inferenceId"] == "1"
    assert failures == []


def test_what_does_not_arrive_before_the_end_waits_for_the_next_start(bucket: Path, spool: Path) -> None:
    capture = start(Sending(FolderFiles(spool, PLACE), no_network, Metrics(map_memory())))
    send(capture, 1, 2)
    capture.close()
    capture = start(Sending(FolderFiles(spool, PLACE), put_by(open_store(bucket)), Metrics(map_memory())))
    capture.close()
    assert captured(bucket) == ["1", "2"]


def test_the_spool_is_bounded(spool: Path) -> None:
    class Small(FolderFiles):
        limit = 1000

    metrics = Metrics(map_memory())
    sending = Sending(Small(spool, PLACE), no_network, metrics)
    sending.append("2022/02/14/17", b"x" * 799 + b"\n")
    assert metrics.value(Gauge.SPOOLED_BYTES) == 800
    capture = start(sending, metrics=metrics)
    send(capture, 1)
    capture.close()
    assert capture.dropped == metrics.value(Counter.DROPPED_SPOOL_FULL) == 1


def test_without_a_spool_lines_wait_in_memory(bucket: Path, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(OSError, match="Not a directory"):
        FolderFiles(tmp_path / "file" / "spool", PLACE)
    capture = start(Sending(MemoryFiles(PLACE), put_by(open_store(bucket)), Metrics(map_memory()), file_seconds=0.1))
    send(capture, 1)
    until(lambda: captured(bucket))
    send(capture, 2)
    capture.close()
    assert sorted(captured(bucket)) == ["1", "2"]
