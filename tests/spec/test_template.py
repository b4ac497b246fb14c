import subprocess
import sys
from pathlib import Path

import pytest

from headgate.core.routes import INVOCATIONS
from headgate.data.rows import read_csv
from headgate.data.texts import read_texts
from headgate.errors import NotFound, Refused
from headgate.spec import load, template
from headgate.spec.train import XGBoost

FILES = {
    "iris": [".gitignore", "README.md", "headgate.yaml"],
    "news-category": [".gitignore", "README.md", "data/headlines.csv", "data/simulate.py", "headgate.yaml"],
    "student-score": [".gitignore", "README.md", "data/simulate.py", "data/students.csv", "headgate.yaml"],
}


def again(project: Path, rows: Path) -> str:
    """What a template's simulation says when it is run from elsewhere and writes the same file again."""
    command = [sys.executable, "-I", str(project / "data" / "simulate.py")]

    def run(*args: str, code: int = 0) -> str:
        ran = subprocess.run([*command, *args], cwd="/", capture_output=True, text=True, check=False)
        assert (ran.returncode, ran.stdout) == (code, "")
        return ran.stderr.replace(f"{rows.parent}/", "").strip()

    before = rows.read_bytes()
    rows.unlink()
    said = run()
    assert rows.read_bytes() == before
    other = project / "other.csv"
    assert run("--seed", "8", "--rows", "40", "--out", str(other))
    assert len(other.read_text().splitlines()) == 41
    assert run("--rows", "0", code=2).endswith("--rows should be at least 1")
    return said


@pytest.mark.parametrize("name", FILES)
def test_every_template_is_a_project(tmp_path: Path, name: str) -> None:
    folder = tmp_path / "new" / name
    files = template.write(name, folder)
    assert sorted(file.relative_to(folder).as_posix() for file in files) == FILES[name]
    assert files[-1] == folder / "headgate.yaml"  # a folder that has one is complete
    assert sorted(path for path in folder.rglob("*") if path.is_file()) == sorted(files)
    assert load(folder).name == name
    assert 20 < len(template.about(name)) < 120


def test_the_student_template_says_that_its_rows_are_simulated_and_can_write_them_again(tmp_path: Path) -> None:
    assert "are simulated" in template.about("student-score")
    template.write("student-score", tmp_path)
    rows = tmp_path / "data" / "students.csv"
    assert again(tmp_path, rows) == "wrote students.csv: 600 simulated students"
    table = read_csv(rows, "regression", "score", None)
    assert (table.X.shape, len(table.categories), len(table.with_missing)) == ((600, 15), 5, 2)


def test_the_student_template_is_ready_for_the_laptop_and_for_an_account(tmp_path: Path) -> None:
    template.write("student-score", tmp_path)
    spec = load(tmp_path).spec
    assert spec.route == "/predict-student-score"
    assert [*spec.gates.bounds()] == ["rmse", "mae", "r2"]
    assert isinstance(spec.train, XGBoost)
    assert spec.train.search is not None
    assert {name: each.target for name, each in spec.environments.items()} == {"production": "local", "cloud": "aws"}
    cloud = spec.environments["cloud"]
    assert (cloud.account, cloud.region, cloud.hosting.kind) == ("123456789012", "eu-central-1", "serverless")
    assert cloud.front is not None


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


def test_the_news_are_simulated_and_can_be_written_again(tmp_path: Path) -> None:
    assert "are simulated" in template.about("news-category")
    template.write("news-category", tmp_path)
    rows = tmp_path / "data" / "headlines.csv"
    assert again(tmp_path, rows) == "wrote headlines.csv: 600 simulated headlines"
    table = read_texts(rows, "category", ["text"])
    assert table.labels == ("Business", "Science", "Sports", "World")
    letters = set("".join(table.X[:, 0]))
    assert {"ã", "ř", "ё", "ц"} <= letters


def test_every_template_is_ready_for_an_account(tmp_path: Path) -> None:
    kinds = {}
    for name in template.names():
        template.write(name, tmp_path / name)
        environments = load(tmp_path / name).spec.environments
        assert {key: each.target for key, each in environments.items()} == {"production": "local", "cloud": "aws"}
        cloud = environments["cloud"]
        assert (cloud.account, cloud.region) == ("123456789012", "eu-central-1")
        assert cloud.front is not None
        kinds[name] = cloud.hosting.kind
    assert kinds == {"iris": "lambda", "news-category": "lambda", "student-score": "serverless"}
    for name, route in {name: f"/predict-{name}" for name in kinds}.items():
        spec = load(tmp_path / name).spec
        assert spec.route == route
        assert spec.github is not None
        assert spec.github.repository == "you/your-repository"
        place = (
            f"# Callers POST here at the gateway, or to {INVOCATIONS.format(f'{name}-production')}.\nroute: {route}\n"
        )
        assert place in (tmp_path / name / "headgate.yaml").read_text()
