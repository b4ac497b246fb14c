"""A capture into a folder, and a process that captures onto a full disk.

python -m tests.serving.capture.rig FOLDER
"""

import json
import resource
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from headgate.serving.capture.capture import Capture, Destination
from headgate.serving.capture.files import HourlyFiles
from headgate.serving.capture.record import Encoder
from headgate.serving.codecs import Answer
from headgate.serving.metrics import Metrics, map_memory
from headgate.serving.settings import CaptureSettings

PLACE = "iris/stable"
BODY = b'{"x":1.5,"y":2.5}'
ANSWER = Answer(b'{"prediction":{"value":74.2}}', "application/json")


def start(destination: Path | Destination, *, sampling: float = 100.0, **options: Any) -> Capture:
    """A capture of everything."""
    into = HourlyFiles(destination) if isinstance(destination, Path) else destination
    metrics = options.pop("metrics", None) or Metrics(map_memory())
    return Capture(Encoder(CaptureSettings(), None, None), into, metrics, sampling=sampling, **options)


def send(capture: Capture, *ids: str | int) -> None:
    """Requests with these inference ids."""
    for name in ids:
        capture.record(BODY, "application/json", ANSWER, {b"x-amzn-sagemaker-inference-id": str(name).encode()})


def captured(folder: Path, *, torn: bool = False) -> list[str]:
    """The inference ids in all files; `torn`: a last line without an end is left out."""
    found = []
    for path in sorted(folder.rglob("*.jsonl")):
        *lines, rest = path.read_bytes().split(b"\n")
        assert torn or not rest, path
        found += [json.loads(line)["eventMetadata"]["inferenceId"] for line in lines]
    return found


def until(condition: Callable[[], Any], seconds: float = 10.0) -> None:
    """Poll until the condition holds."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, condition
        time.sleep(0.01)


def no_network(key: str, data: bytes) -> None:
    """A store that never answers."""
    raise OSError(f"{key}, {len(data)} bytes: no network")


def full(folder: Path) -> None:
    """A disk that takes 20,000 bytes of a file, and then has space again."""
    resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, resource.RLIM_INFINITY))
    capture = start(folder)
    send(capture, *range(40))  # one piece that fits
    until(lambda: captured(folder))
    send(capture, *range(40, 80))
    until(lambda: capture.dropped)
    resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    send(capture, *range(80, 120))
    capture.close()
    sys.stdout.write(json.dumps({"dropped": capture.dropped, "ids": captured(folder)}))


if __name__ == "__main__":
    full(Path(sys.argv[1]))
