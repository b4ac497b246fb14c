"""What a running server leaves behind about its requests: captured records, counters, log lines."""

import json
import signal
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.serving.capture.rig import captured
from tests.serving.models import write_package
from tests.serving.process import running

pytestmark = pytest.mark.slow

TRACE, SPAN = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"


def test_requests_are_counted_captured_and_logged(short_folder: Path) -> None:
    write_package(short_folder / "model")
    kept = short_folder / "kept"
    environment = {
        "HEADGATE_BIND": f"unix:{short_folder}/s",
        "HEADGATE_ENDPOINT": "iris",
        "HEADGATE_VARIANT": "stable",
        "HEADGATE_CAPTURE": str(kept),
        "SAGEMAKER_CONTAINER_LOG_LEVEL": "debug",
    }
    ids = [str(n) for n in range(50)]
    with running(short_folder / "model", **environment) as server, server.client() as client:
        traced = {"traceparent": f"00-{TRACE}-{SPAN}-01", "x-request-id": "one"}
        assert client.post("/invocations", json={"z": 1}, headers=traced).status_code == 400
        for name in ids:
            client.post("/invocations", json={"x": 1.0, "y": 2.0}, headers={"x-amzn-sagemaker-inference-id": name})
        text = client.get("/metrics").text
        assert server.end(signal.SIGTERM) == 0
    assert captured(kept / "iris" / "stable") == ids, "what was answered is kept, also at once before the end"
    samples = [s for family in text_string_to_metric_families(text) for s in family.samples]
    counted = {s.labels["code"]: s.value for s in samples if s.name == "headgate_requests_total"}
    assert (counted["200"], counted["400"]) == (50, 1)
    (failed,) = (s for s in samples if s.name == "headgate_errors_total" and s.labels["class"] == "bad_request")
    assert failed.value == 1
    lines = [json.loads(line) for line in server.lines if line.startswith("{")]
    first, *others = (line for line in lines if line["event"] == "invocation")
    assert (first["status"], first["request_id"], first["trace_id"], first["span_id"]) == (400, "one", TRACE, SPAN)
    assert [line["status"] for line in others] == [200] * 50
