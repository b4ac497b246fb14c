"""The project's own path on a real engine: claimed by deployments and rollouts, followed, loaded, killed."""

import json
import re
import shlex
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from tests.engine.gateway.calls import Answer, call
from tests.pace import within
from tests.system.engine import ROOT, ROW, RunningEngine, until
from tests.system.rollouts import Scene, engine_alone, outcome, told
from tests.system.test_endpoint import write_code
from tests.system.test_metrics import counted
from tests.system.test_update import two_versions, update, weights

pytestmark = [pytest.mark.slow, pytest.mark.timeout(180)]

VARIANT = "x-amzn-invoked-production-variant"

LATE = """
import time

def model_fn(model_dir):
    time.sleep(3)

def predict_fn(data, model):
    return {"late": True}
"""


@pytest.fixture(scope="module")
def ours() -> Iterator[RunningEngine]:
    """An engine of this module's own; the last test breaks it."""
    with engine_alone() as engine:
        yield engine


def ask(engine: RunningEngine, path: str, **headers: str) -> Answer:
    file = engine.home.read()
    assert file is not None
    headers["content_type"] = "application/json"
    return call(file.gateway_port, path, json.dumps(ROW), **headers)


def tag(engine: RunningEngine, endpoint: str, route: str) -> None:
    tags = [{"Key": "headgate:route", "Value": route}]
    engine.sagemaker.add_tags(ResourceArn=engine.describe(endpoint)["EndpointArn"], Tags=tags)


@pytest.fixture(scope="module")
def routed(ours: RunningEngine) -> RunningEngine:
    """With an endpoint of this name. Each test may be the only one of the module in its worker."""
    two_versions(ours, "routed")
    return ours


def test_the_tag_is_followed_at_once_also_while_the_endpoint_changes(routed: RunningEngine) -> None:
    ours = routed
    tag(ours, "routed", "/one")
    until(lambda: ask(ours, "/one").status == 200, 3)
    tag(ours, "routed", "/two")
    until(lambda: ask(ours, "/two").status == 200, 3)
    assert ask(ours, "/one").status == 404

    ours.create_model("late", ours.put_archive("late", lambda path: write_code(path, LATE)))
    ours.create_config("late", ("stable", "late", 1))
    ours.sagemaker.update_endpoint(EndpointName="routed", EndpointConfigName="late")
    tag(ours, "routed", "/three")
    until(lambda: ask(ours, "/three").status == 200, 3)
    assert ours.describe("routed")["EndpointStatus"] == "Updating"
    ours.settled("routed")
    assert ask(ours, "/three").json == {"late": True}

    arn = ours.describe("routed")["EndpointArn"]
    ours.sagemaker.delete_tags(ResourceArn=arn, TagKeys=["headgate:route"])
    until(lambda: ask(ours, "/three").status == 404, 3)
    assert ours.invoke("routed")[1] == "stable"


def test_evidence_counts_the_units_that_came_by_the_path(routed: RunningEngine) -> None:
    ours = routed
    tag(ours, "routed", "/score")
    update(ours, "routed", "routed-both")
    weights(ours, "routed", 50, 50)
    start = int(time.time()) + 1
    until(lambda: time.time() >= start, 2)  # the second before has requests of others
    seen = [ask(ours, "/score", x_user_id=f"user-{i % 20}").headers[VARIANT] for i in range(60)]
    by_name = [ours.invoke("routed", CustomAttributes=f"client=user-{i}")[1] for i in range(20)]
    assert seen[:20] == seen[20:40] == seen[40:]
    by_variant = {name: seen.count(name) + by_name.count(name) for name in ("stable", "canary")}
    until(lambda: counted(ours, "routed", "Invocations", start) == by_variant, 10)
    units = counted(ours, "routed", "UnitsSeen", start, "Headgate")
    assert units == {
        name: seen[:20].count(name) + by_name.count(name) - both(seen[:20], by_name, name) for name in seen
    }


def both(seen: list[str], by_name: list[str], variant: str) -> int:
    """How many clients a variant saw on both paths: those are one unit each."""
    return sum(a == b == variant for a, b in zip(seen, by_name, strict=True))


@pytest.fixture(scope="module")
def scene(ours: RunningEngine) -> Scene:
    """A project with a path of its own, deployed."""
    scene = Scene(ours, "student", route="/predict-student")
    scene.deploy("linear")
    (scene.folder / "rows.json").write_text(json.dumps([ROW]))
    return scene


@pytest.fixture
def moved(scene: Scene) -> Scene:
    """The project at another path, by a rollout."""
    if scene.tags().get("headgate:route") != "/score-student":
        scene.say(route="/score-student")
        scene.ended(scene.start(scene.version("linear", bias=7.0), at_once=True))
    return scene


def say_staging(scene: Scene) -> None:
    path = scene.folder / "headgate.yaml"
    document = json.loads(path.read_text())
    document["environments"]["staging"] = {}
    path.write_text(json.dumps(document))


@pytest.fixture
def staged(moved: Scene) -> Scene:
    """The same, with a second environment."""
    say_staging(moved)
    done = moved.cli("deploy", "--env", "staging")
    assert done.returncode == 0, done.stderr
    return moved


def load(scene: Scene, *words: str) -> Any:
    """`headgate load`, which must end well; its result."""
    done = scene.cli("load", "--rows", "rows.json", "--json", *words)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    return json.loads(done.stdout)


