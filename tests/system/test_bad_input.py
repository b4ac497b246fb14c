"""Whatever is given wrong: one clear error, the exit code that `headgate --help` promises, and nothing half-changed."""

import json
import socket
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.serving.models import write_archive, write_code
from tests.system.command_line import ROW, CommandLine
from tests.system.engine import free_port, until

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

ROW_VALUES = json.loads(ROW)
WRONG_USE, NOT_FOUND, NO_ANSWER, FORBIDDEN = 2, 3, 4, 5


@pytest.fixture
def cold(short_folder: Path) -> Iterator[CommandLine]:
    """A project that was never trained, and no engine."""
    line = CommandLine(short_folder)
    line.run("init", "iris", str(line.project))
    yield line
    line.down()


@pytest.fixture(scope="module")
def warm() -> Iterator[CommandLine]:
    """A project with version 1 behind its endpoint."""
    with tempfile.TemporaryDirectory(prefix="hg", dir="/tmp") as folder:
        line = CommandLine(Path(folder))
        line.run("init", "iris", str(line.project))
        line.up()
        try:
            line.new_version()
            line.run("deploy")
            yield line
        finally:
            line.down()


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("task:", "tusk: 1\ntask:", "tusk: unknown key, did you mean task?"),
        ("\n  seed: 7 ", "\n  seed: seven ", 'train/seed: should be a whole number, got "seven"'),
        ("project: iris", "project: [iris", "line 4"),
        ("sklearn:iris", "flowers.csv", "flowers.csv"),
        ("sklearn:iris", "sklearn:irs", "irs"),
    ],
    ids=["unknown key", "wrong type", "not YAML", "missing CSV", "unknown data"],
)
def test_what_is_wrong_in_the_project_is_told(cold: CommandLine, old: str, new: str, said: str) -> None:
    spec = cold.project / "headgate.yaml"
    assert old in spec.read_text()
    spec.write_text(spec.read_text().replace(old, new))
    before = cold.everything()
    assert said in cold.fails(NOT_FOUND if "CSV" in said or "flowers" in said else WRONG_USE, "train")
    assert cold.everything() == before


def test_no_project_is_told(cold: CommandLine, short_folder: Path) -> None:
    for words in (["train"], ["check"], ["package"], ["predict", ROW], ["register"], ["deploy"], ["down"]):
        assert "There is no headgate.yaml in" in cold.fails(NOT_FOUND, *words, cwd=short_folder)
    assert sorted(path.name for path in short_folder.iterdir()) == ["iris"]


def test_no_engine_is_told_by_every_command_that_needs_one(cold: CommandLine) -> None:
    cold.run("train")
    cold.run("package")
    before = cold.everything()
    commands = (
        ["env"],
        ["register"],
        ["approve", "1"],
        ["reject", "1", "--reason", "no"],
        ["deploy"],
        ["invoke", ROW],
        ["down"],
    )
    for words in commands:
        error = cold.fails(NO_ANSWER, *words)
        assert "The engine is not running." in error
        assert "headgate up" in error
    status = cold.call("status")
    assert status.returncode == NO_ANSWER
    assert "The engine is not running." in status.stderr
    assert cold.call("check").returncode == 0
    assert cold.everything() == before


@pytest.mark.parametrize(("taken", "who"), [("--port", "engine"), ("--gateway-port", "gateway")])
def test_a_taken_port_is_told_and_nothing_is_started(cold: CommandLine, taken: str, who: str) -> None:
    other = {"--port": "--gateway-port", "--gateway-port": "--port"}[taken]
    with socket.create_server(("127.0.0.1", 0)) as stranger:
        port = str(stranger.getsockname()[1])
        error = cold.fails(NO_ANSWER, "up", taken, port, other, str(free_port()))
    assert f"Port {port} of the {who} cannot be used: Address already in use." in error
    assert f"headgate up {taken} PORT" in error
    assert cold.home.read() is None
    assert cold.call("status").returncode == NO_ANSWER
    cold.up()


