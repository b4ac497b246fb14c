"""Rollouts of a model in a Lambda function: a real tick, real traffic, the model under Lambda's own runtime client.

The stand-in's clock runs fast, so a minute of CloudWatch's is over in less than a second. The registry is the engine's.
"""

import http.client
import json
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from time import monotonic
from types import SimpleNamespace
from typing import Any

import pytest

from headgate.core import names
from headgate.core.evidence import Counts
from headgate.core.versions import ModelVersion
from headgate.data.store import Store
from headgate.errors import NotFound, Refused, Unavailable
from headgate.hosting.function_evidence import FunctionEvidence
from headgate.hosting.functions import AliasState, Functions
from headgate.hosting.registry import Registry
from headgate.hosting.session import Connection
from headgate.pipeline.function_start import function_place, function_rollback_terms, function_rollout_terms
from headgate.pipeline.function_world import FunctionWorld
from headgate.pipeline.rollouts import Rollout, Rollouts
from headgate.pipeline.run import Run
from headgate.pipeline.story import why
from headgate.pipeline.terms import Terms
from headgate.pipeline.tick import Tick
from headgate.rollout.plan import Analyse, Canary, compile_plan
from headgate.spec import Project, load
from headgate.wiring import delivery_functions
from headgate.wiring.delivery import Delivery
from headgate.wiring.monitor import RollbackMonitor
from tests.hosting.conftest import running_control
from tests.hosting.lambda_api import Clock, LambdaApi
from tests.hosting.test_functions import NAME, LambdaConnection, happened, image
from tests.serving.aws_lambda.front_doors import http as gateway
from tests.serving.models import write_code

pytestmark = pytest.mark.slow

SCALE = 90.0
DEADLINE = 30.0
LOOK_SECONDS = 0.05
CALLERS = 3
BODIES = ('{"x": 1}', '{"x": 1, "poison": 1}', '{"y": 1}')
"""What callers send in turn: the second breaks version 3, the third is refused by all."""
SPEC = """
project: iris
task: classification
data: {source: data.csv, target: species}
train: {recipe: xgboost}
environments:
  production:
    target: aws
    account: "111122223333"
    region: eu-west-1
    hosting: {lambda: {}}
    rollout:
      - canary: {steps: [20%, 50%], bake: 1m, min_requests: 20, wait: 1h}
"""
HOOKS = """
import json, os
from headgate.errors import InvalidInput

def model_fn(model_dir):
    return None

def input_fn(body, content_type):
    row = json.loads(body)
    if "x" not in row:
        raise InvalidInput("x is missing")
    return row

def predict_fn(row, model):
    if "exit" in row:
        os._exit(3)
    if BROKEN and "poison" in row:
        raise RuntimeError("no such table")
    return VERSION
"""


class Died(BaseException):
    """The process was killed."""


class Account:
    """Where the functions are, and a registry: version 1 runs, 2 is as good, 3 fails now and then."""

    def __init__(self, folder: Path, api: LambdaApi, control: Connection) -> None:
        self.api, self.folder = api, folder
        url = f"http://127.0.0.1:{api.port}"
        keys = control.region, control.access_key, control.secret_key
        self.connection = LambdaConnection(control.control_url, "", *keys, lambda_url=url)
        (folder / "headgate.yaml").write_text(SPEC)
        self.project: Project = load(folder)
        self._registry = Registry(self.connection)
        self._registry.ensure_project("iris")
        self.versions = [self._register(number, broken=number == 3) for number in (1, 2, 3)]

    def _register(self, number: int, *, broken: bool) -> ModelVersion:
        source = HOOKS.replace("BROKEN", str(broken)).replace("VERSION", str(number))
        self.api.images[image(number)] = write_code(self.folder / f"v{number}" / "model", source)
        made = self._registry.register(
            "iris", digest=f"{number:064x}", image=image(number), model_data_url="s3://b/m.tar.gz",
            environment={}, metadata={},
        )  # fmt: skip
        return self._registry.set_status(made, "Approved", "test")


