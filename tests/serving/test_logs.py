"""What log lines say, and where they go when nobody can keep them."""

import io
import json
import logging
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from headgate.serving.logs import access_log, configure_logging, log_error, lossy, request_fields

TRACE, SPAN = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
HEADERS = {b"x-request-id": b"one", b"traceparent": f"00-{TRACE}-{SPAN}-01".encode()}


@pytest.fixture
def logging_as_it_was() -> Iterator[None]:
    root = logging.getLogger()
    level, handlers, uvicorn = root.level, root.handlers[:], logging.getLogger("uvicorn").level
    root.handlers.clear()
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    logging.getLogger("uvicorn").setLevel(uvicorn)


@pytest.mark.usefixtures("logging_as_it_was")
def test_a_line_is_json_and_says_whose_request_it_was() -> None:
    stream = io.StringIO()
    configure_logging(stream)
    log_error("request failed", ValueError("no"), type="X", **request_fields(HEADERS))
    line = json.loads(stream.getvalue())
    assert {key: line[key] for key in ("level", "event", "type", "request_id", "trace_id", "span_id")} == {
        "level": "error",
        "event": "request failed",
        "type": "X",
        "request_id": "one",
        "trace_id": TRACE,
        "span_id": SPAN,
    }
    assert "ValueError: no" in line["traceback"]
    assert request_fields({b"traceparent": b"nonsense"}) == {}


@pytest.mark.usefixtures("logging_as_it_was")
def test_a_line_for_each_request_is_there_at_debug_only() -> None:
    stream = io.StringIO()
    configure_logging(stream, logging.INFO)
    assert access_log() is None
    configure_logging(stream, logging.DEBUG)
    log = access_log()
    assert log
    log(200, 180, HEADERS)
    line = json.loads(stream.getvalue())
    assert (line["event"], line["level"], line["status"], line["micros"]) == ("invocation", "debug", 200, 180)
    assert line["trace_id"] == TRACE


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full")
def test_a_full_disk_costs_lines_and_nothing_else() -> None:
    with Path("/dev/full").open("w") as full:
        stream = lossy(full)
        for _ in range(3):
            assert stream.write("x" * 10_000) == 10_000
            stream.flush()


def test_what_can_be_kept_is_kept_at_once(tmp_path: Path) -> None:
    with (tmp_path / "log").open("w", encoding="utf-8") as file:
        lossy(file).write("grüße \ud800\n")
        assert (tmp_path / "log").read_text() == "grüße \\ud800\n"


def test_a_reader_that_has_gone_changes_nothing() -> None:
    reader, writer = os.pipe()
    os.close(reader)
    done = subprocess.run(
        [sys.executable, "-m", "headgate.serving", "--help"], stdout=writer, stderr=subprocess.PIPE, check=False
    )
    os.close(writer)
    assert (done.returncode, done.stderr) == (0, b"")
