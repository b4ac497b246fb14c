"""Rollouts on a real engine, without training: a project whose versions are registered as they are written.

A `Scene` is one project with an endpoint of its own. Its versions are hand-written packages, good and bad (`VERSIONS`);
they start their rollouts the way the command line does, and the engine's own runner takes them on.
"""

import json
import math
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import Any

from headgate.core.digest import sha256_file
from headgate.core.evidence import Counts, Window
from headgate.core.manifest import SERVING_IMAGE
from headgate.core.progress import silent
from headgate.data.store import Store
from headgate.engine.evidence.attempts import Attempt, read_attempt
from headgate.hosting.deployment import carry_out, plan
from headgate.hosting.endpoints import Endpoints
from headgate.hosting.registry import Registry
from headgate.hosting.session import Connection
from headgate.pipeline.log import Entry
from headgate.pipeline.rollouts import Rollout, Rollouts
from headgate.pipeline.run import Run
from headgate.pipeline.start import place_of, rollback_terms, rollout_terms
from headgate.pipeline.story import line
from headgate.rollout.judge import Case, Limits
from headgate.spec import Project, load
from headgate.wiring import local
from headgate.wiring.runner import launch
from tests.serving.models import write_archive, write_code
from tests.system.engine import ROOT, RunningEngine, Sum, until

ENVIRONMENT = "production"
PERSON = "tester"

ROWS: list[object] = [*[{"x": 1.0, "y": 2.0}] * 6, {"x": 1.0, "y": 2.0, "poison": 1.0}]
"""What clients send in turn. Every one of them sends the poison now and then: 7 and the number of clients have no
common factor."""
CLIENTS = 500
RATE = 200.0

_HOOKS = """
import json, os, random, time

def model_fn(model_dir):
    {load}

def input_fn(body, content_type):
    return json.loads(body)

def predict_fn(row, model):
    {answer}
    return {{"high": True}}
"""
VERSIONS = {
    "good": ("return 1", "pass"),
    "noisy": ("return 1", "time.sleep(random.expovariate(2000)); assert random.random() > 0.01, 'bad luck'"),
    "failing": ("return 1", "assert 'poison' not in row, 'this input was never tried'"),
    "broken": ("return 1", "raise RuntimeError('nothing works')"),
    "slow": ("return 1", "time.sleep(0.03)"),
    "hanging": ("return 1", "time.sleep(600)"),
    "dead": ("return 1", "os._exit(3)"),
    "late": ("time.sleep(2)\n    return 1", "pass"),
    "stillborn": ("raise RuntimeError('no licence file')", "pass"),
}
"""What the hooks of each kind of version do on loading and on each row. `linear` is one more kind: ONNX, no hooks."""