class Scene:
    """A project whose version 1 is in a Lambda function."""

    def __init__(self, folder: Path, account: Account) -> None:
        self.api, self.clock = account.api, account.api.clock
        self.connection, self.project, self.versions = account.connection, account.project, account.versions
        self.store = Store(folder)
        self.rollouts = Rollouts(self.store, "production")
        self.answers: Counter[str] = Counter()
        self.row = b'{"x": 1}'
        self.api.create(NAME, image(1), {"headgate:project": "iris"})
        for number in range(400):  # it has answered for a while; Lambda does not tell versions apart there is one of
            happened(self.api, self.clock() - 540 + number, "1", split=False, Duration=2.0 + number % 5)

    def start(self, number: int, *, at_once: bool = False, one_step: bool = False) -> Rollout:
        """Start a rollout of a version."""
        terms = function_rollout_terms(
            self.project, "production", self.versions[number - 1], self.connection, self.rollouts, at_once=at_once
        )
        if one_step:
            strategy = Canary((50.0,), bake=60.0, min_requests=20, wait=3600.0)
            terms = replace(terms, steps=compile_plan(strategy, approve=False))
        return self.rollouts.start(terms, at=self.clock(), by="ada")

    def world(self, terms: Terms, functions: Functions | None = None) -> FunctionWorld:
        """The surroundings of a rollout on these terms."""
        return FunctionWorld(self.connection, lambda _: self.row, terms, functions=functions, now=self.clock)

    def until(
        self,
        rollout: Rollout,
        done: Callable[[Run], object] = lambda run: run.ended,
        functions: Functions | None = None,
    ) -> Run:
        """Tick until `done`."""
        deadline, never = monotonic() + DEADLINE, threading.Event()
        tick = Tick(self.world(rollout.run().terms, functions), rollout, self.clock)
        while not done(run := rollout.run()):
            assert monotonic() < deadline, [(e.kind, e.content) for e in run.entries[-3:]]
            if tick():
                never.wait(LOOK_SECONDS)
        return run

    @property
    def config(self) -> str:
        """What the alias runs, by Lambda's numbers."""
        alias = self.api.functions[NAME].aliases["live"]
        return "+".join([alias.version, *alias.weights])

    def call(self, caller: http.client.HTTPConnection, body: str) -> str:
        """What a caller of the alias is told through API Gateway: the answer, the status, or the function's error."""
        path = f"/2015-03-31/functions/{NAME}/invocations?Qualifier=live"
        caller.request("POST", path, json.dumps(gateway(path="/invocations", body=body)))
        answer = json.loads(caller.getresponse().read())
        if "errorType" in answer:
            return str(answer["errorType"])
        return str(answer["body"] if answer["statusCode"] == 200 else answer["statusCode"]).strip()

    @contextmanager
    def traffic(self) -> Iterator[None]:
        """Callers who go on calling; what they are told is counted in `answers`."""
        over = threading.Event()
        threads = [threading.Thread(target=self._call, args=(over,)) for _ in range(CALLERS)]
        for thread in threads:
            thread.start()
        try:
            yield
        finally:
            over.set()
            for thread in threads:
                thread.join()

    def _call(self, over: threading.Event) -> None:
        caller = http.client.HTTPConnection("127.0.0.1", self.api.port, timeout=30)
        number = 0
        while not over.wait(0.02):
            number += 1
            self.answers[self.call(caller, BODIES[number % len(BODIES)])] += 1
        caller.close()


@pytest.fixture(scope="module")
def account(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Account]:
    folder = tmp_path_factory.mktemp("account")
    with running_control(folder) as control:
        api = LambdaApi(folder, Clock(SCALE))
        try:
            yield Account(folder, api, control.connection)
        finally:
            api.close()


@pytest.fixture
def scene(tmp_path: Path, account: Account) -> Iterator[Scene]:
    yield Scene(tmp_path, account)
    account.api.empty()


def test_a_good_version_is_promoted_and_taken_back_by_hand(scene: Scene) -> None:
    with scene.traffic():
        rollout = scene.start(2)
        run = scene.until(rollout)
        assert run.ended is not None
        assert (run.ended.outcome, run.ended.verdict) == ("promoted", "pass"), run.ended.why
        assert scene.config == "2"
        tags = scene.api.functions[NAME].tags
        assert (tags["headgate:version"], tags["headgate:last-good"]) == ("2", "1")
        assert "headgate:rollout" not in tags
        looked = [entry.content["numbers"] for entry in run.entries if entry.kind == "decision"]
        assert all(numbers["canary_failing"] == 0 and numbers["canary_requests"] >= 20 for numbers in looked)
        (baseline,) = [entry.content for entry in run.entries if entry.kind == "baseline"]
        assert (baseline["p50"], baseline["p99"]) == (4000.0, 6000.0)
        assert "A held-out row was answered: 2" in str(run.entries)
        with pytest.raises(Refused, match="runs version 2 already"):
            scene.start(2)

        terms = function_rollback_terms(
            function_place("iris", "production"), scene.connection, scene.rollouts, "slow labels"
        )
        back = scene.until(scene.rollouts.start(terms, at=scene.clock(), by="ada"))
        assert back.ended is not None
        assert (back.ended.outcome, scene.config) == ("rolled back", "1")
    assert set(scene.answers) == {"1", "2", "400"}  # refusals of the model's are no failures


