"""Versions: pinned, fitting, installed."""

from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path

import pytest

from headgate.doctor.check import Verdict
from headgate.doctor.package import Package
from headgate.doctor.pins import look_at_conflicts, look_at_installed, look_at_pins

HERE = version("numpy")


def package(
    folder: Path, requirements: str, recorded: Mapping[str, str] | None = None, *, foreign: bool = False
) -> Package:
    (folder / "code").mkdir()
    (folder / "code" / "requirements.txt").write_text(requirements)
    return Package(folder, None, ("code/requirements.txt",), foreign, recorded or {})


@pytest.mark.parametrize(
    ("requirements", "verdict", "said"),
    [
        ("numpy==2.3.1\nscikit-learn[extra]===1.7.0 ; python_version > '3'\n", "ok", "2 requirements"),
        ("# nothing\n\nnumpy==2.3.1 \\\n    --hash=sha256:00  # why\n", "ok", "1 requirements"),
        ("numpy>=2\npandas\nscipy==1.*\n", "warning", "not pinned: numpy>=2, pandas, scipy==1.*"),
        ("-r other.txt\ngit+ssh://host/repo\n", "warning", "-r other.txt, git+ssh://host/repo"),
    ],
)
def test_pins(tmp_path: Path, requirements: str, verdict: Verdict, said: str) -> None:
    finding = look_at_pins(package(tmp_path, requirements))
    assert finding.verdict == verdict
    assert said in finding.seen


@pytest.mark.parametrize(
    ("requirements", "verdict", "said"),
    [
        ("numpy==1.26.4\npandas==1.0\n", "failed", "numpy==1.26.4, but Headgate needs >=2"),
        (f"numpy=={HERE}\n", "ok", "1 pins agree"),
        ("numpy==1.26.4; python_version < '3'\n", "ok", "0 pins agree"),
    ],
)
def test_conflicts(tmp_path: Path, requirements: str, verdict: Verdict, said: str) -> None:
    finding = look_at_conflicts(package(tmp_path, requirements))
    assert finding.verdict == verdict
    assert said in finding.seen


@pytest.mark.parametrize(
    ("requirements", "recorded", "verdict", "said"),
    [
        ("numpy==1.26.4\n", {}, "warning", f"numpy 1.26.4 (here {HERE})"),
        ("No_Such.Thing==1\n", {}, "warning", "no-such-thing 1 (here none)"),
        ("", {"numpy": HERE, "not-installed-for-serving": "3"}, "ok", f"numpy {HERE}"),
        ("", {"python": "2.7.18"}, "warning", "python 2.7.18 (here 3."),
        ("", {}, "skipped", "neither pins nor recorded"),
    ],
)
def test_installed(tmp_path: Path, requirements: str, recorded: dict[str, str], verdict: Verdict, said: str) -> None:
    finding = look_at_installed(package(tmp_path, requirements, recorded))
    assert finding.verdict == verdict
    assert said in finding.seen


def test_a_foreign_server_has_versions_of_its_own(tmp_path: Path) -> None:
    foreign = package(tmp_path, "numpy==1.26.4\n", foreign=True)
    assert look_at_conflicts(foreign).verdict == look_at_installed(foreign).verdict == "skipped"


def test_without_requirements_there_is_nothing_to_pin(tmp_path: Path) -> None:
    assert look_at_pins(Package(tmp_path, None, ())).verdict == "skipped"
