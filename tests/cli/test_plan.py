"""`headgate plan`: what it prints, its exit codes, and prices from elsewhere."""

import json
from pathlib import Path

import pytest

from headgate.planning.prices import Price, known_regions, write
from tests.ci.projects import IRIS, STUDENT_SCORE
from tests.cli.conftest import Run
from tests.planning.price_list import served


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project with two environments on AWS and one here."""
    folder = tmp_path / "iris"
    folder.mkdir()
    (folder / "headgate.yaml").write_text(IRIS)
    return folder


def test_a_rollout_on_aws(headgate: Run, project: Path) -> None:
    ran = headgate("plan", "--env", "production", "--traffic", "600/min", cwd=project)
    assert ran.returncode == 0, ran.stderr
    assert not ran.stderr
    for said in (
        "iris in production, realtime on AWS, account 210987654321, eu-west-1, at 600/min",
        "a person's",
        "replaced  weights-and-alarms",
        "endpoint: 2 x ml.m5.large",
        "Not included: endpoint: data in and out.",
        "It has none for eu-west-1",
        "serverless is cheaper than realtime below",
        "lambda is the cheapest.",
    ):
        assert said in ran.stdout, said
    document = json.loads(headgate("plan", "--env", "production", "--json", cwd=project).stdout)
    assert document["cost"]["usd"] == pytest.approx(sum(line["usd"] or 0 for line in document["cost"]["lines"]))
    assert [step["step"] for step in document["steps"]].count("analyse") == 3
    assert (
        "  execution: models run as it; taken on by SageMaker\n    may read objects: S3 iris-production-" in ran.stdout
    )
    delivers = "delivers what was merged; taken on by GitHub as repo:acme/iris:environment:production\n    may "
    assert f"  github-deliver: {delivers}" in ran.stdout
    assert {"tick", "monitor", "github-deliver"} <= {*document["permissions"]}


def test_the_cheapest_is_only_told_of_those_that_are_known(headgate: Run, project: Path) -> None:
    (project / "headgate.yaml").write_text(IRIS.replace("{count: 2}", "{type: ml.c5.large}"))
    ran = headgate("plan", "--env", "production", "--traffic", "1000/s", cwd=project)
    assert "Of those whose prices are known, at 2,628,000,000 requests a month lambda is the cheapest; " in ran.stdout
    assert "not compared: realtime." in ran.stdout
    assert json.loads(headgate("plan", "--env", "production", "--json", cwd=project).stdout)["cost"]["cheapest"] is None


def test_what_a_month_rests_on_is_printed(headgate: Run, project: Path) -> None:
    said = headgate("plan", "--env", "production", "--traffic", "1000/s", cwd=project).stdout
    document = json.loads(headgate("plan", "--env", "production", "--json", cwd=project).stdout)
    (assumed,) = (line for line in said.splitlines() if line.startswith("Assumed: "))
    for name, value in document["cost"]["assumptions"].items():
        assert f"{value * 1000 if name == 'latency' else value:,g} " in assumed, name
    assert "`front" not in said
    (project / "headgate.yaml").write_text(STUDENT_SCORE)
    said = headgate("plan", "--traffic", "1000/s", cwd=project).stdout
    assert "`front/rate` lets 20 requests a second pass; the rest of 1,000 is refused" in said
    # errors, latency, gateway, throttles, letters; the share of a function's errors is of two metrics
    function = STUDENT_SCORE.replace("serverless: {memory: 2048, concurrency: 5}", "lambda: {}")
    (project / "headgate.yaml").write_text(function)
    lines = json.loads(headgate("plan", "--json", cwd=project).stdout)["cost"]["lines"]
    (alarms,) = (line for line in lines if line["what"] == "alarms")
    assert alarms["quantity"] >= 6


def test_without_traffic_nothing_ends_and_json_has_no_infinity(headgate: Run, project: Path) -> None:
    ran = headgate("plan", "--env", "staging", "--traffic", "0/s", "--json", cwd=project)
    assert ran.returncode == 0
    document = json.loads(ran.stdout, parse_constant=pytest.fail)
    assert {step["half"] for step in document["steps"]} == {None}


def test_an_environment_here_has_times_and_no_cost(headgate: Run, project: Path) -> None:
    ran = headgate("plan", "--env", "laptop", "--json", cwd=project)
    assert ran.returncode == 0
    document = json.loads(ran.stdout)
    assert (document["cost"], document["exclusions"]) == (None, [])
    assert document["expected_seconds"] == 3600  # 300 canary requests at 0.1/s, then 600 s
    assert "AWS" not in headgate("plan", "--env", "laptop", cwd=project).stdout


def test_what_aws_refuses_ends_with_1(headgate: Run, project: Path) -> None:
    text = STUDENT_SCORE.replace("rollout: [{all-at-once: {}}]", "capture: {to: kept}")
    (project / "headgate.yaml").write_text(text)
    ran = headgate("plan", cwd=project)
    assert ran.returncode == 1
    assert "refused   capture-folder" in ran.stdout
    assert "replaced  serverless-canary" in ran.stdout
    assert "give the new version all traffic" in ran.stdout
    assert "give the canary" not in ran.stdout


def test_prices_can_be_fetched_and_named(headgate: Run, project: Path, tmp_path: Path) -> None:
    (project / "headgate.yaml").write_text(IRIS.replace("eu-west-1", "eu-central-1"))
    kept = tmp_path / "home" / "prices.json"
    kept.parent.mkdir(mode=0o700)
    kept.write_bytes(write({"eu-west-1": {"kms.key": Price(1.0, "key", "awskms", "Keys", "2026-01-02", "x")}}, "x"))
    with served() as base:
        where = {"HEADGATE_PRICE_LIST": base}
        ran = headgate("plan", "--env", "staging", "--refresh-prices", "--json", cwd=project, env=where)
    assert ran.returncode == 0, ran.stderr
    assert "reading AmazonSageMaker" in ran.stderr
    cost = json.loads(ran.stdout)["cost"]
    assert cost["region"] == "eu-central-1"
    assert cost["lines"][0]["usd"] == pytest.approx(730 * 0.138)
    assert {*known_regions("kept", kept.read_bytes())} == {"eu-west-1", "eu-central-1"}
    kept = tmp_path / "home" / "prices.json"
    damaged = kept.read_bytes()[:-20]
    kept.write_bytes(damaged)
    refused = headgate("plan", "--env", "staging", cwd=project)
    assert refused.returncode == 2
    assert "`headgate plan --refresh-prices` writes one" in refused.stderr
    with served() as base:
        repaired = headgate(
            "plan", "--env", "staging", "--refresh-prices", cwd=project, env={"HEADGATE_PRICE_LIST": base}
        )
    assert repaired.returncode == 0, repaired.stderr
    assert "was damaged" in repaired.stderr
    again = json.loads(headgate("plan", "--env", "staging", "--json", cwd=project).stdout)
    assert again["cost"] == cost
    moved = tmp_path / "mine.json"
    kept.rename(moved)
    named = headgate("plan", "--env", "staging", "--prices", str(moved), "--json", cwd=project)
    assert json.loads(named.stdout)["cost"]["lines"] == cost["lines"]


@pytest.mark.parametrize(
    ("args", "code", "said"),
    [
        (["--env", "production", "--traffic", "many"], 2, "Traffic is written like 600/min"),
        (["--env", "production", "--latency", "0"], 2, "--latency"),
        (["--env", "production", "--latency", "nan"], 2, "nan is no number of milliseconds"),
        (["--env", "production", "--prices", "none.json"], 3, "none.json cannot be read"),
        (["--env", "nowhere"], 2, "no environment 'nowhere'"),
    ],
)
def test_wrong_use(headgate: Run, project: Path, args: list[str], code: int, said: str) -> None:
    ran = headgate("plan", *args, cwd=project)
    assert ran.returncode == code
    assert said in ran.stderr