def test_the_way_back_wakes_a_version_that_sleeps_before_callers_get_it(scene: Scene) -> None:
    scene.until(scene.start(2, at_once=True))
    place = function_place("iris", "production")
    terms = function_rollback_terms(place, scene.connection, scene.rollouts, "slow labels")
    scene.api.functions[NAME].versions["1"].asleep = "Idle"
    moves = scene.api.calls.count("update_alias")
    back = scene.until(scene.rollouts.start(terms, at=scene.clock(), by="ada"))
    assert back.ended is not None
    assert (back.ended.outcome, back.ended.verdict, scene.config) == ("rolled back", "pass", "1")
    assert scene.api.calls.count("update_alias") == moves + 1
    assert scene.api.moved_asleep == 0


def test_new_settings_are_rolled_out_with_the_model_that_runs(scene: Scene) -> None:
    scene.until(scene.start(2, at_once=True))
    scene.api.functions[NAME].latest.variables["HEADGATE_CORS_ORIGINS"] = "https://app.example"
    run = scene.until(scene.start(2, at_once=True))
    assert run.ended is not None
    assert (run.ended.outcome, scene.config) == ("promoted", "3")  # Lambda's third version
    assert scene.api.functions[NAME].versions["3"].image == scene.api.functions[NAME].versions["2"].image


def test_a_failing_version_goes_back_and_callers_saw_its_errors(scene: Scene) -> None:
    with scene.traffic():
        rollout = scene.start(3)
        run = scene.until(rollout)
    assert run.ended is not None
    assert (run.ended.outcome, run.ended.verdict, scene.config) == ("rolled back", "fail", "1")
    assert "failing units were the canary's" in why(run)
    assert scene.answers["500"] > 0
    assert "headgate:rollout" not in scene.api.functions[NAME].tags


def test_somebody_elses_move_of_the_alias_stops_the_rollout(scene: Scene) -> None:
    with scene.traffic():
        rollout = scene.start(2)
        scene.until(rollout, lambda run: run.begun and isinstance(run.present, Analyse))
        assert scene.api.functions[NAME].tags["headgate:last-good"] == "1", "where an alarm would lead"
        scene.api.meddle(NAME, "1", {"2": 0.7})
        run = scene.until(rollout)
    assert run.ended is not None
    assert (run.ended.outcome, run.ended.verdict) == ("stopped", "error")
    assert "the canary has 70 %; this rollout left it at 20 %" in run.ended.why
    assert scene.api.functions[NAME].aliases["live"].weights == {"2": 0.7}
    assert "headgate:rollout" not in scene.api.functions[NAME].tags


def test_a_crash_is_counted_although_it_leaves_no_line(scene: Scene) -> None:
    scene.api.functions[NAME].versions["2"] = replace(scene.api.functions[NAME].versions["1"], number="2")
    scene.api.meddle(NAME, "1", {"2": 1.0})
    with closing(http.client.HTTPConnection("127.0.0.1", scene.api.port, timeout=30)) as caller:
        began = scene.clock()
        bodies = ['{"x": 1}', '{"x": 1, "exit": 1}', '{"x": 1}', '{"y": 1}']
        assert [scene.call(caller, body) for body in bodies] == ["1", "Runtime.ExitError", "1", "400"]
    deadline, never = monotonic() + DEADLINE, threading.Event()
    evidence = FunctionEvidence(scene.connection, NAME, scene.clock)
    seen = Counts(0)
    while seen.seen < 4:
        assert monotonic() < deadline
        never.wait(LOOK_SECONDS)
        found = evidence.windows("1", "2", thresholds=None, slow_began=None, start=int(began) - 60, end=2**31)
        seen = Counts(sum(window.canary.seen for window in found), sum(window.canary.failing for window in found))
    assert seen == Counts(4, 1)


def test_an_image_that_lambda_cannot_take_ends_the_rollout(scene: Scene) -> None:
    scene.api.bad_images[image(2)] = "ECR denies it."
    for at_once in (False, True):
        run = scene.until(scene.start(2, at_once=at_once))
        assert run.ended is not None
        assert (run.ended.outcome, run.ended.verdict, scene.config) == ("rolled back", "fail", "1")
        assert "ECR denies it." in run.ended.why


