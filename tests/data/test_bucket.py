"""The store in a bucket, against a real S3 server over HTTP."""

import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from moto.server import ThreadedMotoServer

from headgate.data.bucket import BucketStore, S3Access
from headgate.data.store import Objects, Store
from headgate.errors import InvalidInput, NotFound, Refused, Unavailable
from headgate.pipeline.log import RunLog
from headgate.pipeline.rollouts import Rollouts
from tests.pipeline.simulated import terms

if TYPE_CHECKING:
    from obstore.store import S3Credential

pytestmark = pytest.mark.slow

ADDRESS = "s3://kept/iris"


def keys() -> "S3Credential":
    return {"access_key_id": "any", "secret_access_key": "any", "token": None, "expires_at": None}


@pytest.fixture(scope="module")
def access() -> Iterator[S3Access]:
    import boto3

    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0)
    server.start()
    host, port = server.get_host_and_port()
    endpoint = f"http://{host}:{port}"
    boto3.client(
        "s3", endpoint_url=endpoint, region_name="us-east-1", aws_access_key_id="any", aws_secret_access_key="any"
    ).create_bucket(Bucket="kept")
    try:
        yield S3Access("us-east-1", keys, endpoint)
    finally:
        server.stop()


@pytest.fixture(params=["folder", "bucket"])
def store(request: pytest.FixtureRequest, tmp_path: Path, access: S3Access) -> Objects:
    """One of each kind, empty: what is said of one holds for the other."""
    return Store(tmp_path) if request.param == "folder" else BucketStore(f"s3://kept/{tmp_path.name}", access)


def test_a_store_is_a_store(store: Objects) -> None:
    store.put("runs/1/000002.json", b"two")
    store.put("runs/1/000001.json", b"one", create_only=True)
    store.put("runs/10/a b.txt", b"")
    assert store.get("runs/1/000001.json") == b"one"
    assert store.list("runs/1") == ["runs/1/000001.json", "runs/1/000002.json"]
    assert store.folders("runs") == ["1", "10"]
    assert store.folders("none") == store.list("none") == []
    assert store.exists("runs/1/000001.json")
    assert not store.exists("runs/1")
    store.put("runs/1/000001.json", b"new")
    assert store.get("runs/1/000001.json") == b"new"
    with pytest.raises(NotFound, match=f"There is no runs/2 in {store}"):
        store.get("runs/2")
    with pytest.raises(Refused, match="exists already"):
        store.put("runs/1/000001.json", b"other", create_only=True)
    with pytest.raises(InvalidInput, match="is not a key"):
        store.put("../runs", b"")


def test_of_64_racers_one_wins(store: Objects) -> None:
    def claim(number: int) -> bool:
        try:
            store.put("log/000001.json", str(number).encode(), create_only=True)
        except Refused:
            return False
        return True

    with ThreadPoolExecutor(64) as pool:
        won = list(pool.map(claim, range(64)))
    assert won.count(True) == 1
    assert store.get("log/000001.json") == str(won.index(True)).encode()


def test_a_write_that_is_sent_again_is_still_ours(access: S3Access) -> None:
    store = BucketStore(ADDRESS, access)
    store.put("again", b"mine", create_only=True)
    store.put("again", b"mine", create_only=True)
    with pytest.raises(Refused):
        store.put("again", b"yours", create_only=True)


def test_a_log_in_a_bucket(access: S3Access) -> None:
    store = BucketStore(ADDRESS, access)
    rollouts = Rollouts(store, "production")
    assert rollouts.latest() is None
    rollouts.start(terms(), at=1.0, by="ada")
    with pytest.raises(Refused, match="at the same moment"):
        rollouts.start(terms(), at=2.0, by="grace")
    first, second = (RunLog(store, "rollouts/production/1") for _ in range(2))
    first.read(), second.read()
    first.append("approve", {}, at=3.0, by="ada")
    with pytest.raises(Refused):
        second.append("reject", {}, at=3.0, by="grace")
    assert [entry.by for entry in second.read()] == ["ada", "ada"]
    assert rollouts.numbers() == [1]
    store.put("rollouts/production/1/000002.json", b'{"number": 2}')
    with pytest.raises(InvalidInput, match=f"{ADDRESS}/rollouts/production/1/000002.json is damaged"):
        rollouts.get(1).run()


def test_an_archive_goes_up_once_and_again_where_it_was_cut(access: S3Access, tmp_path: Path) -> None:
    store, archive = BucketStore(ADDRESS, access), tmp_path / "model.tar.gz"
    archive.write_bytes(b"x" * 100_000)
    store.upload(archive, "packages/abc/model.tar.gz")
    store.put("packages/abc/model.tar.gz", b"y" * 100_000)
    store.upload(archive, "packages/abc/model.tar.gz")
    assert store.get("packages/abc/model.tar.gz")[:1] == b"y", "one of this size is left alone"
    store.put("packages/abc/model.tar.gz", b"y")
    store.upload(archive, "packages/abc/model.tar.gz")
    assert store.get("packages/abc/model.tar.gz") == archive.read_bytes()


def test_errors_say_where_and_what_to_do(access: S3Access) -> None:
    for address in ("s3://UPPER/x", "https://kept/x", "s3://kept/../x", "kept"):
        with pytest.raises(InvalidInput):
            BucketStore(address, access)
    with pytest.raises(NotFound, match="There is no bucket nowhere") as missing:
        BucketStore("s3://nowhere", access).put("k", b"")
    assert "headgate infra deploy" in missing.value.hint
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        dead = S3Access("us-east-1", keys, f"http://127.0.0.1:{taken.getsockname()[1]}")
        with pytest.raises(Unavailable, match="Could not read s3://kept/k"):
            BucketStore("s3://kept", dead).get("k")
