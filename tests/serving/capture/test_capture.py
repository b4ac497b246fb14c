"""What is promised: nothing lost at an orderly end, the last second at most at any other, answers unharmed."""

import json
import logging
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from headgate.serving.capture import open_capture
from headgate.serving.metrics import Counter, Metrics, map_memory
from headgate.serving.settings import CaptureSettings, Settings
from tests.serving.capture.rig import ANSWER, BODY, captured, send, start, until
from tests.serving.models import write_package
from tests.serving.process import running, short_folder


def test_what_was_recorded_is_on_disk_soon_and_nothing_is_lost_at_the_end(tmp_path: Path) -> None:
    metrics = Metrics(map_memory())
    capture = start(tmp_path, metrics=metrics)
    send(capture, *range(2000))
    until(lambda: captured(tmp_path, torn=True))
    send(capture, *range(2000, 4000))
    capture.close()
    assert captured(tmp_path) == [str(n) for n in range(4000)]
    (file,) = tmp_path.rglob("*.jsonl")
    assert (file.stat().st_mode & 0o777, file.parent.stat().st_mode & 0o777) == (0o600, 0o700)
    assert metrics.value(Counter.CAPTURED) == 4000
    assert metrics.value(Counter.CAPTURED_BYTES) == file.stat().st_size
    assert capture.dropped == 0


def test_a_record_belongs_to_its_own_hour(tmp_path: Path) -> None:
    moments = iter([1_644_861_599.9, 1_644_861_600.0, 1_644_861_600.5])
    capture = start(tmp_path, clock=lambda: next(moments))
    send(capture, "before", "after", "later")
    capture.close()
    folders = {str(path.parent.relative_to(tmp_path)): captured(path.parent) for path in tmp_path.rglob("*.jsonl")}
    assert folders == {"2022/02/14/17": ["before"], "2022/02/14/18": ["after", "later"]}


def test_the_place_is_endpoint_and_variant(tmp_path: Path) -> None:
    place = Settings(endpoint="iris", variant="canary", capture=CaptureSettings(str(tmp_path), redact=("y",)))
    capture = open_capture(place, Metrics(map_memory()), ("x", "y"))
    assert capture
    capture.record(BODY, "application/json", ANSWER, {})
    capture.close()
    (file,) = (tmp_path / "iris" / "canary").glob("*/*/*/*/*.jsonl")
    data = json.loads(file.read_bytes())["captureData"]
    assert json.loads(data["endpointInput"]["data"]) == {"x": 1.5, "y": "[redacted]"}
    assert data["endpointOutput"]["data"].encode() == ANSWER.body
    assert open_capture(Settings(), Metrics(map_memory())) is None


def test_a_share_is_sampled(tmp_path: Path) -> None:
    capture = start(tmp_path, sampling=10.0)
    send(capture, *range(10_000))
    capture.close()
    assert 800 < len(captured(tmp_path)) < 1200


def test_a_full_buffer_costs_records_and_blocks_nobody() -> None:
    class Stuck:
        """A disk that hangs."""

        def __init__(self) -> None:
            self.free = threading.Event()
            self.kept = 0

        def append(self, folder: str, lines: bytes) -> None:
            assert folder
            self.free.wait(30)
            self.kept += lines.count(b"\n")

        def tick(self) -> None:
            pass

        def close(self) -> None:
            pass

    disk, metrics = Stuck(), Metrics(map_memory())
    capture = start(disk, buffer_bytes=100_000, metrics=metrics)
    send(capture, *range(1000))
    assert 700 < capture.dropped < 900
    disk.free.set()
    capture.close()
    assert disk.kept + capture.dropped == 1000
    assert metrics.value(Counter.DROPPED_BUFFER_FULL) == capture.dropped


def test_a_folder_that_cannot_be_written_costs_records_until_it_can(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    folder, metrics = tmp_path / "capture", Metrics(map_memory())
    folder.write_text("in the way")
    with caplog.at_level(logging.ERROR):
        capture = start(folder, metrics=metrics)
        send(capture, 1, 2)
        until(lambda: capture.dropped == 2)
        send(capture, 3)
        until(lambda: capture.dropped == 3)
        folder.unlink()
        send(capture, 4)
        until(lambda: captured(folder) == ["4"])
        next(folder.rglob("*.jsonl")).unlink()
        send(capture, 5)
        capture.close()
    assert captured(folder) == ["5"], "a file that was deleted is made again"
    assert metrics.value(Counter.DROPPED_NOT_WRITTEN) == 3
    assert caplog.messages == ["capture dropped records"], "one line a minute"


def test_a_full_disk_leaves_whole_lines_and_is_forgiven(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "tests.serving.capture.rig", str(tmp_path)],
        capture_output=True,
        check=True,
        timeout=60,
    )
    found = json.loads(done.stdout)
    assert found["dropped"] == 40
    assert found["ids"] == [str(n) for n in [*range(40), *range(80, 120)]]


@pytest.mark.slow
def test_kill_9_loses_the_last_second_at_most() -> None:
    answered: dict[str, float] = {}
    with short_folder() as folder:
        write_package(folder / "model")
        options = {"HEADGATE_BIND": f"unix:{folder}/s", "HEADGATE_CAPTURE": str(folder / "kept")}
        with running(folder / "model", **options) as server, server.client() as client:
            begun = time.monotonic()
            while time.monotonic() < begun + 1.6:
                name = str(len(answered))
                headers = {"content-type": "application/json", "x-amzn-sagemaker-inference-id": name}
                assert client.post("/invocations", content=BODY, headers=headers).status_code == 200
                answered[name] = time.monotonic()
            killed = time.monotonic()
            server.process.kill()
            server.wait()
        kept = captured(folder / "kept", torn=True)
    assert len(set(kept)) == len(kept)
    assert set(kept) <= answered.keys()
    early = {name for name, moment in answered.items() if moment < killed - 1}
    assert len(early) > 50
    assert early <= set(kept)
