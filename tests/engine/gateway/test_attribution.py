"""Whose failure is it? Each way in which a canary can fail, without and with a fallback.

The table: what the caller gets, and the attempts in the log as (variant of the server, status, failed).
"""

import http.client
import threading
import time
from collections.abc import Callable

import pytest

from headgate.engine.evidence.attempts import Attempt
from headgate.engine.gateway.values import Cluster, EndpointRoutes, VariantRoute
from tests.engine.gateway.attempts import Log
from tests.engine.gateway.calls import call
from tests.engine.gateway.conftest import Rig, until

pytestmark = pytest.mark.slow

TRY_SECONDS = 0.3
STABLE, CANARY, BOTH = "iris/stable/1", "iris/canary/1", "iris/canary/2"
SERVERS = ("canary-1", "canary-2")
HELD = [("stable", 200, True)]
FAILED_OVER = [("canary", 0, True), *HELD]

Case = tuple[int, list[tuple[str, int, bool]]]


class Endpoint:
    """The endpoint iris: all traffic to the canary; with or without a fallback on stable."""

    def __init__(self, rig: Rig, *, fallback: bool, size: int = 1) -> None:
        self.rig = rig
        self.fallback = fallback
        stable = rig.cluster(STABLE, "stable")
        self.canary = rig.cluster(CANARY, *SERVERS[:size])
        route = VariantRoute("canary", CANARY, 1)
        if fallback:
            rig.gateway.add_clusters([Cluster(BOTH, self.canary.addresses, stable.addresses, "stable")], 10.0)
            route = VariantRoute("canary", BOTH, 1, TRY_SECONDS, CANARY)
        rig.gateway.set_routes(EndpointRoutes("iris", (VariantRoute("stable", STABLE, 0), route)))
        assert self.attempts(1)[0].answered_by == "canary"

    def attempts(self, count: int, expect: int = 200, **headers: str) -> list[Attempt]:
        """The attempts that one call makes."""
        log = Log(self.rig)
        assert call(self.rig.port, x_test_only="canary-1", **headers).status == expect
        found = log.until(lambda found: len(found) >= count and (expect != 200 or found[-1].status == 200))
        assert [attempt.number for attempt in found] == list(range(1, len(found) + 1))
        assert len({attempt.request for attempt in found}) == 1
        assert {attempt.variant for attempt in found} == {"canary"}
        return found


@pytest.fixture(params=[False, True], ids=["alone", "fallback"])
def endpoint(request: pytest.FixtureRequest, make_rig: Callable[..., Rig]) -> Endpoint:
    rig = make_rig(timeout=1.5)
    rig.start()
    return Endpoint(rig, fallback=request.param)


def table(found: list[Attempt]) -> list[tuple[str, int, bool]]:
    return [(attempt.answered_by, attempt.status, attempt.failed) for attempt in found]


@pytest.mark.parametrize(
    ("how", "alone", "fallback"),
    [
        ("status=500", (424, [("canary", 500, True)]), (200, [("canary", 500, True), *HELD])),
        ("status=503", (424, [("canary", 503, True)]), (200, [("canary", 503, True), *HELD])),
        ("sleep=5", (424, [("canary", 0, True)]), (200, FAILED_OVER)),
        ("sleep=0.2", (200, [("canary", 200, False)]), (200, [("canary", 200, False)])),
        ("status=404", (424, [("canary", 404, False)]), (424, [("canary", 404, False)])),
    ],
    ids=["500", "503", "hang", "slow", "4xx"],
)
def test_an_answer_that_fails(endpoint: Endpoint, how: str, alone: Case, fallback: Case) -> None:
    status, expected = fallback if endpoint.fallback else alone
    found = endpoint.attempts(len(expected), status, x_test=how)
    assert table(found) == expected
    if how == "sleep=0.2":
        assert 200_000 <= (found[0].microseconds or 0) < 1_000_000
    assert [attempt.microseconds for attempt in found if attempt.answered_by != "canary"] in ([], [None])


def test_a_connection_reset_before_the_answer(endpoint: Endpoint) -> None:
    if endpoint.fallback:
        assert table(endpoint.attempts(2, x_test="reset=1")) == FAILED_OVER
    else:  # sent again and again until the time-out, which cuts a pause or an attempt
        found = table(endpoint.attempts(5, 424, x_test="reset=1"))
        assert set(found) <= {("canary", 0, True), ("canary", 0, False)}
        assert ("canary", 0, False) not in found[:-1]


def test_an_answer_cut_in_the_middle_is_a_failure_that_callers_see(endpoint: Endpoint) -> None:
    log = Log(endpoint.rig)
    with pytest.raises(http.client.IncompleteRead):
        call(endpoint.rig.port, x_test="cut=1")
    assert table(log.after(1)) == [("canary", 200, True)]


def test_a_server_that_is_dead(endpoint: Endpoint) -> None:
    endpoint.rig.processes.kill("canary-1")
    if endpoint.fallback:
        assert table(endpoint.attempts(1)) in (FAILED_OVER, HELD)  # the second where it is ejected already
    else:
        found = table(endpoint.attempts(5, 424))
        assert set(found) == {("canary", 0, True)}


