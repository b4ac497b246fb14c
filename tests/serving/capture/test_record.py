"""The line that stands for a request and its answer."""

import base64
import json
import uuid
from typing import Any

import pytest

from headgate.serving.capture.record import Encoder, EventIds, Exchange
from headgate.serving.codecs import Answer
from headgate.serving.settings import CaptureSettings

MOMENT = 1_644_859_549.75
ANSWER = Answer(b"0.03", "text/csv; charset=utf-8")


def encoded(exchange: Exchange, settings: CaptureSettings | None = None) -> tuple[str, dict[str, Any]]:
    hour, line = Encoder(settings or CaptureSettings(), None, None).encode(exchange)
    assert line.count(b"\n") == 1
    return hour, json.loads(line)


def test_a_record_is_what_sagemaker_writes() -> None:
    hour, record = encoded(Exchange(MOMENT, b"1,2\n", "text/csv", ANSWER, b"my-id", b"a=1, b;c"))
    assert uuid.UUID(record["eventMetadata"].pop("eventId")).version == 4
    assert hour == "2022/02/14/17"
    assert record == {
        "captureData": {
            "endpointInput": {"observedContentType": "text/csv", "mode": "INPUT", "data": "1,2\n", "encoding": "CSV"},
            "endpointOutput": {
                "observedContentType": "text/csv; charset=utf-8",
                "mode": "OUTPUT",
                "data": "0.03",
                "encoding": "CSV",
            },
        },
        "eventMetadata": {
            "inferenceId": "my-id",
            "customAttributes": ["a=1, b;c"],
            "inferenceTime": "2022-02-14T17:25:49Z",
        },
        "eventVersion": "0",
    }


def test_what_the_caller_did_not_send_is_left_out() -> None:
    _, record = encoded(Exchange(MOMENT, b"{}", None, ANSWER, None, None))
    assert set(record["eventMetadata"]) == {"eventId", "inferenceTime"}
    assert record["captureData"]["endpointInput"] == {"mode": "INPUT", "data": "e30=", "encoding": "BASE64"}


@pytest.mark.parametrize(
    ("content_type", "body", "encoding"),
    [
        ("application/json", b'{"a": "\xc3\xa9"}', "JSON"),
        ("application/jsonlines", b"{}\n{}\n", "JSON"),
        ("Text/CSV;charset=UTF-8", b"1,2", "CSV"),
        ("application/json", b'{"a": "\xe9"}', "BASE64"),
        ("text/csv; charset=utf-16", "1,2".encode("utf-16"), "BASE64"),
        ("text/html", b"<p>", "BASE64"),
        ("application/x-npy", b"\x93NUMPY", "BASE64"),
    ],
)
def test_the_content_type_decides_the_encoding(content_type: str, body: bytes, encoding: str) -> None:
    _, record = encoded(Exchange(MOMENT, body, content_type, ANSWER, None, None))
    side = record["captureData"]["endpointInput"]
    assert side["encoding"] == encoding
    assert (base64.b64decode(side["data"]) if encoding == "BASE64" else side["data"].encode()) == body
    assert side["observedContentType"] == content_type


def test_the_types_and_the_sides_are_settings() -> None:
    exchange = Exchange(MOMENT, b"1", "text/plain", ANSWER, None, None)
    _, record = encoded(exchange, CaptureSettings(csv_types=("text/plain",), mode="Input"))
    assert record["captureData"]["endpointInput"]["encoding"] == "CSV"
    assert "endpointOutput" not in record["captureData"]
    _, record = encoded(exchange, CaptureSettings(mode="Output"))
    assert set(record["captureData"]) == {"endpointOutput"}


def test_ids_are_distinct() -> None:
    ids = [new() for new in (EventIds(), EventIds()) for _ in range(1000)]
    assert len({uuid.UUID(text.decode()) for text in ids}) == 2000
