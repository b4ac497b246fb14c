"""The template student-score, from an empty folder to an answered request, as it is written."""

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.test_lifecycle import Shell, free_ports

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

STUDENT = (
    '{"age": 17, "study_hours": 4.5, "attendance": 92, "previous_score": 71, "homework_done": 85, "sleep_hours": null, '
    '"screen_hours": 3, "exercise_days": 4, "commute_minutes": 20, "stress": 5, "parents_education": "bachelor", '
    '"internet": "good", "diet": "fair", "part_time_job": "no", "study_place": "library"}'
)


@pytest.fixture
def shell() -> Iterator[Shell]:
    """An empty folder, and an engine that runs."""
    with tempfile.TemporaryDirectory(prefix="hg", dir="/tmp") as root:
        made = Shell(Path(root), "school")
        control, gateway = free_ports()
        made.run("up", "--port", control, "--gateway-port", gateway)
        try:
            yield made
        finally:
            made.run("down", "--all")


def test_from_simulated_students_to_an_answered_request(shell: Shell) -> None:
    assert "are simulated" in shell.json("init", "student-score", str(shell.project))["about"]
    ran = shell.run("train")
    assert "search: 20 of 20 trials" in ran.stdout
    assert shell.json("check")["verdict"] == "pass"
    shell.run("package")
    predicted = shell.json("predict", STUDENT)["prediction"]
    assert 60 < predicted["prediction"]["value"] < 95
    other = shell.json("predict", STUDENT.replace("library", "bus"))["prediction"]
    assert other["prediction"]["value"] < predicted["prediction"]["value"] - 3

    assert shell.json("register")["version"] == 1
    shell.run("approve", "1")
    deployed = shell.json("deploy")
    assert deployed["endpoint"] == "student-score-production"
    assert deployed["probe"]
    assert shell.json("invoke", STUDENT)["body"] == predicted
    refused = shell.run("invoke", STUDENT.replace("library", "Library"), code=2).stderr
    assert "expected one of" in refused
    assert "Did you mean 'library'?" in refused
