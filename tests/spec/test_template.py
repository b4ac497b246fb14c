from pathlib import Path

import pytest

from headgate.errors import NotFound, Refused
from headgate.spec import load, template


def test_every_template_is_a_project(tmp_path: Path) -> None:
    for name in template.names():
        files = template.write(name, tmp_path / "new" / name)
        assert {"README.md", ".gitignore", "headgate.yaml"} <= {file.name for file in files}
        assert files[-1].name == "headgate.yaml"
        assert load(tmp_path / "new" / name).name == name


def test_the_iris_template_has_gates_and_a_local_production(tmp_path: Path) -> None:
    template.write("iris", tmp_path)
    spec = load(tmp_path).spec
    assert [*spec.gates.bounds()] == ["f1_macro"]
    assert spec.gates.champion is not None
    production = spec.environments["production"]
    assert production.target == "local"
    approve, canary = production.rollout
    assert approve.approve is not None
    assert canary.canary is not None
    assert canary.canary.bake == 30


def test_a_folder_in_use_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "mine").write_text("x")
    with pytest.raises(Refused, match="not empty"):
        template.write("iris", tmp_path)
    with pytest.raises(Refused):
        template.write("iris", tmp_path / "mine")
    assert [file.name for file in tmp_path.iterdir()] == ["mine"]


def test_an_unknown_template_is_answered_with_a_suggestion(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="did you mean iris"):
        template.write("irish", tmp_path)
    with pytest.raises(NotFound) as caught:
        template.write("../iris", tmp_path)
    assert "iris" in caught.value.hint
