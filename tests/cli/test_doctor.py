"""`headgate doctor`: which package, which server, how it is told, with which exit code."""

import json
import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

import pytest

from headgate.data.packages import PackageRecord, Packages
from tests.cli.conftest import Run
from tests.serving.models import write_archive, write_package

FOREIGN = str(Path(__file__).parents[1] / "doctor" / "foreign.py")


@pytest.fixture
def project(headgate: Run, tmp_path: Path) -> Path:
    """A project with one package, of a run that is not there any more."""
    folder = tmp_path / "iris"
    assert headgate("init", "iris", str(folder)).returncode == 0
    archive = write_archive(tmp_path / "model.tar.gz").read_bytes()
    now = datetime.now(UTC).isoformat()
    record = PackageRecord("iris", "classification", "20260101T000000000Z-00000000", now, {}, "", "", None, {})
    Packages(folder / ".headgate").add(archive, record)
    return folder


@pytest.mark.slow
def test_the_newest_package_is_sound(headgate: Run, project: Path) -> None:
    ran = headgate("doctor", "--quick", cwd=project)
    assert ran.returncode == 0, ran.stdout
    assert "VERDICT  CHECK" in ran.stdout
    assert "failed" not in ran.stdout.replace("0 failed", "")
    assert ran.stdout.endswith("The contract holds.\n")
    assert "Traceback" not in ran.stderr


@pytest.mark.slow
def test_a_foreign_server_is_told_what_is_wrong_and_what_to_do(headgate: Run, project: Path) -> None:
    digest = Packages(project / ".headgate").latest().digest
    server = [sys.executable, FOREIGN, "serve", "bad-500"]
    ran = headgate("doctor", digest[:8], "-C", str(project), "--quick", "--", *server)
    assert ran.returncode == 1
    assert "failed: bad-input\n  expected (HTTP): 400" in ran.stdout
    assert "  seen: an empty body: 500" in ran.stdout
    assert "  remedy: Catch what parsing and validation raise" in ran.stdout
    assert ran.stdout.endswith("The contract is broken.\n")


@pytest.mark.slow
def test_one_json_document(headgate: Run, tmp_path: Path) -> None:
    folder = write_package(tmp_path / "model")
    (folder / "schema.json").unlink()
    server = [sys.executable, FOREIGN, "serve"]
    sample = ["--sample", "1.0,2.0", "--content-type", "text/csv"]
    ran = headgate("doctor", str(folder), *sample, "--json", "--quick", "--", *server)
    document = json.loads(ran.stdout)
    assert ran.returncode == 1
    assert document["package"] == str(folder)
    assert document["command"] == server
    assert [c["name"] for c in document["checks"] if c["verdict"] == "failed"] == ["archive-digests"]
    (sample_check,) = [check for check in document["checks"] if check["name"] == "sample"]
    assert sample_check["verdict"] == "ok"
    assert sum(document["counts"].values()) == len(document["checks"])


@pytest.mark.slow
def test_a_doctor_that_is_stopped_takes_the_server_with_it(tmp_path: Path) -> None:
    folder, started = write_package(tmp_path / "model"), tmp_path / "started"
    server = [sys.executable, FOREIGN, "serve", "never-ready", f"writes={started}"]
    doctor = subprocess.Popen(
        [sys.executable, "-m", "headgate", "doctor", str(folder), "--quick", "--", *server], stderr=subprocess.DEVNULL
    )
    deadline = time.monotonic() + 30
    while not (started.exists() and started.read_text()):
        assert time.monotonic() < deadline
    assert Path(f"/proc/{started.read_text()}").exists()
    doctor.terminate()
    assert doctor.wait(30) == 130
    assert not Path(f"/proc/{started.read_text()}").exists()


@pytest.mark.parametrize(
    ("args", "code", "said"),
    [
        (["no-such-thing"], 3, "There is no such file, and no package begins with 'no-such-thing'."),
        (["--sample", "{"], 2, "The input is not JSON"),
        (["--", "no-such-server", "serve"], 2, "'no-such-server' cannot be started"),
        (["--sample"], 2, "requires an argument"),
    ],
)
def test_wrong_use(headgate: Run, project: Path, args: list[str], code: int, said: str) -> None:
    ran = headgate("doctor", *args, cwd=project)
    assert ran.returncode == code
    assert said in ran.stderr
    assert not ran.stdout
