"""`headgate rollout` and `headgate rollback` as a person types them."""

import json
import os
import pty
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest

from headgate.pipeline.rollouts import Rollout
from tests.system.engine import RunningEngine, until
from tests.system.rollouts import Scene, at_step, engine_alone

pytestmark = pytest.mark.slow

TIME = r"\d\d:\d\d:\d\d"


@pytest.fixture(scope="module")
def ours() -> Iterator[RunningEngine]:
    """An engine of this module's own."""
    with engine_alone() as engine:
        yield engine


@pytest.fixture(scope="module")
def endpoint(ours: RunningEngine) -> Iterator[Scene]:
    scene = Scene(ours, "typed")
    scene.deploy()
    with scene.load(rate=60) as total:
        yield scene
        assert (found := total()).failed == 0, found.failures[:3]


@pytest.fixture
def scene(endpoint: Scene) -> Iterator[Scene]:
    """A project whose endpoint is called all the time."""
    endpoint.say()
    yield endpoint
    rollout = endpoint.rollouts.open()
    if rollout is not None:  # the test has failed
        rollout.tell("abort", {"reason": "the next test"}, by="tester")
        endpoint.ended(rollout)


def says(scene: Scene, *words: str, code: int = 0) -> str:
    """Run a command that ends with this code; returns what it prints."""
    done = scene.cli(*words)
    assert done.returncode == code, f"{words} ended with {done.returncode}: {done.stdout}\n{done.stderr}"
    return done.stdout


def document(scene: Scene, *words: str, code: int = 0) -> Any:
    """The JSON document of a command."""
    return json.loads(says(scene, *words, "--json", code=code))


def fails(scene: Scene, code: int, *words: str) -> str:
    """Run a command that ends with an error and a hint; returns both."""
    done = scene.cli(*words)
    assert done.returncode == code, f"{words} ended with {done.returncode}: {done.stdout}\n{done.stderr}"
    assert done.stdout == ""
    assert re.search(r"^error: [^\n]+\n  hint: [^\n]+\n$", done.stderr, re.MULTILINE), done.stderr
    return done.stderr


def waiting(scene: Scene) -> Rollout:
    """A rollout that waits for its approval."""
    scene.say(approve=True)
    rollout = scene.start(scene.version(approved=False))
    scene.until(rollout, at_step(0))
    return rollout


def test_before_the_first_rollout(ours: RunningEngine) -> None:
    scene = Scene(ours, "unused")
    for command in ("status", "watch", "why"):
        said = fails(scene, 3, "rollout", command)
        assert "unused-production has had no rollout." in said
        assert "`headgate rollout start`" in said
    assert says(scene, "rollout", "history") == "There has been no rollout.\n"
    assert document(scene, "rollout", "history") == []
    assert "production has no rollout 7." in fails(scene, 3, "rollout", "history", "7")
    assert "No rollout is under way on unused-production." in fails(scene, 5, "rollout", "abort")
    assert "Project unused has no version to roll out." in fails(scene, 5, "rollout", "start")
    assert "There is no endpoint unused-production." in fails(scene, 3, "rollback")
    assert "headgate.yaml has no environment 'moon'." in fails(scene, 2, "rollout", "status", "--env", "moon")


def test_a_dry_run_tells_the_plan_and_starts_nothing(scene: Scene) -> None:
    number = scene.version()
    before = scene.rollouts.numbers()
    said = says(scene, "rollout", "start", "--dry-run")
    assert said.splitlines()[:7] == [
        f"would roll version {number} out on typed-production:",
        "  start the canary beside the stable variant, without traffic",
        "  give the canary 10 % of the traffic",
        "  watch it for 1 s, at least 20 requests; wait up to 1 h longer for them",
        "  give the canary 50 % of the traffic",
        "  watch it for 1 s, at least 20 requests; wait up to 1 h longer for them",
        "  give the new version all traffic and stop the old one",
    ]
    scene.say(bake="2s", min_requests=5_000, steps=["1%"])
    found = document(scene, "rollout", "start", "--dry-run")
    assert found["dry_run"]
    assert re.match(
        r"At [\d.]+ requests/s a 1 % canary sees \d requests? in a 2 s bake; 5,000 are needed", found["advice"][0]
    )
    assert scene.rollouts.numbers() == before
    assert scene.open_tags() == {}


def test_started_and_watched_it_tells_a_line_for_each_change(scene: Scene) -> None:
    said = says(scene, "rollout", "start", "--watch")
    lines = said.splitlines()
    assert len(lines) == len(set(lines))
    shown = [line for line in lines if re.match(TIME, line)]
    assert shown[0].endswith("in the place of version 1")
    assert re.search(rf"^{TIME}  pass: go on\. The bake is over, ", said, re.MULTILINE)
    assert re.match(rf"{TIME}  promoted\. Version \d+ has all traffic\.", shown[-1])
    assert shown[1:] != []
    latest = scene.rollouts.latest()
    assert latest is not None
    assert len(shown) == len(latest.run().entries)
    assert says(scene, "rollout", "why").startswith("Promoted: The bake is over, ")
    assert document(scene, "rollout", "watch")["outcome"] == "promoted"
    assert says(scene, "rollout", "watch").splitlines() == shown


def test_a_terminal_shows_the_whole_picture_and_ends_with_the_verdict(scene: Scene) -> None:
    scene.say(bake="20s")
    rollout = scene.start(scene.version("failing"))
    text, code = on_a_terminal(scene, "rollout", "watch")
    assert code == 1
    run = rollout.run()
    headline = f"rollout {run.terms.number} of typed-production: version {run.terms.version}"
    assert f"{headline}: rolled back" in text
    assert "  done  start the canary beside the stable variant, without traffic" in text
    assert "  done  give the canary 10 % of the traffic" in text
    assert "  now   watch it for 20 s" in text
    assert "Rolled back: " in text
    assert "failing units were the canary's" in text


