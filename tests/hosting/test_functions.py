"""Lambda's control API as rollouts use it, and the evidence, against the stand-in; no model is run here."""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from headgate.core.evidence import Baseline, Counts
from headgate.core.versions import ModelVersion
from headgate.errors import NotFound, Overtaken, Refused
from headgate.hosting.alias import Labels, bring, label_of, number_of
from headgate.hosting.canary import claim
from headgate.hosting.deployment import Place
from headgate.hosting.evidence_by_minute import EvidenceByMinute
from headgate.hosting.function_evidence import MATURE_SECONDS, MINUTE, FunctionEvidence
from headgate.hosting.functions import Functions
from headgate.hosting.session import Connection
from tests.hosting.lambda_api import BEGAN, UPDATE_SECONDS, Clock, LambdaApi, Point

pytestmark = pytest.mark.slow

NAME = "iris-production-model"
PLACE = Place("iris", "production", "lambda", 1)
REPOSITORY = "111122223333.dkr.ecr.eu-west-1.amazonaws.com/iris-production"


@dataclass(frozen=True)
class LambdaConnection(Connection):
    """SageMaker at one URL, everything else at another."""

    lambda_url: str = ""

    def _client(self, service: str, url: str, read_seconds: int, *, attempts: int) -> Any:
        there = url if service.startswith("sagemaker") else self.lambda_url
        return super()._client(service, there, read_seconds, attempts=attempts)


class Hand(Clock):
    """A clock that is set by hand."""

    def __init__(self) -> None:
        super().__init__()
        self.now = BEGAN + 600

    def __call__(self) -> float:
        """Epoch seconds."""
        return self.now


def image(number: int) -> str:
    """The image of a version, by digest."""
    return f"{REPOSITORY}@sha256:{number:064x}"


def version(number: int, of: str = "") -> ModelVersion:
    """A registered version."""
    return ModelVersion("iris", number, f"arn:{number}", "Approved", image=of or image(number))


@pytest.fixture
def api(tmp_path: Path) -> Iterator[LambdaApi]:
    made = LambdaApi(tmp_path, Hand())
    made.create(NAME, image(1), {"headgate:project": "iris"})
    yield made
    made.close()


@pytest.fixture
def connection(api: LambdaApi) -> Connection:
    return LambdaConnection("", "", "eu-west-1", "AKIATEST", "secret", lambda_url=f"http://127.0.0.1:{api.port}")


@pytest.fixture
def functions(connection: Connection) -> Functions:
    return Functions(connection)


def brought(functions: Functions, api: LambdaApi, of: ModelVersion, label: str = "") -> str:
    """A version brought there, step by step, on a clock that moves as fast as Lambda needs it."""
    label = label or label_of(of, PLACE, functions.release(NAME))
    for _ in range(10):
        number = bring(functions, NAME, of, PLACE, label)
        if number:
            return number
        api.clock.now += UPDATE_SECONDS / 2  # type: ignore[attr-defined]
    raise AssertionError(api.calls)


def test_an_image_becomes_a_version_and_the_same_image_is_the_same_version(
    functions: Functions, api: LambdaApi
) -> None:
    assert brought(functions, api, version(2)) == "2"
    assert brought(functions, api, version(3)) == "3"
    before = list(api.calls)
    assert brought(functions, api, version(2)) == "2"
    assert "update_code" not in api.calls[len(before) :]
    assert api.calls.count("publish_version") == 2
    found = functions.release(NAME, "2")
    assert (found.image, found.busy, found.failure) == (image(2), False, "")
    assert found.label.startswith("iris-production-v2-")


def test_other_memory_is_another_version(functions: Functions, api: LambdaApi) -> None:
    first = label_of(version(2), PLACE, functions.release(NAME))
    brought(functions, api, version(2))
    api.functions[NAME].latest.memory = 2048
    assert label_of(version(2), PLACE, functions.release(NAME)) != first
    with pytest.raises(Refused, match="The settings of function iris-production-model were changed"):
        bring(functions, NAME, version(3), PLACE, "iris-production-v3-00000000")
    assert brought(functions, api, version(2)) == "3"


