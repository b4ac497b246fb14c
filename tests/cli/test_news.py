"""News, from an empty folder to an answered headline, by the command line alone."""

import json
from pathlib import Path

import pytest

from tests.cli.conftest import Run

pytestmark = pytest.mark.slow


def test_from_an_empty_folder_to_an_answer(headgate: Run, tmp_path: Path) -> None:
    started = headgate("init", "news-category", str(tmp_path / "news"))
    assert "are simulated" in started.stdout
    news = tmp_path / "news"

    trained = headgate("train", cwd=news)
    assert trained.returncode == 0, trained.stderr
    assert "has the best log_loss on 3 folds" in trained.stdout
    assert 'to beat: always "Business" (majority)' in trained.stdout

    checked = json.loads(headgate("check", "--json", cwd=news).stdout)
    assert checked["verdict"] == "pass"
    assert checked["naive"]["metrics"]["accuracy"] == pytest.approx(0.25)
    assert [row["name"] for row in checked["rows"]] == ["accuracy", "naive", "champion"]

    made = json.loads(headgate("package", "--json", cwd=news).stdout)
    assert made["parity"]["labels_changed"] == 0
    assert made["run"] == checked["run"]

    asked = headgate("predict", '{"text": "Учёные нашли новую планету, São Paulo"}', "--json", cwd=news)
    assert json.loads(asked.stdout)["prediction"]["prediction"]["label"] == "Science"
    wrong = headgate("predict", '{"headline": "no"}', cwd=news)
    assert (wrong.returncode, "unknown feature 'headline'" in wrong.stderr) == (2, True)

    # A rule that asks too much says no, with the arithmetic.
    spec = news / "headgate.yaml"
    spec.write_text(spec.read_text().replace("better_by: 0.3", "better_by: 0.9"))
    refused = headgate("check", cwd=news)
    assert refused.returncode == 1
    assert "better than the 0.25 of always giving the same answer; wanted 0.9" in refused.stdout