def test_an_unknown_endpoint_is_told(warm: CommandLine) -> None:
    before = warm.everything()
    assert "nowhere" in warm.fails(NOT_FOUND, "invoke", "nowhere", ROW)
    assert "nowhere" in warm.fails(NOT_FOUND, "logs", "nowhere")
    assert "99" in warm.fails(NOT_FOUND, "deploy", "--version", "99")
    assert "nobody" in warm.fails(NOT_FOUND, "invoke", ROW, "--variant", "nobody")
    assert "not_a_feature" in warm.fails(WRONG_USE, "invoke", '{"not_a_feature": 1}')
    assert warm.everything() == before


def corrupt(path: Path) -> None:
    path.write_bytes(b"\x1f\x8b no package at all")


def broken(path: Path) -> None:
    write_archive(path, write_code(path.parent / "content", "raise RuntimeError('a bad day')"))


@pytest.mark.parametrize(
    ("write", "said"),
    [pytest.param(corrupt, "model.tar.gz", id="corrupt"), pytest.param(broken, "a bad day", id="does not start")],
)
def test_a_version_that_cannot_run_leaves_the_old_one_answering(
    warm: CommandLine, write: Callable[[Path], None], said: str
) -> None:
    before = warm.answers()
    number = warm.foreign_version(write.__name__, write)
    with warm.engine.load("iris-production", rate=50, rows=[ROW_VALUES]) as total:
        error = warm.fails(FORBIDDEN, "deploy", "--version", str(number))
        sent = total()
    assert said in error
    assert "went back to" in error
    assert sent.failed == 0, sent.failures
    assert warm.answers() == before
    until(lambda: warm.engine.rows("iris-production") == 1, what="the failed servers are gone")
    warm.run("reject", str(number), "--reason", "damaged")


def test_a_package_damaged_in_the_store_is_told_before_anything_changes(warm: CommandLine) -> None:
    before = warm.answers()
    number = warm.new_version(trees=21)
    stored = warm.home.store / str(warm.run("register")["url"]).removeprefix("s3://")
    stored.write_bytes(b"damaged")
    everything = warm.everything()
    assert f"version {number} is damaged" in warm.fails(WRONG_USE, "deploy", "--version", str(number))
    assert warm.everything() == everything
    assert warm.answers() == before
    warm.run("reject", str(number), "--reason", "damaged")


def test_a_first_version_that_does_not_start_fails_and_can_be_mended(warm: CommandLine) -> None:
    first = CommandLine(warm.folder)
    first.project = warm.folder / "first"
    first.run("init", "iris", str(first.project))
    spec = first.project / "headgate.yaml"
    spec.write_text(spec.read_text().replace("project: iris", "project: first"))
    number = first.foreign_version("first", broken)
    error = first.fails(NO_ANSWER, "deploy", "--version", str(number))
    assert "Endpoint first-production is Failed" in error
    assert "a bad day" in error
    assert "not" in first.fails(NOT_FOUND, "invoke", ROW)
    assert warm.answers()
    first.new_version()
    first.run("deploy")
    first.run("invoke", ROW)
    first.run("down")


def test_an_unknown_image_is_told(warm: CommandLine) -> None:
    before = warm.answers()
    arn = warm.engine.sagemaker.create_model_package(
        ModelPackageGroupName="iris",
        ModelApprovalStatus="Approved",
        InferenceSpecification={
            "Containers": [{"Image": "registry.example/mystery:1", "ModelDataUrl": warm.engine.put_linear("mystery")}],
            "SupportedContentTypes": ["text/csv"],
            "SupportedResponseMIMETypes": ["text/csv"],
        },
    )["ModelPackageArn"]
    error = warm.fails(FORBIDDEN, "deploy", "--version", arn.rpartition("/")[2])
    assert "Image 'registry.example/mystery:1' is not known" in error
    assert "settings.toml" in error
    assert warm.answers() == before
    warm.engine.sagemaker.delete_model_package(ModelPackageName=arn)


def test_the_exit_codes_are_the_documented_ones(cold: CommandLine) -> None:
    said = cold.call("--help").stdout
    documented = {int(line.split()[0]) for line in said.splitlines() if line.strip()[:1].isdigit()}
    assert {WRONG_USE, NOT_FOUND, NO_ANSWER, FORBIDDEN} < documented
