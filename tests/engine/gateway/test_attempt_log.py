"""What the attempt log says: who the caller was, who answered, and in which file."""

import json
import time
from collections.abc import Callable

import pytest

from headgate.engine.evidence.attempts import Attempt
from tests.engine.gateway.attempts import Log, read_all
from tests.engine.gateway.calls import Load, call
from tests.engine.gateway.conftest import Rig, split, until

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def module_rig(make_module_rig: Callable[..., Rig]) -> Rig:
    rig = make_module_rig()
    rig.start()
    rig.cluster("iris/stable/00000001", "stable")
    rig.gateway.set_routes(split(("stable", 1), cluster="iris/{}/00000001"))
    return rig


@pytest.fixture
def one(module_rig: Rig) -> Callable[..., Attempt]:
    """Make one call; its attempt."""

    def made(**headers: str) -> Attempt:
        log = Log(module_rig)
        assert call(module_rig.port, **headers).status in (200, 424)
        (found,) = log.after(1)
        return found

    return made


def test_an_attempt_names_its_variant_and_its_time(one: Callable[..., Attempt]) -> None:
    before = time.time()
    found = one()
    assert (found.endpoint, found.variant, found.answered_by) == ("iris", "stable", "stable")
    assert before <= found.ended <= time.time()
    assert (found.number, found.status, found.failed, found.randomised) == (1, 200, False, True)
    assert found.microseconds is not None
    assert 0 < found.microseconds < 1e6 * (time.time() - before)


def test_the_model_server_s_own_time_counts(one: Callable[..., Attempt]) -> None:
    assert one(x_test="us=7").microseconds == 7


def test_the_client_is_logged_as_the_routes_take_it(one: Callable[..., Attempt]) -> None:
    attributes = {"x_amzn_sagemaker_custom_attributes": "client=old;trace=1, client=me;b=c"}
    me, cookie, user = (one(**h).client for h in (attributes, {"cookie": "headgate-client=me"}, {"x_user_id": "me"}))
    assert me == cookie == user is not None
    assert one(cookie="a=b;  headgate-client=me ; c=d", **attributes).client == me
    other = one(x_user_id="you", cookie="headgate-client=me", **attributes).client
    assert other not in (me, None)
    assert one(cookie="headgate-client=you", **attributes).client == other
    assert one(cookie="headgate-client=", **attributes).client == me


def test_whose_hash_is_random_is_nobody(one: Callable[..., Attempt]) -> None:
    assert one().client is None
    assert one(cookie="xheadgate-client=me; a=client=me").client is None
    assert one(x_amzn_sagemaker_custom_attributes="myclient=1;client=").client is None


def test_a_request_that_names_its_variant_is_no_unit(one: Callable[..., Attempt]) -> None:
    found = one(x_amzn_sagemaker_target_variant="stable", x_user_id="me")
    assert (found.randomised, found.client, found.variant) == (False, None, "stable")


def test_strange_names_are_only_names(one: Callable[..., Attempt]) -> None:
    names = ['"\\{}%REQ(cookie)%', "é" * 5, "x" * 20_000, "\t."]
    clients = [one(x_user_id=name.encode().decode("latin-1")).client for name in names]
    assert len({*clients, None}) == 5
    assert one(cookie=f"headgate-client={'x' * 20_000}").client == clients[2]


def test_only_what_is_needed_is_written(module_rig: Rig) -> None:
    log = Log(module_rig)
    secrets = {"authorization": "hidden1", "cookie": "session=hidden2; headgate-client=c"}
    call(
        module_rig.port,
        body=b"hidden3",
        x_amzn_sagemaker_custom_attributes="trace=hidden4;client=d",
        x_other="hidden5",
        **secrets,
    )
    log.after(1)
    path = module_rig.gateway.attempts
    assert b"hidden" not in path.read_bytes()
    assert path.stat().st_mode & 0o777 == 0o600


def test_the_container_learns_nothing_of_the_log(module_rig: Rig) -> None:
    seen = call(module_rig.port, cookie="headgate-client=me").json["headers"]
    assert not [name for name in seen if "headgate" in name or name.startswith((":", "x-envoy", "cookie"))]


def test_every_attempt_is_a_line_when_the_file_is_moved_away(rig: Rig) -> None:
    rig.cluster("stable")
    rig.gateway.set_routes(split(("stable", 1)))
    asides = [rig.folder / f"aside-{i}" for i in range(5)]
    with Load(rig.port).running() as load:
        for aside in asides:
            load.wait_for(100)
            rig.gateway.attempts.rename(aside)
            rig.gateway.reopen_attempts()
        load.wait_for(100)
    files = [*asides, rig.gateway.attempts]
    until(lambda: sum(file.read_bytes().count(b"\n") for file in files) >= load.answers)
    found = [attempt for file in files for attempt in read_all(file.read_bytes())]
    total = rig.admin.stats("cluster.stable.upstream_rq_total")["cluster.stable.upstream_rq_total"]
    assert len(found) == len({attempt.request for attempt in found}) == load.answers == total
    assert load.failures == []
    assert {file.stat().st_mode & 0o777 for file in files} == {0o600}
    assert all(file.stat().st_size for file in files)


def test_a_gateway_that_is_away_says_so_and_finds_a_new_file(rig: Rig) -> None:
    rig.cluster("stable")
    rig.gateway.set_routes(split(("stable", 1)))
    call(rig.port)
    until(lambda: rig.gateway.attempts.stat().st_size > 0)
    rig.processes.kill("envoy")
    rig.gateway.attempts.rename(rig.folder / "aside")
    with pytest.raises(Exception, match="does not answer"):
        rig.gateway.reopen_attempts()
    rig.start()
    log = Log(rig)
    call(rig.port)
    assert len(log.after(1)) == 1
    assert json.loads((rig.folder / "aside").read_bytes())["status"] == 200