def test_other_variables_are_another_version_of_the_same_model(functions: Functions, api: LambdaApi) -> None:
    latest = api.functions[NAME].latest
    latest.variables["HEADGATE_CORS_ORIGINS"] = "https://a.example"
    assert brought(functions, api, version(2)) == "2"
    latest.variables["HEADGATE_CORS_ORIGINS"] = "https://b.example"
    assert brought(functions, api, version(2)) == "3"
    latest.variables["HEADGATE_CORS_ORIGINS"] = "https://a.example"
    assert brought(functions, api, version(2)) == "2"


def test_other_time_outs_are_another_version_too(functions: Functions, api: LambdaApi) -> None:
    first = label_of(version(2), PLACE, functions.release(NAME))
    api.functions[NAME].latest.timeout = 25
    assert label_of(version(2), PLACE, functions.release(NAME)) != first


def test_variables_that_cannot_be_read_are_not_taken_for_none(functions: Functions, api: LambdaApi) -> None:
    api.functions[NAME].latest.variables["HEADGATE_CORS_ORIGINS"] = "https://a.example"
    label = label_of(version(2), PLACE, functions.release(NAME))
    api.key_denied = "KMS denies it."
    with pytest.raises(Refused, match=r"The variables of .*:iris-production-model cannot be read: KMS denies it\."):
        label_of(version(2), PLACE, functions.release(NAME))
    with pytest.raises(Refused, match="cannot be read"):
        bring(functions, NAME, version(2), PLACE, label)
    assert Labels(functions, NAME).find() is not None  # the way back needs no variables


def test_an_image_that_goes_by_tag_is_refused(functions: Functions) -> None:
    with pytest.raises(Refused, match=r"not in an image by digest: 'repository:latest'"):
        label_of(version(2, "repository:latest"), PLACE, functions.release(NAME))


def test_what_somebody_else_published_is_not_taken_for_ours(functions: Functions, api: LambdaApi) -> None:
    """Lambda publishes no second version of the same content: the first one keeps its description."""
    with pytest.raises(Refused, match="Version 1 of function iris-production-model is this image already"):
        brought(functions, api, version(1))
    label = label_of(version(2), PLACE, functions.release(NAME))
    brought(functions, api, version(2))
    api.functions[NAME].versions["2"].image = image(9)
    with pytest.raises(Refused, match=f"labelled {label}, but has another image"):
        bring(functions, NAME, version(2), PLACE, label)


def test_an_image_that_lambda_cannot_take_is_told_as_the_failure(functions: Functions, api: LambdaApi) -> None:
    api.bad_images[image(2)] = "ECR denies it."
    labels, before = Labels(functions, NAME), Labels(functions, NAME).find()
    assert before is not None
    label = label_of(version(2), PLACE, functions.release(NAME))
    assert bring(functions, NAME, version(2), PLACE, label) is None
    api.clock.now += UPDATE_SECONDS  # type: ignore[attr-defined]
    after = labels.find()
    assert after is not None
    assert (after.failure_reason, before.failure_reason) == ("ECR denies it.", "")
    assert after.modified != before.modified


def test_a_version_that_lambda_could_not_make_is_not_moved_to(functions: Functions, api: LambdaApi) -> None:
    label = label_of(version(2), PLACE, functions.release(NAME))
    brought(functions, api, version(2))
    api.functions[NAME].versions["2"].failure = "The image is gone."
    with pytest.raises(Refused, match=r"Lambda could not make version 2: The image is gone\."):
        bring(functions, NAME, version(2), PLACE, label)