def test_a_server_that_is_killed_during_a_request(endpoint: Endpoint) -> None:
    rig = endpoint.rig
    busy = {f"cluster.{BOTH if endpoint.fallback else CANARY}.upstream_rq_active": 1}
    log, statuses = Log(rig), []
    caller = threading.Thread(
        target=lambda: statuses.append(call(rig.port, x_test="sleep=0.25", x_test_only="canary-1").status)
    )
    caller.start()
    until(lambda: rig.admin.stats(*busy) == busy)
    rig.processes.kill("canary-1")
    rig.server("canary-1")
    caller.join(10)
    assert statuses == [200]
    found = table(log.until(lambda found: bool(found) and found[-1].status == 200))
    if endpoint.fallback:
        assert found == FAILED_OVER
    else:
        assert set(found[:-1]) == {("canary", 0, True)}
        assert found[-1] == ("canary", 200, False)


def test_a_request_that_names_the_variant_gets_no_other(endpoint: Endpoint) -> None:
    found = endpoint.attempts(1, 424, x_test="status=500", x_amzn_sagemaker_target_variant="canary")
    assert table(found) == [("canary", 500, True)]
    assert not found[0].randomised
    endpoint.rig.processes.kill("canary-1")
    dead = endpoint.attempts(5, 424, x_amzn_sagemaker_target_variant="canary")
    assert {attempt.answered_by for attempt in dead} == {"canary"}


def test_a_caller_that_goes_away_is_nobody_s_failure(endpoint: Endpoint) -> None:
    log = Log(endpoint.rig)
    connection = http.client.HTTPConnection("127.0.0.1", endpoint.rig.port)
    connection.request("POST", "/endpoints/iris/invocations", b"1", {"x-test": "sleep=5"})
    time_sent = time.time()
    connection.close()
    (found,) = log.after(1)
    assert table([found]) == [("canary", 0, False)]
    assert found.microseconds is None
    assert found.ended - time_sent < TRY_SECONDS


@pytest.mark.parametrize("fallback", [False, True])
def test_two_servers_that_were_taken_out(rig: Rig, fallback: bool) -> None:
    endpoint = Endpoint(rig, fallback=fallback, size=2)
    name = BOTH if fallback else CANARY
    first, second = endpoint.canary.addresses
    rig.processes.kill("canary-1")
    until(lambda: not rig.admin.health()[name][first], 20.0)
    assert {one for _ in range(20) for one in table(endpoint.attempts(1))} == {("canary", 200, False)}
    rig.processes.kill("canary-2")
    until(lambda: not rig.admin.health()[name][second], 20.0)
    if fallback:
        assert table(endpoint.attempts(1)) == HELD
    else:  # Envoy goes on trying them all
        back = threading.Timer(0.3, rig.server, ["canary-1"])
        back.start()
        found = table(endpoint.attempts(2))
        back.join()
        assert set(found[:-1]) == {("canary", 0, True)}


def test_what_both_fail_to_answer_is_asked_once_of_each(rig: Rig) -> None:
    Endpoint(rig, fallback=True)
    log = Log(rig)
    answer = call(rig.port, x_test="status=500")
    assert (answer.status, answer.json["OriginalStatusCode"]) == (424, 500)
    assert "x-envoy-ratelimited" not in answer.headers
    assert table(log.after(2)) == [("canary", 500, True), ("stable", 500, True)]


def test_callers_and_containers_see_who_answered_and_no_more(rig: Rig) -> None:
    endpoint = Endpoint(rig, fallback=True)
    own, other = call(rig.port), call(rig.port, x_test="status=500", x_test_only="canary-1")
    assert (own.headers["x-amzn-invoked-production-variant"], own.json["server"]) == ("canary", "canary-1")
    assert (other.headers["x-amzn-invoked-production-variant"], other.json["server"]) == ("stable", "stable")
    for answer in (own, other):
        assert not [name for name in answer.json["headers"] if name.startswith(("x-envoy", "x-headgate", ":"))]
    assert rig.gateway.routes_in_force("iris") == {"stable": 0, "canary": 1_000_000}
    until(lambda: endpoint.rig.gateway.drained(BOTH))


def test_a_fallback_that_is_away_is_waited_for(rig: Rig) -> None:
    endpoint = Endpoint(rig, fallback=True)
    for name in ("canary-1", "stable"):
        rig.processes.kill(name)
    until(lambda: not any(rig.admin.health()[BOTH].values()), 20.0)
    back = threading.Timer(0.5, rig.server, ["stable"])
    back.start()
    assert table(endpoint.attempts(2))[-1] == HELD[0]
    back.join()


def test_a_fallback_that_is_away_is_waited_for_while_the_canary_fails(rig: Rig) -> None:
    """A 500 of the canary's is no last word while nobody else was reached."""
    endpoint = Endpoint(rig, fallback=True)
    rig.processes.kill("stable")
    back = threading.Timer(0.5, rig.server, ["stable"])
    back.start()
    found = table(endpoint.attempts(3, x_test="status=500"))
    assert (found[0], found[-1]) == (("canary", 500, True), HELD[0])
    back.join()
    answer = call(rig.port, x_test="status=500", x_test_only="canary-1")
    assert not [name for name in answer.headers if name.lower().startswith("x-headgate-attempted")]