def on_a_terminal(scene: Scene, *words: str) -> tuple[str, int]:
    """What a command shows on a terminal, without its colours and movements, and its exit code."""
    ours, theirs = pty.openpty()
    env = {**scene.environment, "TERM": "xterm", "COLUMNS": "140", "LINES": "40"}
    argv = [sys.executable, "-m", "headgate", *words]
    with subprocess.Popen(argv, cwd=scene.folder, env=env, stdin=theirs, stdout=theirs, stderr=theirs) as process:
        os.close(theirs)
        shown = b""
        while True:
            try:
                part = os.read(ours, 65_536)
            except OSError:  # the last one to hold the other side is gone
                break
            shown += part
        code = process.wait(30)
    os.close(ours)
    return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", shown.decode()).replace("\r", ""), code


def test_interrupted_the_watcher_ends_and_the_rollout_goes_on(scene: Scene) -> None:
    rollout = waiting(scene)
    argv = [sys.executable, "-m", "headgate", "rollout", "watch"]
    with subprocess.Popen(argv, cwd=scene.folder, env=scene.environment, stdout=-1, stderr=-1, text=True) as process:
        assert process.stdout is not None
        assert "in the place of" in process.stdout.readline()
        process.send_signal(signal.SIGINT)
        _, error = process.communicate(timeout=30)
    assert process.returncode == 130
    assert "Traceback" not in error
    assert rollout.run().ended is None
    said = says(scene, "rollout", "abort", "--reason", "no time", "--watch", code=5)
    assert "  aborted. " in said.splitlines()[-1]
    assert says(scene, "rollout", "why").startswith("Aborted: ")
    assert ": no time." in says(scene, "rollout", "why")


def test_an_open_rollout_is_seen_everywhere(scene: Scene) -> None:
    rollout = waiting(scene)
    terms = rollout.run().terms
    head = f"rollout {terms.number} of typed-production: version {terms.version}"
    status = says(scene, "rollout", "status").splitlines()
    assert status[:2] == [
        f"{head}: waiting for `headgate approve {terms.version}`",
        "  now   wait until somebody approves the version",
    ]
    assert status[-1] == f"Nothing is decided yet: version {terms.version} waits for approval."
    found = document(scene, "rollout", "status")
    assert (found["open"], found["outcome"], found["steps"][0]["state"]) == (True, None, "open")
    assert "is under way on typed-production" in fails(scene, 5, "rollout", "start")
    assert "is under way on typed-production" in fails(scene, 5, "deploy")
    assert "would take typed-production back to" in says(scene, "rollout", "abort", "--dry-run")
    assert rollout.run().ended is None
    told = says(scene, "approve", str(terms.version), "--reason", "checked by hand")
    assert told.startswith(f"Told rollout {terms.number} of typed-production;")
    watched = says(scene, "rollout", "watch")
    assert "said approve: checked by hand" in watched
    assert f"promoted. Version {terms.version} has all traffic." in watched.splitlines()[-1]
    assert scene.status(terms.version) == "Approved"


def test_history_has_every_rollout_and_every_entry(scene: Scene) -> None:
    rollout = waiting(scene)
    rollout.tell("abort", {"reason": "one more"}, by="ada")
    run = scene.ended(rollout)
    table = says(scene, "rollout", "history").splitlines()
    assert table[0].split() == ["ROLLOUT", "STARTED", "BY", "VERSION", "OUTCOME", "WHY"]
    assert re.search(rf"^{run.terms.number} .* aborted .*ada aborted the rollout: one more", table[-1])
    assert [found["number"] for found in document(scene, "rollout", "history")] == scene.rollouts.numbers()
    lines = says(scene, "rollout", "history", str(run.terms.number)).splitlines()
    assert len(lines) == 1 + len(run.entries)
    assert any("ada said abort: one more" in line for line in lines)
    found = document(scene, "rollout", "history", str(run.terms.number))
    assert [entry["kind"] for entry in found["entries"]] == [entry.kind for entry in run.entries]
    assert (
        document(scene, "rollout", "why", str(run.terms.number))["why"] == "Aborted: ada aborted the rollout: one more."
    )
    assert "production has no rollout 999." in fails(scene, 3, "rollout", "why", "999")


def test_rollback_forth_and_back_and_out_of_an_open_rollout(scene: Scene) -> None:
    scene.ended(scene.start(scene.version(), at_once=True))
    new = scene.config()
    planned = document(scene, "rollback", "--dry-run")
    assert (planned["from"], planned["dry_run"]) == (new, True)
    said = says(scene, "rollback", "--reason", "complaints from sales")
    assert "takes typed-production back from version" in said
    assert "complaints from sales." in said
    assert "  rolled back. " in said.splitlines()[-1]
    assert scene.config() == planned["to"]
    assert says(scene, "rollout", "why") == "Rolled back: complaints from sales.\n"
    says(scene, "rollback")
    assert scene.config() == new
    rollout = waiting(scene)
    assert "would be aborted" in says(scene, "rollback", "--dry-run")
    says(scene, "rollback", "--reason", "after all not", code=5)
    run = rollout.run()
    assert run.ended is not None
    assert run.ended.outcome == "aborted"
    assert scene.config() == new
    until(lambda: scene.open_tags() == {})
