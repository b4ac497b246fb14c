import gzip
import io
import os
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from headgate.core.archive import extract
from headgate.errors import HeadgateError, InvalidInput, NotFound, Refused

Edit = Callable[[tarfile.TarInfo], None]


def make(path: Path, *members: tuple[str, bytes], edit: Edit | None = None) -> Path:
    with tarfile.open(path, "w:gz") as tar:
        for name, data in members:
            info = tarfile.TarInfo(name)
            info.size = len(data)
            if edit:
                edit(info)
            tar.addfile(info, io.BytesIO(data))
    return path


def retype(kind: bytes) -> Edit:
    def edit(info: tarfile.TarInfo) -> None:
        info.type, info.linkname, info.size = kind, "/etc/passwd", 0

    return edit


def test_unpacks_files_and_folders_with_the_usual_modes(tmp_path: Path) -> None:
    archive = make(tmp_path / "a.tar.gz", ("./model.onnx", b"1"), ("code/deep/inference.py", b"2" * 3_000_000))
    names = extract(archive, tmp_path / "new" / "model")
    assert names == ["model.onnx", "code/deep/inference.py"]
    assert (tmp_path / "new" / "model" / "code" / "deep" / "inference.py").stat().st_size == 3_000_000
    umask = os.umask(0)
    os.umask(umask)
    assert (tmp_path / "new" / "model").stat().st_mode & 0o777 == 0o777 & ~umask
    assert [p.name for p in (tmp_path / "new").iterdir()] == ["model"]


def test_modes_and_owners_of_the_archive_are_ignored(tmp_path: Path) -> None:
    def edit(info: tarfile.TarInfo) -> None:
        info.mode, info.uid = 0o6777, 12345

    extract(make(tmp_path / "a.tar.gz", ("model", b"1"), edit=edit), tmp_path / "out")
    found = (tmp_path / "out" / "model").stat()
    assert found.st_mode & 0o6111 == 0
    assert found.st_uid == os.getuid()


@pytest.mark.parametrize(
    ("names", "edit", "reason"),
    [
        (["../evil"], None, "does not stay inside"),
        (["a/../../evil"], None, "does not stay inside"),
        (["/tmp/evil"], None, "does not stay inside"),
        (["a\nb"], None, "does not stay inside"),
        (["a"], retype(tarfile.SYMTYPE), "is a link"),
        (["a"], retype(tarfile.LNKTYPE), "is a link"),
        (["a"], retype(tarfile.FIFOTYPE), "neither a plain file"),
        (["a"], retype(tarfile.CHRTYPE), "neither a plain file"),
        (["a", "a"], None, "twice"),
        (["a", "./a"], None, "twice"),
        (["a", "a/b"], None, "both a file and a folder"),
        (["a/b", "a"], None, "both a file and a folder"),
        (["."], None, "without a name"),
        ([], None, "no files"),
        (["folder"], retype(tarfile.DIRTYPE), "no files"),
    ],
)
def test_dangerous_archives_are_refused_and_leave_nothing(
    tmp_path: Path, names: list[str], edit: Edit | None, reason: str
) -> None:
    archive = make(tmp_path / "a.tar.gz", *((name, b"x") for name in names), edit=edit)
    with pytest.raises(InvalidInput, match=reason) as caught:
        extract(archive, tmp_path / "out")
    assert str(archive) in caught.value.message
    assert [p.name for p in tmp_path.iterdir()] == ["a.tar.gz"]


def test_bounds_hold(tmp_path: Path) -> None:
    archive = make(tmp_path / "a.tar.gz", ("a", b"x" * 1000), ("b", b"y" * 1000))
    with pytest.raises(InvalidInput, match="more than 1,999 bytes"):
        extract(archive, tmp_path / "out", max_bytes=1999)
    with pytest.raises(InvalidInput, match="more than 1 members"):
        extract(archive, tmp_path / "out", max_members=1)
    assert extract(archive, tmp_path / "out", max_bytes=2000, max_members=2) == ["a", "b"]


def test_a_huge_header_is_a_bomb_too(tmp_path: Path) -> None:
    archive = tmp_path / "a.tar.gz"
    with tarfile.open(archive, "w:gz", format=tarfile.PAX_FORMAT) as tar:
        info = tarfile.TarInfo("a")
        info.pax_headers = {"comment": "x" * 8_000_000}
        tar.addfile(info)
    with pytest.raises(InvalidInput, match="headers or its padding"):
        extract(archive, tmp_path / "out")


def test_endless_padding_is_refused(tmp_path: Path) -> None:
    archive = make(tmp_path / "a.tar.gz", ("a", b"x"))
    archive.write_bytes(gzip.compress(gzip.decompress(archive.read_bytes()) + bytes(5_000_000)))
    with pytest.raises(InvalidInput, match="headers or its padding"):
        extract(archive, tmp_path / "out")


def test_a_folder_in_use_and_a_missing_archive_are_refused(tmp_path: Path) -> None:
    archive = make(tmp_path / "a.tar.gz", ("a", b"x"))
    (tmp_path / "out").mkdir()
    assert extract(archive, tmp_path / "out") == ["a"]
    with pytest.raises(Refused, match="in use"):
        extract(archive, tmp_path / "out")
    with pytest.raises(NotFound):
        extract(tmp_path / "none.tar.gz", tmp_path / "other")


@pytest.mark.parametrize(
    "content",
    [b"", b"not gzip", gzip.compress(b"not tar" * 1000, mtime=0), gzip.compress(b"", mtime=0)],
    ids=["empty", "not gzip", "gzip of no tar", "gzip of nothing"],
)
def test_what_is_not_an_archive_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.tar.gz").write_bytes(content)
    with pytest.raises(InvalidInput, match="cannot be unpacked"):
        extract(tmp_path / "a.tar.gz", tmp_path / "out")


@settings(max_examples=60, deadline=None)
@given(cut=st.integers(0, 10_000), flip=st.integers(0, 10_000), by=st.integers(1, 255))
def test_damage_anywhere_is_found_or_harmless(
    tmp_path_factory: pytest.TempPathFactory, cut: int, flip: int, by: int
) -> None:
    folder = tmp_path_factory.mktemp("damage")
    whole = make(folder / "whole.tar.gz", ("model", os.urandom(300)), ("code/inference.py", b"import os\n" * 30))
    data = bytearray(whole.read_bytes())
    extract(whole, folder / "good")
    data[flip % len(data)] ^= by
    for number, damaged in enumerate((bytes(data), whole.read_bytes()[: cut % len(data)])):
        broken = folder / f"{number}.tar.gz"
        broken.write_bytes(damaged)
        try:
            extract(broken, folder / f"out{number}")
        except HeadgateError:
            assert not (folder / f"out{number}").exists()
        else:  # only gzip's own header (time, system) may differ without harm
            assert (folder / f"out{number}" / "model").read_bytes() == (folder / "good" / "model").read_bytes()