def test_a_row_that_hooks_refuse_is_told_unless_the_model_has_to_take_it(scene: Scene) -> None:
    scene.row = b'{"y": 1}'
    terms = scene.start(2).run().terms

    assert "is not what its hooks take" in scene.world(replace(terms, probe_refusable=True)).probe(1).said
    with pytest.raises(
        Unavailable, match=r"does not answer a row that it was judged by\. The model refused the request"
    ):
        scene.world(replace(terms, probe_refusable=False)).probe(1)


def test_a_canary_that_does_not_answer_is_given_no_traffic(scene: Scene) -> None:
    scene.row = b'{"x": 1, "poison": 1}'
    run = scene.until(scene.start(3))
    assert run.ended is not None
    assert (run.ended.outcome, run.ended.verdict, scene.config) == ("rolled back", "fail", "1")
    assert "does not answer a row that it was judged by" in run.ended.why
    assert "% of the traffic" not in str([entry.content for entry in run.entries if entry.kind == "done"])


def test_nothing_is_made_ready_of_a_version_that_is_not_approved(scene: Scene) -> None:
    terms, registry = scene.start(2).run().terms, Registry(scene.connection)
    registry.set_status(scene.versions[1], "Rejected", "a test")
    try:
        scene.world(terms).prepare()
    finally:
        registry.set_status(scene.versions[1], "Approved", "a test")
    assert "update_code" not in scene.api.calls
    scene.world(terms).prepare()
    assert "update_code" in scene.api.calls


def test_only_its_own_claim_is_let_go(scene: Scene) -> None:
    tags, world = scene.api.functions[NAME].tags, scene.world(scene.start(2).run().terms)
    tags["headgate:rollout"] = "theirs"
    world.endpoint()
    world.let_go()
    assert tags["headgate:rollout"] == "theirs"


def test_a_rollout_starts_only_where_it_may(scene: Scene) -> None:
    function = scene.api.functions[NAME]
    function.tags["headgate:generation"] = "6"
    for changed, said in (
        ({"headgate:project": "payroll"}, "does not belong to project iris"),
        ({"headgate:rollout": "theirs"}, "Rollout theirs is under way"),
    ):
        kept = dict(function.tags)
        function.tags.update(changed)
        with pytest.raises(Refused, match=said):
            scene.start(2)
        function.tags.clear()
        function.tags.update(kept)
    function.versions["2"] = replace(function.versions["1"], number="2")
    scene.api.meddle(NAME, "1", {"2": 0.5})
    with pytest.raises(Refused, match="runs two versions, 1 and 2; a rollout starts from one"):
        scene.start(2)
    scene.api.meddle(NAME, "1", {})
    with pytest.raises(Refused, match="runs version 1 already"):
        scene.start(1)
    function.latest.memory = 2048  # the same image, with more
    assert scene.start(1).run().terms.generation == 7


def test_a_version_that_nobody_approved_is_not_started(scene: Scene) -> None:
    unapproved = replace(scene.versions[1], status="PendingManualApproval")
    with pytest.raises(Refused, match="only an Approved version is rolled out"):
        function_rollout_terms(scene.project, "production", unapproved, scene.connection, scene.rollouts)


def test_there_is_no_way_back_to_nothing_to_itself_or_to_what_was_deleted(scene: Scene) -> None:
    place, tags = function_place("iris", "production"), scene.api.functions[NAME].tags
    for pointer, error, said in (
        ("", Refused, "has no earlier version to go back to"),
        ("1", Refused, "has no earlier version to go back to"),
        ("iris-production-v9-00000000", NotFound, "has no version iris-production-v9"),
    ):
        tags["headgate:last-good"] = pointer
        with pytest.raises(error, match=said):
            function_rollback_terms(place, scene.connection, scene.rollouts, "a test")


def test_a_version_that_does_not_answer_its_probe_goes_back(scene: Scene) -> None:
    scene.row = b'{"x": 1, "poison": 1}'
    rollout = scene.start(3, at_once=True)
    assert scene.world(rollout.run().terms).probe_seconds == 30.0
    run = scene.until(rollout)
    assert run.ended is not None
    assert (run.ended.outcome, run.ended.verdict, scene.config) == ("rolled back", "fail", "1")
    assert "does not answer a row that it was judged by" in run.ended.why
    gone = scene.start(2)
    assert scene.world(gone.run().terms).probe_seconds == 120.0
    del scene.api.functions[NAME].aliases["live"]
    run = scene.until(gone)
    assert run.ended is not None
    assert (run.ended.outcome, run.ended.why) == (
        "stopped",
        "Somebody else deleted function iris-production-model.",
    )
    with pytest.raises(NotFound, match="There is no function iris-production-model with an alias live"):
        scene.start(2)


