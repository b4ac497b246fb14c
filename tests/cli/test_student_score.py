"""The template student-score, from an empty folder to an answered request, as it is written."""

import json
from collections.abc import Iterator

import pytest

from tests.cli.test_lifecycle import Shell, engine

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

STUDENT = (
    '{"age": 17, "study_hours": 4.5, "attendance": 92, "previous_score": 71, "homework_done": 85, "sleep_hours": null, '
    '"screen_hours": 3, "exercise_days": 4, "commute_minutes": 20, "stress": 5, "parents_education": "bachelor", '
    '"internet": "good", "diet": "fair", "part_time_job": "no", "study_place": "library"}'
)


@pytest.fixture
def shell() -> Iterator[Shell]:
    """An empty folder, and an engine that runs."""
    with engine("school") as made:
        yield made


def test_from_simulated_students_to_an_answered_request(shell: Shell) -> None:
    assert "are simulated" in shell.json("init", "student-score", str(shell.project))["about"]
    said = shell.read_me()
    assert "search: 20 of 20 trials" in said
    assert "All gates pass" in said
    answer = json.loads(said.splitlines()[-1])  # to a POST to the route of headgate.yaml
    assert 60 < answer["prediction"]["value"] < 95
    assert len(shell.json("ci", "github", "--dry-run")["files"]) == 6  # without an edit

    predicted = shell.json("predict", STUDENT)["prediction"]
    assert 60 < predicted["prediction"]["value"] < 95
    other = shell.json("predict", STUDENT.replace("library", "bus"))["prediction"]
    assert other["prediction"]["value"] < predicted["prediction"]["value"] - 3

    assert shell.json("invoke", STUDENT)["body"] == predicted
    refused = shell.run("invoke", STUDENT.replace("library", "Library"), code=2).stderr
    assert "expected one of" in refused
    assert "Did you mean 'library'?" in refused
