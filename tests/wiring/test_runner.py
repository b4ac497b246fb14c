"""The runner's notices: which rollouts it takes on."""

from pathlib import Path

import pytest

from headgate.engine.home import Home
from headgate.errors import Refused
from headgate.wiring.runner import launch, notices
from tests.pipeline.simulated import terms


def test_of_two_that_start_at_once_the_first_one_is_taken_on(tmp_path: Path) -> None:
    home = Home(tmp_path / "home")
    home.rollouts.mkdir(parents=True)
    first = launch(home, tmp_path / "store", terms(), by="ada")
    with pytest.raises(Refused, match="at the same moment"):
        launch(home, tmp_path / "store", terms(), by="grace")
    (notice,) = notices(home)
    assert (notice.environment, notice.number) == ("production", 1)
    assert first.run().entries[0].by == "ada"
