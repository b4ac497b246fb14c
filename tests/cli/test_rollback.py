"""`rollback` and `rollout abort` where a rollback is under way already: it goes on, and its log says nothing else."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from headgate.__main__ import run
from headgate.data.store import Store
from headgate.pipeline.rollouts import Rollout, Rollouts
from tests.pipeline.simulated import terms


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project whose endpoint is on its way back."""
    monkeypatch.setenv("HEADGATE_HOME", str(tmp_path / "home"))
    assert run(["init", "iris", str(tmp_path / "iris")]) == 0
    return tmp_path / "iris"


@pytest.fixture
def rollback(folder: Path) -> Rollout:
    """The log of that rollback."""
    back = replace(terms(), kind="rollback", steps=(), canary_config="", version=1, reason="complaints")
    return Rollouts(Store(folder / ".headgate"), "production").start(back, at=0.0, by="ada")


@pytest.mark.parametrize("words", [["rollback"], ["rollback", "--dry-run"], ["rollout", "abort"]])
def test_it_is_not_told_to_go_back(
    folder: Path, rollback: Rollout, words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run([*words, "-C", str(folder)]) == 5
    assert f"{rollback.run().terms.id} is on its way back already." in capsys.readouterr().err
    assert [entry.kind for entry in rollback.run().entries] == ["started"]


def test_the_token_of_the_state_machine_is_nobodys_business(
    folder: Path, rollback: Rollout, capsys: pytest.CaptureFixture[str]
) -> None:
    rollback.tell("token", {"token": "AQC8whoever-has-it-can-approve"}, by="delivery machine")
    capsys.readouterr()
    assert run(["rollout", "history", "1", "--json", "-C", str(folder)]) == 0
    entry = json.loads(capsys.readouterr().out)["entries"][-1]
    assert (entry["kind"], entry["content"]) == ("token", {})
