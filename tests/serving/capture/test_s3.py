"""Real model servers that capture into a real S3 server, over HTTP."""

import json
import re
import socket
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import httpx
import obstore
import pytest
from moto.server import ThreadedMotoServer
from obstore.store import S3Store

from headgate.serving.capture.spool import FolderFiles
from tests.serving.capture.rig import PLACE, captured, until
from tests.serving.models import write_package
from tests.serving.process import running, short_folder

pytestmark = pytest.mark.slow

BUCKET = "captured"
KEY = re.compile(rf"kept/{PLACE}/\d{{4}}/\d\d/\d\d/\d\d/[\w-]+\.jsonl")
KEYS = {"AWS_ACCESS_KEY_ID": "any", "AWS_SECRET_ACCESS_KEY": "any", "AWS_REGION": "us-east-1"}


@pytest.fixture
def folder() -> Iterator[Path]:
    with short_folder() as folder:
        write_package(folder / "model")
        yield folder


@pytest.fixture
def s3() -> Iterator[str]:
    """The endpoint's URL."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0)
    server.start()
    host, port = server.get_host_and_port()
    try:
        yield f"http://{host}:{port}"
    finally:
        server.stop()


@pytest.fixture
def nowhere() -> Iterator[str]:
    """An endpoint that refuses connections: a port that is taken, with nobody listening."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield f"http://127.0.0.1:{taken.getsockname()[1]}"


def environment(folder: Path, endpoint: str) -> dict[str, str]:
    where, variant = PLACE.split("/")
    return KEYS | {
        "AWS_ENDPOINT_URL": endpoint,
        "HEADGATE_BIND": f"unix:{folder}/s",
        "HEADGATE_ENDPOINT": where,
        "HEADGATE_VARIANT": variant,
        "HEADGATE_CAPTURE": f"s3://{BUCKET}/kept",
        "HEADGATE_CAPTURE_SPOOL": str(folder / "spool"),
    }


def invoke(client: httpx.Client, ids: range) -> None:
    for name in ids:
        headers = {"x-amzn-sagemaker-inference-id": str(name)}
        assert client.post("/invocations", json={"x": 1.0, "y": 2.0}, headers=headers).status_code == 200


def reads(client: httpx.Client, line: str) -> bool:
    """Whether the metrics have this line now."""
    return line in client.get("/metrics").text


def in_bucket(endpoint: str) -> list[str]:
    """The inference ids of all records in the bucket."""
    store = S3Store(
        BUCKET, endpoint=endpoint, access_key_id="any", secret_access_key="any", client_options={"allow_http": True}
    )
    keys = [found["path"] for found in obstore.list(store).collect()]
    assert all(KEY.fullmatch(key) for key in keys), keys
    lines = [line for key in keys for line in obstore.get(store, key).bytes().to_bytes().splitlines()]
    return [json.loads(line)["eventMetadata"]["inferenceId"] for line in lines]


def test_whatever_was_answered_arrives_sooner_or_later(folder: Path, s3: str, nowhere: str) -> None:
    spool = folder / "spool"
    with running(folder / "model", **environment(folder, nowhere)) as server, server.client() as client:
        invoke(client, range(50))
        until(lambda: len(captured(spool, torn=True)) == 50)
        (inner,) = spool.iterdir()
        living = FolderFiles(inner, PLACE)
        assert living.adopt() == [], "its process lives"
        living.close()
        assert reads(client, 'headgate_capture_dropped_total{reason="spool_full"} 0\n')
        server.process.kill()
        server.wait()
    with next(spool.rglob("*.jsonl")).open("ab") as torn:
        torn.write(b'{"captureData":')
    assert httpx.put(f"{s3}/{BUCKET}").status_code == 200
    with running(folder / "model", **environment(folder, s3)) as server, server.client() as client:
        until(lambda: len(in_bucket(s3)) == 50)
        invoke(client, range(50, 100))
        assert server.end() == 0
    assert sorted(map(int, in_bucket(s3))) == list(range(100))
    assert list(inner.iterdir()) == []


def test_only_what_exceeds_the_bound_is_dropped(folder: Path, nowhere: str) -> None:
    (folder / "spool").touch()  # no folder can be made: 16 MiB in memory
    body = b'{"x": 1, "y": 2}'.ljust(6_000_000)
    with running(folder / "model", **environment(folder, nowhere)) as server, server.client() as client:
        for reading in ("records_total 1", "records_total 2", 'dropped_total{reason="spool_full"} 1'):
            answer = client.post("/invocations", content=body, headers={"content-type": "application/json"})
            assert answer.status_code == 200
            until(partial(reads, client, f"headgate_capture_{reading}\n"))
        assert reads(client, "headgate_capture_records_total 2\n")
