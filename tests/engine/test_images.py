import sys
from pathlib import Path

import pytest

from headgate.engine.images import program
from headgate.errors import InvalidInput, NotFound


@pytest.mark.parametrize(
    "image",
    [
        "headgate-serving",
        "headgate-serving:1.0",
        "123456789012.dkr.ecr.eu-west-1.amazonaws.com/headgate-serving:1",
        "localhost:5000/team/headgate-serving@sha256:" + "a" * 64,
    ],
)
def test_our_own_image_by_any_address(image: str, tmp_path: Path) -> None:
    found = program(image, tmp_path / "settings.toml")
    assert found.ours
    assert found.argv == (sys.executable, "-m", "headgate.serving", "serve")


def test_a_foreign_image_by_setting(tmp_path: Path) -> None:
    settings = tmp_path / "settings.toml"
    settings.write_text('[images."scorer"]\ncommand = ["python3", "s.py"]\n')
    assert program("registry/team/scorer:7", settings).argv == ("python3", "s.py")


def test_an_unknown_image_says_what_is_known_and_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match=r"'mystery:1' is not known.*headgate-serving") as caught:
        program("mystery:1", tmp_path / "settings.toml")
    assert '[images."mystery"]' in caught.value.hint


@pytest.mark.parametrize("text", ["images = 3", "[images.a]\ncommand = 'x'", "[images.a]\ncommand = []", "not toml"])
def test_wrong_settings_are_named(text: str, tmp_path: Path) -> None:
    settings = tmp_path / "settings.toml"
    settings.write_text(text)
    with pytest.raises(InvalidInput, match=r"settings\.toml"):
        program("a", settings)
