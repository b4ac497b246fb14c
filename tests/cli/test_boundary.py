"""The boundary: interrupts, broken pipes, full disks and bugs become words and exit codes."""

import errno
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import click
import pytest

from headgate.__main__ import run
from headgate.errors import HeadgateError, Refused, SpecError


def failing(error: BaseException) -> click.Group:
    """A command line whose command `go` raises `error`."""

    def go(**_: object) -> None:
        raise error

    return click.Group(commands=[click.Command("go", callback=go, params=[click.Option(["--json"], is_flag=True)])])


@pytest.mark.parametrize(
    ("error", "code", "said"),
    [
        (Refused("Not now.", hint="Wait."), 5, "error: Not now.\n  hint: Wait.\n"),
        (SpecError("bad.yaml:", ["a: x", "b: y"]), 2, "error: bad.yaml:\n  a: x\n  b: y\n"),
        (HeadgateError("No."), 1, "error: No.\n"),
        (OSError(errno.ENOSPC, "No space left", "/data/x"), 4, "The disk is full while writing /data/x."),
        (OSError(errno.ENOSPC, "No space left"), 4, "The disk is full."),
        (PermissionError(errno.EACCES, "Permission denied", "/srv/x"), 5, "No permission: /srv/x."),
        (FileNotFoundError(errno.ENOENT, "No such file or directory", "in.json"), 3, "in.json: No such file"),
        (KeyboardInterrupt(), 130, "Interrupted."),
    ],
)
def test_an_error_is_words_and_a_code(
    error: BaseException, code: int, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["go"], failing(error)) == code
    out, err = capsys.readouterr()
    assert said in err
    assert "Traceback" not in err
    assert not out


def test_with_json_the_error_is_one_document_on_stdout(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["go", "--json"], failing(Refused("Not now.", hint="Wait."))) == 5
    out, err = capsys.readouterr()
    assert json.loads(out) == {"error": {"type": "Refused", "message": "Not now.", "hint": "Wait."}}
    assert not err


def test_a_bug_is_one_line_and_a_traceback_in_a_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("HEADGATE_HOME", str(tmp_path))
    (tmp_path / "logs").mkdir()
    assert run(["go"], failing(ZeroDivisionError("oh"))) == 70
    err = capsys.readouterr().err
    assert err.startswith("error: Internal error: ZeroDivisionError: oh\n")
    [saved] = (tmp_path / "logs").iterdir()
    assert str(saved) in err
    assert "Traceback" in saved.read_text()


@pytest.mark.parametrize("args", [["--help"], ["env", "--json"], ["logs", "--help"]])
def test_a_reader_that_has_gone_is_told_as_a_shell_tells_it(args: list[str]) -> None:
    environment = {**os.environ, "HEADGATE_HOME": "/nonexistent"}
    with subprocess.Popen(
        [sys.executable, "-m", "headgate", *args], env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        process.stdout.close()
        assert process.stderr is not None
        assert process.stderr.read() == b""
    assert process.returncode == 141  # and not 1, "a gate failed"


@pytest.mark.parametrize(("closed", "code"), [(">&-", 0), ("<&-", 0), ("2>&-", 0), ("<&- >&- 2>&-", 0)])
def test_a_closed_stream_is_no_error(closed: str, code: int) -> None:
    ran = subprocess.run(
        ["sh", "-c", f'"$0" -m headgate --version {closed}', sys.executable], capture_output=True, check=False
    )
    assert ran.returncode == code
    assert b"Traceback" not in ran.stderr


def test_letters_that_the_locale_has_not_are_escaped(tmp_path: Path) -> None:
    env = {"PATH": os.environ["PATH"], "PYTHONPATH": os.environ.get("PYTHONPATH", ""), "PYTHONIOENCODING": "latin-1"}
    for args in (["invoke", "日本"], ["invoke", "日本", "--json"]):
        ran = subprocess.run(
            [sys.executable, "-m", "headgate", *args, "-C", str(tmp_path)], env=env, capture_output=True, check=False
        )
        assert ran.returncode == 2
        assert b"not JSON" in ran.stdout + ran.stderr
    assert json.loads(ran.stdout.decode("latin-1"))


def test_a_closed_stdin_is_empty() -> None:
    ran = subprocess.run(
        ["sh", "-c", '"$0" -m headgate invoke nowhere - <&-', sys.executable], capture_output=True, check=False
    )
    assert ran.returncode == 2
    assert b"The input is not JSON" in ran.stderr


@pytest.mark.parametrize("args", [["--help"], ["env", "--json"]])
def test_a_full_disk_under_stdout_is_told(args: list[str]) -> None:
    with Path("/dev/full").open("w") as full:
        ran = subprocess.run(
            [sys.executable, "-m", "headgate", *args],
            stdout=full, stderr=subprocess.PIPE, env={**os.environ, "HEADGATE_HOME": "/nonexistent"},
            text=True, check=False,
        )  # fmt: skip
    assert ran.returncode == 4
    assert ran.stderr.startswith("error: ")
    assert len(ran.stderr.splitlines()) <= 2


def test_interrupted_while_following_a_log(tmp_path: Path) -> None:
    logs = tmp_path / "logs"
    logs.mkdir()
    (logs / "engine.log").write_text("first\n")
    with subprocess.Popen(
        [sys.executable, "-m", "headgate", "logs", "--of", "engine", "--follow"],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env={**os.environ, "HEADGATE_HOME": str(tmp_path)},
    ) as process:  # fmt: skip
        assert process.stdout is not None
        assert process.stderr is not None
        assert process.stdout.readline() == "first\n"
        with (logs / "engine.log").open("a") as more:
            more.write("second\n")
        assert process.stdout.readline() == "second\n"
        process.send_signal(signal.SIGINT)
        assert process.wait(10) == 130
        assert process.stderr.read().strip() == "error: Interrupted."
