"""News, from an empty folder to an answered headline, by the command line alone."""

import json
from collections.abc import Iterator

import pytest

from tests.cli.test_lifecycle import Shell, engine

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]


@pytest.fixture
def news() -> Iterator[Shell]:
    """An empty folder, and an engine that runs."""
    with engine("news") as made:
        yield made


def test_from_an_empty_folder_to_an_answer(news: Shell) -> None:
    assert "are simulated" in news.run("init", "news-category", str(news.project)).stdout
    said = news.read_me()
    assert "has the best log_loss on 3 folds" in said
    assert 'to beat: always "Business" (majority)' in said
    assert json.loads(said.splitlines()[-1])["prediction"]["label"] == "Sports"  # to a POST to the route

    checked = news.json("check")
    assert checked["verdict"] == "pass"
    assert checked["naive"]["metrics"]["accuracy"] == pytest.approx(0.25)
    assert [row["name"] for row in checked["rows"]] == ["accuracy", "naive", "champion"]

    made = news.json("package")
    assert made["parity"]["labels_changed"] == 0
    assert made["run"] == checked["run"]

    asked = news.json("predict", '{"text": "Учёные нашли новую планету, São Paulo"}')
    assert asked["prediction"]["prediction"]["label"] == "Science"
    assert "unknown feature 'headline'" in news.run("predict", '{"headline": "no"}', code=2).stderr
    assert news.json("ci", "github", "--dry-run")["files"]  # without an edit

    # A rule that asks too much says no, with the arithmetic.
    spec = news.project / "headgate.yaml"
    spec.write_text(spec.read_text().replace("better_by: 0.3", "better_by: 0.9"))
    refused = news.run("check", code=1)
    assert "better than the 0.25 of always giving the same answer; wanted 0.9" in refused.stdout