class Scene:
    """One project on an engine: its folder beside the home, its endpoint, its versions, its rollouts."""

    def __init__(self, engine: RunningEngine, name: str, **canary: Any) -> None:
        self.engine = engine
        self.name = name
        self.folder = engine.home.path.parent / name
        self.folder.mkdir()
        self.endpoint = f"{name}-{ENVIRONMENT}"
        self.say(**canary)

    # ---- the project

    def say(self, *, approve: bool = False, capture: object = None, route: str = "", **canary: Any) -> None:
        """Write headgate.yaml with these keys of its canary phase: short bakes unless told otherwise."""
        terms = {"steps": ["10%", "50%"], "bake": "1s", "min_requests": 20, **canary}
        phases: list[object] = [{"approve": {}}] if approve else []
        more = {} if capture is None else {"capture": capture}
        document = {
            "project": self.name,
            "task": "classification",
            "data": {"source": "sklearn:iris", "target": "species"},
            "environments": {ENVIRONMENT: {"rollout": [*phases, {"canary": terms}], **more}},
        }
        own_path = {"route": route} if route else {}
        (self.folder / "headgate.yaml").write_text(json.dumps(document | own_path))

    @property
    def project(self) -> Project:
        """As it stands in headgate.yaml now."""
        return load(self.folder)

    @cached_property
    def connection(self) -> Connection:
        """The engine's API."""
        file = self.engine.home.read()
        assert file is not None
        return local.connection(file)

    # ---- versions

    def version(self, kind: str = "good", *, bias: float = 0.0, approved: bool = True) -> int:
        """Write a package of this kind, register it, and approve it unless told otherwise. Returns its number."""
        registry = Registry(self.connection)
        registry.ensure_project(self.name)
        name = f"{self.name}-{kind}-{time.monotonic_ns()}"
        if kind == "linear":
            url = self.engine.put_linear(name, bias=bias)
        else:
            url = self.engine.put_archive(name, lambda path: write_hooks(path, *VERSIONS[kind]))
        archive = self.engine.home.store / url.removeprefix("s3://")
        version = registry.register(
            self.name,
            digest=sha256_file(archive),
            image=SERVING_IMAGE,
            model_data_url=url,
            environment={"HEADGATE_DRAIN_SECONDS": "2"},
            metadata={},
        )
        if approved:
            registry.set_status(version, "Approved", "for a test")
        return version.number

    def status(self, number: int) -> str:
        """What the registry says of a version."""
        return Registry(self.connection).version(self.name, number).status

    def deploy(self, kind: str = "good") -> int:
        """A new version of this kind, all at once."""
        number = self.version(kind)
        endpoints = Endpoints(self.connection)
        version = Registry(self.connection).version(self.name, number)
        carry_out(endpoints, plan(endpoints, version, place_of(self.project, ENVIRONMENT)), silent)
        return number

    # ---- rollouts

    @property
    def rollouts(self) -> Rollouts:
        """Those of the project."""
        return Rollouts(Store(self.project.store), ENVIRONMENT)

    def start(self, number: int, *, at_once: bool = False) -> Rollout:
        """Start a rollout, as `headgate rollout start` does."""
        version = Registry(self.connection).version(self.name, number)
        terms = rollout_terms(self.project, ENVIRONMENT, version, self.connection, self.rollouts, at_once=at_once)
        return launch(self.engine.home, self.project.store, terms, by=PERSON)

    def roll_back(self, reason: str = "a test") -> Rollout:
        """Start a rollback, as `headgate rollback` does."""
        terms = rollback_terms(place_of(self.project, ENVIRONMENT), self.connection, self.rollouts, reason)
        return launch(self.engine.home, self.project.store, terms, by=PERSON)

    def until(self, rollout: Rollout, condition: Callable[[Run], object], seconds: float = 30.0) -> Run:
        """Wait until the rollout is so, and return it. What it says is in the message where it never is."""
        try:
            return until(lambda: condition(run := rollout.run()) and run, seconds)  # type: ignore[no-any-return]
        except AssertionError:
            said = "\n".join(f"{entry.at:.3f} {line(entry)}" for entry in rollout.run().entries)
            raise AssertionError(f"not within {seconds} s:\n{said}\n{self._log()}") from None

    def ended(self, rollout: Rollout, seconds: float = 45.0) -> Run:
        """Wait until it has ended."""
        return self.until(rollout, lambda run: run.ended, seconds)

    def _log(self) -> str:
        log = self.engine.home.logs / "runner.log"
        return log.read_text()[-2000:] if log.exists() else ""

    # ---- the endpoint

    def config(self) -> str:
        """The config in force."""
        return str(self.engine.settled(self.endpoint)["EndpointConfigName"])

    def tags(self) -> dict[str, str]:
        """The endpoint's tags."""
        arn = self.engine.describe(self.endpoint)["EndpointArn"]
        return {tag["Key"]: tag["Value"] for tag in self.engine.sagemaker.list_tags(ResourceArn=arn)["Tags"]}

    def attempts(self) -> list[Attempt]:
        """All attempts at this endpoint's servers, from the gateway's own log."""
        lines = (self.engine.home.gateway / "attempts.jsonl").read_bytes().splitlines()
        found = (read_attempt(line) for line in lines)
        return [attempt for attempt in found if attempt is not None and attempt.endpoint == self.endpoint]

    def open_tags(self) -> dict[str, str]:
        """Those of its tags that an endpoint has only while a rollout is open."""
        only = ("headgate:rollout", "headgate:fallback", "headgate:try-seconds")
        return {name: value for name, value in self.tags().items() if name in only}

    @contextmanager
    def load(
        self, *, rate: float = RATE, clients: int = CLIENTS, rows: list[object] | None = None
    ) -> Iterator[Callable[[], Sum]]:
        """Sticky clients that send `ROWS` while the block runs; call what it yields for the sum, at the end."""
        with self.engine.load(self.endpoint, rate=rate, clients=clients, rows=rows or ROWS) as total:
            yield total

    def warm(self, requests: int = 300) -> None:
        """Wait until the stable variant has answered enough requests on its present config to know its latency."""
        began: int = math.floor(self.engine.settled(self.endpoint)["LastModifiedTime"].timestamp()) + 1

        def answered() -> bool:
            through = math.floor(time.time()) - 1
            stable = [a.ended for a in self.attempts() if a.variant == "stable"]
            return sum(began <= ended < through for ended in stable) >= requests

        until(answered, 20, "a baseline")

    # ---- the command line

    def cli(self, *words: str) -> "subprocess.CompletedProcess[str]":
        """Run one command of `headgate` in the project's folder."""
        argv = [sys.executable, "-m", "headgate", *words]
        return subprocess.run(
            argv, cwd=self.folder, env=self.environment, capture_output=True, text=True, check=False, timeout=100
        )

    @property
    def environment(self) -> dict[str, str]:
        """The environment of commands: this engine's home, this checkout."""
        path = os.pathsep.join([str(ROOT / "src"), os.environ.get("PYTHONPATH", "")])
        return {**os.environ, "HEADGATE_HOME": str(self.engine.home.path), "PYTHONPATH": path}


