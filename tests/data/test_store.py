import multiprocessing
import os
from pathlib import Path

import pytest

from headgate.data.store import LocalBuckets, Store, sweep
from headgate.errors import InvalidInput, NotFound, Refused


def test_bytes_come_back_by_key(tmp_path: Path) -> None:
    store = Store.open(tmp_path / "store")
    store.put("runs/1/000002.json", b"two")
    store.put("runs/1/000001.json", b"one")
    store.put("other/a b.txt", b"")
    assert store.get("runs/1/000001.json") == b"one"
    assert store.get("other/a b.txt") == b""
    assert store.list("runs/1") == store.list("runs/1/") == ["runs/1/000001.json", "runs/1/000002.json"]
    assert store.list() == ["other/a b.txt", "runs/1/000001.json", "runs/1/000002.json"]
    assert store.list("runs/none") == []
    assert store.exists("runs/1/000001.json")
    assert not store.exists("runs/1")
    store.put("runs/1/000001.json", b"new")
    assert Store.open(tmp_path / "store").get("runs/1/000001.json") == b"new"


def test_a_missing_key(tmp_path: Path) -> None:
    store = Store.open(tmp_path)
    store.put("a/b", b"")
    for key in ("none", "a", "a/b/c"):
        with pytest.raises(NotFound, match=f"There is no {key} in"):
            store.get(key)


def test_create_only_refuses_an_existing_key(tmp_path: Path) -> None:
    store = Store.open(tmp_path)
    store.put("k", b"first", create_only=True)
    with pytest.raises(Refused, match="exists already"):
        store.put("k", b"second", create_only=True)
    assert store.get("k") == b"first"
    assert [path.name for path in tmp_path.iterdir()] == ["k"]


@pytest.mark.parametrize("key", ["k/below", "k/further/below"])
def test_a_key_below_a_key_is_refused(tmp_path: Path, key: str) -> None:
    store = Store.open(tmp_path)
    store.put("k", b"")
    with pytest.raises(Refused):
        store.put(key, b"")
    store.put("folder/k", b"")
    with pytest.raises(Refused):
        store.put("folder", b"")


def _claim(folder: Path, number: int) -> bool:
    try:
        Store(folder).put("log/000001.json", str(number).encode(), create_only=True)
    except Refused:
        return False
    return True


def test_of_racing_processes_one_wins(tmp_path: Path) -> None:
    with multiprocessing.get_context("spawn").Pool(4) as pool:
        won = pool.starmap(_claim, [(tmp_path, number) for number in range(40)])
    assert won.count(True) == 1
    assert Store.open(tmp_path).get("log/000001.json") == str(won.index(True)).encode()
    assert len(list((tmp_path / "log").iterdir())) == 1


@pytest.mark.parametrize(
    "key", ["", "/etc/passwd", "../x", "a/../../x", "a//b", "a/", "./a", "a\x00", "a\nb", "a#1", "a\\b"]
)
def test_keys_that_could_lead_elsewhere(tmp_path: Path, key: str) -> None:
    store = Store.open(tmp_path / "store")
    with pytest.raises(InvalidInput, match="is not a key"):
        store.put(key, b"")
    with pytest.raises(InvalidInput):
        store.get(key)
    with pytest.raises(InvalidInput, match="is not"):
        LocalBuckets(tmp_path).open(f"s3://bucket/{key}")


def test_leftovers_of_killed_writers_are_swept_and_young_ones_left(tmp_path: Path) -> None:
    store = Store.open(tmp_path)
    store.put("a/k", b"kept")
    for name in ("old#1", "young#22"):
        (tmp_path / "a" / name).write_bytes(b"half")
    os.utime(tmp_path / "a" / "old#1", (0, 0))
    assert store.list() == ["a/k"]
    Store.open(tmp_path)
    assert sorted(path.name for path in (tmp_path / "a").iterdir()) == ["k", "young#22"]
    assert [path.name for path in sweep(tmp_path, older_than=0)] == ["young#22"]


def test_buckets_are_folders(tmp_path: Path) -> None:
    buckets = LocalBuckets(tmp_path / "store")
    source = tmp_path / "model.tar.gz"
    source.write_bytes(b"archive")
    url = "s3://headgate-local/iris/abc/model.tar.gz"
    with pytest.raises(NotFound, match="There is no object s3://"):
        buckets.open(url)
    buckets.upload(source, url)
    assert buckets.open(url) == tmp_path / "store" / "headgate-local" / "iris" / "abc" / "model.tar.gz"
    assert buckets.open(url).read_bytes() == b"archive"


@pytest.mark.parametrize(
    "url", ["https://b.s3/k", "s3://../k", "s3:///k", "s3://bucket", "/etc/passwd", "s3://b_/k", ""]
)
def test_other_addresses_are_refused(tmp_path: Path, url: str) -> None:
    with pytest.raises(InvalidInput):
        LocalBuckets(tmp_path).open(url)


def test_a_link_out_of_the_store_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("x")
    (tmp_path / "store" / "bucket").mkdir(parents=True)
    (tmp_path / "store" / "bucket" / "k").symlink_to(tmp_path / "secret")
    with pytest.raises(NotFound):
        LocalBuckets(tmp_path / "store").open("s3://bucket/k")
