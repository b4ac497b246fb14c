"""The CDK's command line: what would be typed, and what is said where it cannot be fetched."""

import os
import subprocess
from pathlib import Path

import pytest

from headgate.core.progress import silent
from headgate.errors import Refused, Unavailable
from headgate.infra.assembly import require_free, write
from headgate.infra.node import find
from headgate.infra.toolkit import PACKAGE, Toolkit, install, require
from tests.infra.conftest import Assembly, folder_of
from tests.infra.projects import site_of


def test_it_is_kept_in_the_users_cache_under_its_version(tmp_path: Path) -> None:
    kit = Toolkit.of(find({}), {"XDG_CACHE_HOME": str(tmp_path)})
    assert kit.folder == tmp_path / "headgate" / "aws-cdk-2.1148.1"
    assert kit.install_command()[-1] == PACKAGE == "aws-cdk@2.1148.1"
    assert "--ignore-scripts" in kit.install_command()
    assert Toolkit.of(find({}), {"XDG_CACHE_HOME": "relative"}).folder.is_absolute()


@pytest.mark.slow
def test_offline_says_so_and_leaves_nothing(tmp_path: Path, unreachable: dict[str, str]) -> None:
    kit = Toolkit.of(find({}), {"XDG_CACHE_HOME": str(tmp_path)})
    with pytest.raises(Unavailable, match=r"aws-cdk@2\.1148\.1.* cannot be fetched: .*ECONNREFUSED") as caught:
        install(kit, silent, unreachable)
    assert "`headgate infra synth` needs none of it" in caught.value.hint
    assert [*kit.folder.parent.iterdir()] == []


@pytest.fixture
def unreachable() -> dict[str, str]:
    """Settings of npm's with a registry that nobody listens at."""
    return {**os.environ, "npm_config_registry": "http://127.0.0.1:9/", "npm_config_fetch_retries": "0"}


def test_a_failed_call_is_an_error() -> None:
    require(0, "deploy")
    with pytest.raises(Unavailable, match="cdk deploy ended with exit code 1"):
        require(1, "deploy")


@pytest.mark.proof
def test_the_pinned_command_line_reads_what_ours_writes(tmp_path: Path, iris: Assembly) -> None:
    """Fetches it from npm's registry."""
    kit = Toolkit.of(find({}), {"XDG_CACHE_HOME": str(tmp_path)})
    install(kit, silent, os.environ)
    listed = subprocess.run(
        kit.command("list", folder_of(iris)), capture_output=True, text=True, check=True, timeout=60
    )
    names = [line.split(" ")[0] for line in listed.stdout.splitlines()]
    assert names == ["base", "watch", "delivery", "machine", "front", "github"]


@pytest.mark.slow
@pytest.mark.usefixtures("assemblies")
def test_an_assembly_replaces_an_assembly_and_nothing_else(tmp_path: Path) -> None:
    folder = tmp_path / "cdk.out" / "production"
    first = write(site_of("iris"), folder, os.environ, silent)
    again = write(site_of("student"), folder, os.environ, silent)
    assert {stack.template.parent for stack in (*first, *again)} == {folder}
    assert not (folder / "github.template.json").exists()
    assert [*folder.parent.iterdir()] == [folder]
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("words")
    with pytest.raises(Refused, match="holds something else"):
        write(site_of("iris"), tmp_path / "mine", os.environ, silent)
    with pytest.raises(Refused, match="holds something else"):
        require_free(tmp_path / "mine" / "thesis.txt")
    assert [path.name for path in (tmp_path / "mine").iterdir()] == ["thesis.txt"]


def test_an_assembly_that_cannot_be_put_in_place_leaves_the_old_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "cdk.out"
    folder.mkdir()
    for mark in ("cdk.out", "manifest.json"):
        (folder / mark).write_text("old")
    monkeypatch.setattr("headgate.infra.assembly.synthesise", lambda *_: [])  # it is gone before it can be moved
    with pytest.raises(Unavailable, match="cannot be written"):
        write(site_of("iris"), folder, {}, silent)
    assert (folder / "manifest.json").read_text() == "old"
    assert [*tmp_path.iterdir()] == [folder]