def test_a_version_that_is_asleep_is_woken_and_waited_for(functions: Functions, api: LambdaApi) -> None:
    label = label_of(version(2), PLACE, functions.release(NAME))
    brought(functions, api, version(2))
    stored = api.functions[NAME]
    stored.versions["2"].asleep = stored.latest.asleep = "Idle"
    assert bring(functions, NAME, version(2), PLACE, label) is None
    assert functions.release(NAME, "2").busy
    api.clock.now += UPDATE_SECONDS  # type: ignore[attr-defined]
    assert bring(functions, NAME, version(2), PLACE, label) == "2"
    assert brought(functions, api, version(3)) == "3"  # that $LATEST sleeps is no hindrance
    stored.versions["2"].asleep = "ImageDeleted"
    with pytest.raises(Refused, match=r"Lambda could not make version 2: No image\."):
        bring(functions, NAME, version(2), PLACE, label)


@pytest.mark.parametrize("change", ["update_code", "publish_version"])
def test_of_two_who_bring_a_version_at_once_both_go_on(functions: Functions, api: LambdaApi, change: str) -> None:
    """Both look, then both ask: Lambda takes one, and refuses the other for it is at work or has moved on."""
    label = label_of(version(2), PLACE, functions.release(NAME))
    if change == "publish_version":
        assert bring(functions, NAME, version(2), PLACE, label) is None
        api.clock.now += UPDATE_SECONDS  # type: ignore[attr-defined]
    both = threading.Barrier(2)

    class Abreast(Functions):
        """Asks for a change when the other one is as far."""

        def upload(self, function: str, image: str, revision: str) -> None:
            both.wait(30)
            super().upload(function, image, revision)

        def publish(self, function: str, label: str, revision: str) -> str:
            both.wait(30)
            return super().publish(function, label, revision)

    abreast = Abreast(functions._connection)
    abreast.release(NAME)  # the client is made
    with ThreadPoolExecutor(2) as pool:
        found = list(pool.map(lambda _: bring(abreast, NAME, version(2), PLACE, label), range(2)))
    assert found == [None, None]
    assert api.calls.count(change) == 2
    assert brought(functions, api, version(2), label) == "2"


def test_a_change_that_lambda_refuses_for_good_is_refused(functions: Functions, api: LambdaApi) -> None:
    label = label_of(version(2), PLACE, functions.release(NAME))
    api.functions[NAME].latest.locked = True
    with pytest.raises(Overtaken, match="cannot be performed"):
        bring(functions, NAME, version(2), PLACE, label)
    api.functions[NAME].latest.asleep = "Idle"
    assert bring(functions, NAME, version(2), PLACE, label) is None  # it may be for that: it is woken


def test_the_alias_is_told_as_of_an_endpoint(functions: Functions, api: LambdaApi) -> None:
    number = brought(functions, api, version(2))
    label = functions.release(NAME, number).label
    alias = functions.find(NAME)
    assert alias is not None
    functions.move(NAME, alias, "1", beside=number, share=0.25, now=BEGAN + 900)
    state = Labels(functions, NAME).find()
    assert state is not None
    assert state.modified == BEGAN + 900, "a baseline begins after the last move"
    assert (state.config_name, state.settled) == (f"1+{label}", True)
    assert {v.name: v.desired_weight for v in state.variants} == {"stable": 75.0, "canary": 25.0}
    assert functions.tags(state.arn) == {"headgate:project": "iris"}
    assert number_of(functions, NAME, label) == number
    with pytest.raises(NotFound, match="has no version iris-production-v9"):
        number_of(functions, NAME, "iris-production-v9-00000000")


def test_the_alias_is_moved_by_compare_and_set(functions: Functions, api: LambdaApi) -> None:
    brought(functions, api, version(2))
    brought(functions, api, version(3))
    read = functions.find(NAME)
    assert read is not None
    moved = functions.move(NAME, read, "1", beside="2", share=0.1, now=BEGAN + 7)
    assert moved.moved == BEGAN + 7
    assert functions.move(NAME, read, "1", beside="2", share=0.1, now=BEGAN + 8) == moved  # by another who read it too
    with pytest.raises(Refused, match="The alias live of iris-production-model was changed meanwhile"):
        functions.move(NAME, read, "3", now=BEGAN)
    assert functions.move(NAME, moved, "2", now=BEGAN + 9).beside == ""
    assert functions.find("another-model") is None