def load_while_deploying(scene: Scene, *words: str, after: int) -> Any:
    """The same, and after so many requests a new version is put in the place of the old one."""
    number = scene.version("linear", bias=5.0)
    before = len(scene.attempts())
    with ThreadPoolExecutor(1) as pool:
        running = pool.submit(load, scene, *words)
        until(lambda: len(scene.attempts()) > before + after, within(60), "traffic flows")
        deployed = scene.cli("deploy", "--version", str(number))
        assert deployed.returncode == 0, deployed.stdout + deployed.stderr
        assert not running.done(), "the load outlasts the deployment"
        found = running.result()
    assert found["failed"] == 0, found["failures"]
    assert f"version {number} in force" in [event["said"] for event in found["events"]]
    return found


def test_a_deployment_under_load_by_the_path_fails_nobody(scene: Scene) -> None:
    found = load_while_deploying(scene, "--users", "8", "--ramp", "1s", "--for", "9s", "--output", "load.svg", after=30)
    assert found["url"].endswith("/predict-student")
    assert found["requests"] > 100
    assert found["variants"] == {"stable": found["requests"]}
    picture = (scene.folder / "load.svg").read_text()
    assert "in force</text>" in picture
    assert "/predict-student" in picture


@pytest.mark.proof
def test_thirty_users_ramping_up_for_a_minute_during_a_deployment(scene: Scene) -> None:
    found = load_while_deploying(
        scene, "--users", "30", "--ramp", "1m", "--for", "1m", "--output", "load.html", "--output", "load.svg",
        after=1000,
    )  # fmt: skip
    assert found["requests"] > 3000
    assert max(second["users"] for second in found["seconds"]) >= 29
    assert found["took"] >= 60
    assert "<svg" in (scene.folder / "load.html").read_text()


def test_a_rollout_takes_the_path_along_and_one_that_goes_back_does_not(scene: Scene) -> None:
    scene.say(route="/score-student")
    run = scene.ended(scene.start(scene.version("stillborn"), at_once=True))
    assert outcome(run)[0] == "rolled back", told(run)
    assert scene.tags()["headgate:route"] == "/predict-student"
    run = scene.ended(scene.start(scene.version("linear", bias=7.0), at_once=True))
    assert outcome(run)[0] == "promoted", told(run)
    assert scene.tags()["headgate:route"] == "/score-student"
    until(lambda: ask(scene.engine, "/score-student").status == 200, 3)


def test_another_environment_does_not_get_the_path_and_is_told_so(moved: Scene) -> None:
    scene = moved
    say_staging(scene)
    done = scene.cli("deploy", "--env", "staging", "--json")
    assert done.returncode == 0, done.stderr
    assert "POST /score-student leads to student-production, which had it first" in done.stderr
    assert "student-staging is asked at /endpoints/student-staging/invocations" in done.stderr
    found = json.loads(done.stdout)
    assert (found["change"], found["route"], found["url"], found["route_owner"]) == (
        "create", "", "", "student-production",
    )  # fmt: skip
    endpoints = {e["name"]: e["route"] for e in json.loads(scene.cli("status", "--json").stdout)["endpoints"]}
    assert endpoints["student-production"] == "/score-student"
    assert endpoints["student-staging"] == ""


def test_rows_that_the_model_refuses_are_failures_and_told(staged: Scene) -> None:
    """By the invocations path, which is all that this environment has."""
    scene = staged
    (scene.folder / "bad.json").write_text('{"z": 1}')
    words = ("--rows", "bad.json", "--users", "1", "--ramp", "0s", "--for", "1s", "--json")
    failed = scene.cli("load", "--env", "staging", *words)
    found = json.loads(failed.stdout)
    assert failed.returncode == 1, failed.stderr
    assert found["url"].endswith("/endpoints/student-staging/invocations")
    (kind,) = found["failures"]
    assert (kind["kind"], kind["count"]) == ("424 ModelError", found["requests"])
    assert "row 1: " in kind["said"]


def test_the_commands_of_the_page_are_understood(moved: Scene) -> None:
    """They are run in full elsewhere; here they say what they would do. The block that needs an account is left out."""
    scene = moved
    (block,) = re.findall(r"^```sh\n(.*?)^```$", (ROOT / "docs" / "load.md").read_text(), re.MULTILINE | re.DOTALL)
    lines = block.splitlines()
    assert len(lines) == 3
    for line in lines:
        program, *words = shlex.split(line)
        done = scene.cli(*words, "--env", "production", "--rows", "rows.json", "--dry-run")
        assert (program, done.returncode) == ("headgate", 0), done.stderr
        assert re.fullmatch(r"would send \d+ requests a second by .*/score-student for .*\n", done.stdout)
    assert not (scene.folder / "load.json").exists()


def test_the_path_outlives_gateway_and_engine(moved: Scene) -> None:
    engine = moved.engine
    engine.kill("engine")
    assert ask(engine, "/score-student").status == 200
    engine.kill("gateway")
    until(lambda: answers(engine, "/score-student"), within(20), "the gateway is back")
    engine.stop()
    engine.start()
    until(lambda: answers(engine, "/score-student"), within(20), "the endpoint is back")


def answers(engine: RunningEngine, path: str) -> bool:
    try:
        return ask(engine, path).status == 200
    except OSError:
        return False