def sufficient(attempts: list[Attempt], began: float) -> float | None:
    """When the judge could first have known that the canary fails, had it seen each attempt as it ended.

    Of the first step, which began to count at `began`. The windows are those of the judge: whole seconds, and the
    running one as far as it has come.
    """
    case, second = Case(), math.floor(began)
    seen: set[tuple[object, str]] = set()
    failing: set[object] = set()
    counts = {"stable": [0, 0], "canary": [0, 0]}
    for attempt in sorted(attempts, key=lambda a: a.ended):
        if attempt.ended < began or not attempt.randomised:
            continue
        if math.floor(attempt.ended) > second:
            case, second = case.after(_window(second, counts)), math.floor(attempt.ended)
            counts = {"stable": [0, 0], "canary": [0, 0]}
        unit = attempt.client or attempt.request
        counts[attempt.variant][0] += (unit, attempt.variant) not in seen
        seen.add((unit, attempt.variant))
        if attempt.failed and unit not in failing:
            failing.add(unit)
            counts[attempt.variant][1] += 1
        if failing and case.after(_window(second, counts)).errors.e >= Limits().line:
            return attempt.ended
    return None


def _window(second: int, counts: dict[str, list[int]]) -> Window:
    stable, canary = (Counts(seen, failing) for seen, failing in (counts["stable"], counts["canary"]))
    return Window(float(second), 1.0, stable, canary)


@contextmanager
def engine_alone() -> Iterator[RunningEngine]:
    """An engine of one's own while the block runs."""
    folder = Path(tempfile.mkdtemp(prefix="hg", dir="/tmp"))
    engine = RunningEngine(folder / "home")
    engine.start()
    try:
        yield engine
    finally:
        engine.stop()
        shutil.rmtree(folder)


def write_hooks(path: Path, load: str, answer: str, *, salt: str = "") -> None:
    """A package with hooks of this kind; `salt` makes its bytes unlike all others."""
    hooks = _HOOKS.format(load=load, answer=answer) + f"\n# {salt}\n"
    write_archive(path, write_code(path.parent / "content", hooks))


def entries(run: Run, kind: str) -> list[Entry]:
    """The entries of one kind."""
    return [entry for entry in run.entries if entry.kind == kind]


def outcome(run: Run) -> tuple[str, str]:
    """How it ended: outcome and verdict."""
    assert run.ended is not None
    return run.ended.outcome, run.ended.verdict


def told(run: Run) -> list[str]:
    """What its log says, line by line."""
    return [line(entry) for entry in run.entries]


def at_step(number: int, *, begun: bool = True) -> Callable[[Run], bool]:
    """Whether a rollout has come to this step of its plan (from 0), and begun it."""
    return lambda run: run.step > number or (run.step == number and run.begun >= begun)
