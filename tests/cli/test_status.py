from pathlib import Path

from headgate.data.store import Store
from headgate.engine.home import Home
from headgate.pipeline.rollouts import Rollouts
from headgate.wiring.runner import announce
from tests.cli.conftest import Run
from tests.pipeline.simulated import terms


def test_open_rollouts_are_shown_and_one_whose_log_is_damaged_too(headgate: Run, tmp_path: Path) -> None:
    home = Home(tmp_path / "home")
    home.rollouts.mkdir(parents=True)
    for name in ("sound", "damaged"):
        announce(home, tmp_path / name, "production", 1)
        Rollouts(Store(tmp_path / name), "production").start(terms(), at=0.0, by="ada")
    (tmp_path / "damaged" / "rollouts" / "production" / "1" / "000001.json").write_text("{")
    ran = headgate("status")
    assert ran.returncode == 4  # nothing runs here
    assert "rollout 1 of iris-production: version 2: start the canary beside the stable variant" in ran.stdout
    assert f"rollout 1 of production in {tmp_path / 'damaged'}" in ran.stdout