@dataclass
class NoMachine:
    """Nobody takes executions on here."""

    started: list[str] = field(default_factory=list)

    def start(self, execution: str, document: Mapping[str, Any]) -> bool:  # noqa: ARG002
        self.started.append(execution)
        return True

    def answer(self, token: str, *, go_on: bool) -> None:
        raise AssertionError((token, go_on))


def test_the_delivery_functions_take_it_on_and_back_on_an_alarm(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    for version in scene.versions:
        scene.store.put(names.row_key(version.metadata["package.sha256"]), scene.row)
    delivery = Delivery(
        "iris", "production", scene.connection, scene.store, NoMachine(), function=True, clock=scene.clock
    )
    message = json.dumps({"AlarmName": "iris-production-rollback", "NewStateValue": "ALARM"})
    alarm = {"Records": [{"Sns": {"Message": message}}]}
    monitor = RollbackMonitor(delivery)
    assert monitor(alarm) == {"done": "nothing", "why": "iris-production-model has no earlier version to go back to."}
    run = scene.start(2, at_once=True).run()
    event = {"rollout": run.terms.id, "number": run.terms.number, "do": "artifacts"}
    deadline, never = monotonic() + DEADLINE, threading.Event()
    said = delivery.tick(event)
    assert scene.api.calls.count("update_code") == 1
    while said["phase"] != "ended":
        assert monotonic() < deadline, said
        never.wait(LOOK_SECONDS)
        said = delivery.tick({**event, "do": "tick"})
    assert (said["outcome"], scene.config) == ("promoted", "2")
    monkeypatch.setattr(delivery_functions, "_delivery", lambda: delivery)
    assert "is not held against it" in RollbackMonitor(delivery, watch_seconds=0.0)(alarm)["why"]
    left = SimpleNamespace(get_remaining_time_in_millis=lambda: 14_000)
    assert delivery_functions.rollback_monitor(alarm, left)["done"] == "under way", "14 seconds are left, no hours"
    assert monitor(alarm)["done"] == "back"
    assert scene.config == "1"
    again = monitor(alarm)
    assert (again["done"], scene.config) == ("nothing", "1")
    assert "went back already" in again["why"]


class Mortal(Functions):
    """Whoever makes a change for the first time dies before it; who makes it for the second time dies after it."""

    def __init__(self, connection: Connection, made: Counter[str]) -> None:
        super().__init__(connection)
        self._made = made

    def upload(self, function: str, image: str, revision: str) -> None:
        with self._dies(f"upload {image}"):
            super().upload(function, image, revision)

    def publish(self, function: str, label: str, revision: str) -> str:
        with self._dies(f"publish {label}"):
            return super().publish(function, label, revision)

    def move(self, function: str, state: AliasState, version: str, **more: Any) -> AliasState:
        with self._dies(f"move {version} {more.get('beside')} {more.get('share')}"):
            return super().move(function, state, version, **more)

    def tag(self, arn: str, tags: Mapping[str, str]) -> None:
        with self._dies(f"tag {tags}"):
            super().tag(arn, tags)

    def untag(self, arn: str, keys: Sequence[str]) -> None:
        with self._dies(f"untag {keys}"):
            super().untag(arn, keys)

    @contextmanager
    def _dies(self, change: str) -> Iterator[None]:
        self._made[change] += 1
        if self._made[change] == 1:
            raise Died
        yield
        if self._made[change] == 2:
            raise Died


@pytest.mark.parametrize(("number", "outcome", "config"), [(2, "promoted", "2"), (3, "rolled back", "1")])
def test_killed_before_and_after_each_change_it_goes_on(scene: Scene, number: int, outcome: str, config: str) -> None:
    made: Counter[str] = Counter()
    started = scene.start(number, one_step=True).run().terms.number
    deaths, run = 0, None
    with scene.traffic():
        while run is None:
            assert deaths < 60, made
            try:
                run = scene.until(scene.rollouts.get(started), functions=Mortal(scene.connection, made))
            except Died:
                deaths += 1
    assert run.ended is not None
    assert (run.ended.outcome, scene.config) == (outcome, config), run.ended.why
    assert {change.split()[0] for change in made} == {"upload", "publish", "move", "tag", "untag"}
    assert deaths > len(made)
    assert scene.api.calls.count("publish_version") == 1
    taken = [int(entry.content["index"]) for entry in run.entries if entry.kind == "done"]
    assert taken == list(range(len(taken)))
    assert "headgate:rollout" not in scene.api.functions[NAME].tags