def test_what_somebody_changed_since_it_was_read_is_neither_replaced_nor_published(
    functions: Functions, api: LambdaApi
) -> None:
    read = functions.release(NAME).revision
    functions.upload(NAME, image(2), read)
    api.clock.now += UPDATE_SECONDS  # type: ignore[attr-defined]
    with pytest.raises(Refused, match="Revision Id"):
        functions.upload(NAME, image(3), read)
    with pytest.raises(Refused, match="Revision Id"):
        functions.publish(NAME, "iris-production-v3-00000000", read)
    assert functions.release(NAME).image == image(2)
    assert "2" not in api.functions[NAME].versions


def test_the_newest_of_a_label_is_found(functions: Functions, api: LambdaApi) -> None:
    brought(functions, api, version(2))
    brought(functions, api, version(3))
    label = functions.release(NAME, "2").label
    api.functions[NAME].versions["3"].description = label
    assert functions.labelled(NAME, label) == "3"


def test_tags_are_written_and_taken_away(functions: Functions, api: LambdaApi) -> None:
    arn = functions.release(NAME).arn
    functions.tag(arn, {"headgate:rollout": "iris-1", "headgate:last-good": "iris-production-v1-00000000+x"})
    functions.untag(arn, ["headgate:rollout", "headgate:none"])
    assert api.functions[NAME].tags == {
        "headgate:project": "iris",
        "headgate:last-good": "iris-production-v1-00000000+x",
    }


def test_what_another_rollout_has_claimed_is_told_by_its_name(functions: Functions, api: LambdaApi) -> None:
    api.functions[NAME].tags["headgate:rollout"] = "iris-1"
    with pytest.raises(Refused, match=r"Rollout iris-1, .* is under way on iris-production-model"):
        claim(functions, functions.release(NAME).arn, rollout="iris-2", generation=1, last_good="1")


# ---- evidence


def happened(api: LambdaApi, at: float, number: str, *, split: bool = True, **values: float) -> None:
    """One request of the alias, as Lambda and the handler tell of it."""
    dimensions = {"FunctionName": NAME, "Resource": f"{NAME}:live"}
    ours = dimensions | {"ExecutedVersion": number}
    given = {"Requests": 1.0, "Failures": 0.0, "Raised": 0.0, "Errors": 0.0, "Duration": 10.0} | values
    for metric, value in given.items():
        if metric in ("Errors", "Duration"):
            api.points.append(Point(at, "AWS/Lambda", metric, ours if split else dimensions, value))
        elif given["Requests"]:
            api.points += [Point(at, "Headgate", metric, names, value) for names in (ours, dimensions)]


def test_what_fails_and_what_does_not(connection: Connection, api: LambdaApi) -> None:
    minute = BEGAN + 60
    for _ in range(5):
        happened(api, minute + 1, "12")
        happened(api, minute + 2, "13")
    happened(api, minute + 3, "13", Failures=1.0)  # an answer of 500
    happened(api, minute + 3, "13", Failures=1.0, Raised=1.0, Errors=1.0)  # a direct invocation that failed
    happened(api, minute + 3, "12", Raised=1.0, Errors=1.0)  # a direct invocation that was refused
    happened(api, minute + 3, "13", Requests=0.0, Errors=1.0, Duration=20_000.0)  # out of time
    happened(api, minute + 70, "12", Duration=30.0)
    evidence = FunctionEvidence(connection, NAME, api.clock)
    found = evidence.windows(
        "12", "13", thresholds=(9_000.0, 10_000.0, 25_000.0), slow_began=int(minute), start=int(BEGAN), end=2**31
    )
    assert [(window.start, window.seconds) for window in found] == [(minute, 60.0), (minute + 60, 60.0)]
    assert found[0].stable == Counts(6, 0, (6, 0, 0), 6)
    assert found[0].canary == Counts(8, 3, (8, 1, 1), 8)
    assert found[1].stable == Counts(1, 0, (1, 1, 1), 1)
    assert found[1].canary == Counts(0)


