"""How commands speak: plain columns for pipes, Rich for terminals, progress that does not flood a log."""

import json
import os
import pty
import subprocess
import sys

import pytest

from headgate.cli.output import Output, Table, number

TABLE = Table(("name", "value"), [("accuracy", "0.9333"), ("[red]x[/red]", "1")])

DRAW = """
from headgate.cli.output import Output, Table
out = Output(as_json=False)
out.show({}, "before", Table(("name", "value"), [("accuracy", "0.9333"), ("[red]x[/red]", "1")]))
with out.progress("train") as progress:
    progress("boosting", 0.5)
    progress("saving", None)
"""


def on_terminal(script: str, **env: str) -> str:
    """What a script writes to a terminal."""
    ours, theirs = pty.openpty()
    environment = {**os.environ, "TERM": "xterm-256color", "COLUMNS": "80", **env}
    environment = {k: v for k, v in environment.items() if k not in ("FORCE_COLOR", "CI") and v}
    with subprocess.Popen([sys.executable, "-c", script], stdout=theirs, stderr=theirs, env=environment) as process:
        os.close(theirs)
        chunks = []
        while True:
            try:
                chunk = os.read(ours, 4096)
            except OSError:  # Linux tells the end of a terminal so
                break
            if not chunk:
                break
            chunks.append(chunk)
        assert process.wait() == 0
    os.close(ours)
    return b"".join(chunks).decode()


def test_a_table_in_a_pipe_is_plain_columns(capsys: pytest.CaptureFixture[str]) -> None:
    Output(as_json=False).show({"a": 1}, "before", TABLE)
    assert capsys.readouterr().out == "before\nNAME          VALUE\naccuracy      0.9333\n[red]x[/red]  1\n"


def test_with_json_stdout_is_the_document_alone(capsys: pytest.CaptureFixture[str]) -> None:
    out = Output(as_json=True)
    out.say("a message")
    with out.progress("train") as progress:
        progress("boosting", None)
    out.show({"a": "ü"}, "before", TABLE)
    written = capsys.readouterr()
    assert json.loads(written.out) == {"a": "ü"}
    assert written.err == "a message\ntrain: boosting\n"


def test_progress_without_a_terminal_is_a_line_for_each_step(capsys: pytest.CaptureFixture[str]) -> None:
    with Output(as_json=False).progress("train") as progress:
        for done in range(1, 101):
            progress("boosting", done / 100)
        for _ in range(50):
            progress("waiting", None)
        progress("saving", None)
    lines = capsys.readouterr().err.splitlines()
    assert lines == ["train: boosting (1%)", "train: boosting (100%)", "train: waiting", "train: saving"]


def test_a_terminal_gets_a_drawn_table_and_a_live_line() -> None:
    written = on_terminal(DRAW, NO_COLOR="")
    assert "─" in written
    assert "[red]x[/red]" in written
    assert "\x1b[" in written
    assert "\r\n\r\n" not in written  # no blank lines around it
    assert "saving" in written


def test_the_clock_of_a_terminal_goes_on_while_a_step_says_nothing() -> None:
    silent = DRAW.replace('    progress("saving", None)', "    __import__('threading').Event().wait(1.3)")
    written = on_terminal(silent, NO_COLOR="1")
    assert "train: boosting (50%) 0:00:00" in written
    assert "train: boosting (50%) 0:00:01" in written


def test_nothing_is_cut_off_where_the_terminal_is_narrow() -> None:
    script = DRAW.replace('"accuracy"', '"' + "iris-production-v1-4e803f1a" * 4 + '"')
    written = on_terminal(script, NO_COLOR="1")
    assert "…" not in written
    assert "".join(written.replace("value", "").split()).count("4e803f1a") == 4


def test_no_color_is_honoured() -> None:
    written = on_terminal(DRAW, NO_COLOR="1")
    colours = [code for code in written.split("\x1b[")[1:] if code[:2] in ("31", "32", "33", "34", "35", "36")]
    assert not colours
    assert "accuracy" in written


def test_numbers_are_short() -> None:
    assert [number(x) for x in (None, 0.93333333, 1.0, 12345.6)] == ["-", "0.9333", "1", "1.235e+04"]
