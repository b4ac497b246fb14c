from pathlib import Path

import pytest

from headgate.data.whole import appearing
from headgate.errors import Refused


def fill(folder: Path, *, then_stop: bool = False) -> None:
    with appearing(folder) as new:
        (new / "a").write_text("1")
        if then_stop:
            raise KeyboardInterrupt


def test_a_folder_appears_whole_or_not_at_all(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        fill(tmp_path / "parent" / "x", then_stop=True)
    assert list((tmp_path / "parent").iterdir()) == []
    with appearing(tmp_path / "parent" / "x") as new:
        (new / "a").write_text("1")
        assert not (tmp_path / "parent" / "x").exists()
    assert [path.name for path in (tmp_path / "parent").iterdir()] == ["x"]


def test_what_exists_is_not_replaced(tmp_path: Path) -> None:
    (tmp_path / "x").mkdir()
    with pytest.raises(Refused):
        fill(tmp_path / "x")
    assert [path.name for path in tmp_path.iterdir()] == ["x"]