def test_a_refusal_that_lambda_has_not_told_yet_is_no_crash(connection: Connection, api: LambdaApi) -> None:
    happened(api, BEGAN + 61, "13", Raised=1.0, Errors=0.0)
    evidence = FunctionEvidence(connection, NAME, api.clock)
    (found,) = evidence.windows("12", "13", thresholds=None, slow_began=None, start=int(BEGAN), end=2**31)
    assert found.canary == Counts(1, 0, (0, 0, 0), 1)


def test_a_minute_that_began_before_is_not_told(connection: Connection, api: LambdaApi) -> None:
    happened(api, BEGAN + 59, "13", Failures=1.0)
    happened(api, BEGAN + 61, "13")
    evidence = FunctionEvidence(connection, NAME, api.clock)
    (found,) = evidence.windows(
        "12", "13", thresholds=(1.0, 1.0, 1.0), slow_began=None, start=int(BEGAN) + 1, end=2**31
    )
    assert (found.start, found.canary) == (BEGAN + 60, Counts(1, 0, (0, 0, 0), 1))
    assert evidence.baseline("13", start=int(BEGAN) + 1, end=int(BEGAN) + 120) == Baseline(1, (10_000.0,) * 3)


def test_a_step_is_judged_when_its_last_minute_may_be_looked_at() -> None:
    assert FunctionEvidence.rhythm.delay >= MINUTE + MATURE_SECONDS
    assert EvidenceByMinute.rhythm.delay >= EvidenceByMinute.rhythm.lag


def test_a_minute_is_not_looked_at_before_everything_has_arrived(connection: Connection, api: LambdaApi) -> None:
    api.delay = 0.0
    assert isinstance(api.clock, Hand)
    happened(api, BEGAN + 605, "12")
    evidence = FunctionEvidence(connection, NAME, api.clock)
    for now, seen in ((BEGAN + 719, 0), (BEGAN + 720, 1)):
        api.clock.now = now
        found = evidence.windows("12", "13", thresholds=None, slow_began=None, start=int(BEGAN), end=2**31)
        assert len(found) == seen


def test_the_baseline_is_there_before_and_while_the_versions_are_told_apart(
    connection: Connection, api: LambdaApi
) -> None:
    evidence = FunctionEvidence(connection, NAME, api.clock)
    assert evidence.baseline("12", start=int(BEGAN), end=int(BEGAN) + 300) is None
    for number in range(100):
        happened(api, BEGAN + number, "12", split=False, Duration=float(number))
    found = evidence.baseline("12", start=int(BEGAN), end=int(BEGAN) + 300)
    assert found == Baseline(100, (50_000.0, 90_000.0, 99_000.0))
    assert evidence.tail("12", "13", start=int(BEGAN), end=int(BEGAN) + 300) is None
    for number in range(100):
        happened(api, BEGAN + number, "12", Duration=10.0)
        happened(api, BEGAN + number, "13", Duration=float(number))
    assert evidence.baseline("12", start=int(BEGAN), end=int(BEGAN) + 300) == Baseline(100, (10_000.0,) * 3)
    tail = evidence.tail("12", "13", start=int(BEGAN), end=int(BEGAN) + 300)
    assert tail is not None
    assert (tail.stable_requests, tail.canary_requests) == (100, 100)
    assert (tail.stable_p99_us, tail.canary_p50_us, tail.canary_p99_us) == (10_000.0, 50_000.0, 99_000.0)
