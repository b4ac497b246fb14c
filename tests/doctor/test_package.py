"""The package as it lies: archives that somebody else made, digests, hooks."""

import io
import json
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest

from headgate.doctor import examine
from headgate.doctor.check import Verdict
from headgate.doctor.package import (
    Package,
    look_at_digests,
    look_at_hooks,
    look_at_layout,
    look_at_size,
    unpack,
)
from tests.serving.models import write_code, write_package

HOOKS = "def model_fn(model_dir): pass\nasync def predict_fn(data, model): pass\n"


def packed(folder: Path, *members: tuple[str, bytes | None]) -> Path:
    """An archive of members as given; None makes a link."""
    path = folder / "model.tar.gz"
    with tarfile.open(path, "w:gz") as archive:
        for name, content in members:
            member = tarfile.TarInfo(name)
            member.size = len(content or b"")
            if content is None:
                member.type, member.linkname = tarfile.SYMTYPE, "/etc/passwd"
            archive.addfile(member, io.BytesIO(content or b""))
    return path


def opened(path: Path, folder: Path, *, foreign: bool = False) -> Package:
    names = unpack(path, folder)
    return Package(folder, None if path.is_dir() else path, tuple(names), foreign)


@pytest.mark.parametrize(
    ("member", "said"), [(("model", None), "is a link"), (("../model.bin", b"x"), "does not stay inside")]
)
def test_an_unsafe_archive_ends_the_examination(tmp_path: Path, member: tuple[str, bytes | None], said: str) -> None:
    report = examine(packed(tmp_path, member))
    results = {result.name: result for result in report.results}
    assert results["archive"].verdict == "failed"
    assert said in results["archive"].seen
    assert {result.verdict for name, result in results.items() if name != "archive"} == {"skipped"}


@pytest.mark.parametrize(
    ("names", "verdict", "said"),
    [
        (["model.onnx", "code/inference.py"], "ok", "code, model.onnx"),
        (["iris/model.onnx", "iris/code/inference.py"], "failed", "everything is in the folder iris/"),
        (["code/inference.py"], "ok", "code"),
        (["model.onnx", "._model.onnx", "code/__pycache__/a.pyc"], "warning", "._model.onnx and 1 more"),
    ],
)
def test_layout(tmp_path: Path, names: list[str], verdict: Verdict, said: str) -> None:
    finding = look_at_layout(opened(packed(tmp_path, *((name, b"x") for name in names)), tmp_path / "out"))
    assert finding.verdict == verdict
    assert said in finding.seen


def test_a_folder_with_a_link_cannot_be_packed(tmp_path: Path) -> None:
    folder = write_package(tmp_path / "model")
    (folder / "weights").symlink_to(folder / "model.onnx")
    assert look_at_size(opened(folder, tmp_path / "out")).verdict == "failed"


@pytest.mark.parametrize(
    ("change", "verdict", "said"),
    [
        (Path.exists, "ok", "2 files are as packaged"),
        (lambda folder: (folder / "schema.json").write_text("{}"), "failed", "schema.json was changed"),
        (lambda folder: (folder / "model.onnx").unlink(), "failed", "model.onnx is missing"),
        (lambda folder: (folder / "late.txt").write_text(""), "warning", "late.txt"),
        (lambda folder: (folder / "headgate.json").write_text(json.dumps({"format": 9})), "failed", "cannot be read"),
        (lambda folder: (folder / "headgate.json").unlink(), "skipped", "did not make this package"),
    ],
)
def test_digests(tmp_path: Path, change: Callable[[Path], object], verdict: Verdict, said: str) -> None:
    folder = write_package(tmp_path / "model")
    change(folder)
    finding = look_at_digests(opened(folder, tmp_path / "out"))
    assert finding.verdict == verdict
    assert said in finding.seen


@pytest.mark.parametrize(
    ("source", "verdict", "said"),
    [
        (HOOKS, "ok", "model_fn, predict_fn"),
        ("from hooks import *", "ok", "what it imports"),
        ("def predict_fn(data, model): pass", "failed", "does not define model_fn"),
        ("model_fn = open", "failed", "does not define predict_fn or transform_fn"),
        ("def model_fn(", "failed", "is not Python"),
    ],
)
def test_hooks(tmp_path: Path, source: str, verdict: Verdict, said: str) -> None:
    finding = look_at_hooks(opened(write_code(tmp_path / "model", source), tmp_path / "out"))
    assert finding.verdict == verdict
    assert said in finding.seen


@pytest.mark.parametrize("name", ["model.onnx", "text.json"])
def test_a_model_that_is_data_needs_no_hooks(tmp_path: Path, name: str) -> None:
    finding = look_at_hooks(opened(packed(tmp_path, (name, b"{}")), tmp_path / "out"))
    assert (finding.verdict, finding.seen.partition(":")[0]) == ("ok", "not needed")


def test_a_package_without_model_or_code(tmp_path: Path) -> None:
    path = packed(tmp_path, ("readme.txt", b"hello"))
    assert look_at_hooks(opened(path, tmp_path / "out")).verdict == "failed"
    assert look_at_hooks(opened(path, tmp_path / "foreign", foreign=True)).verdict == "skipped"
