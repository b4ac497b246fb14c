"""Who is sent where: weights, sticky callers, TargetVariant."""

from collections.abc import Callable

import pytest

from tests.engine.gateway.calls import call
from tests.engine.gateway.conftest import Rig, split

pytestmark = pytest.mark.slow

VARIANT = "x-amzn-invoked-production-variant"
CALLERS = 300


@pytest.fixture(scope="module")
def rig(make_module_rig: Callable[..., Rig]) -> Rig:
    rig = make_module_rig()
    rig.start()
    rig.cluster("stable")
    rig.cluster("canary")
    return rig


def invoked(rig: Rig, **headers: str) -> str:
    answer = call(rig.port, **headers)
    assert answer.json["server"] == answer.headers[VARIANT]
    return answer.headers[VARIANT]


def by_user(caller: int) -> dict[str, str]:
    return {"x_user_id": f"user-{caller}"}


def by_cookie(caller: int) -> dict[str, str]:
    return {"cookie": f"a=b; headgate-client=c{caller}"}


def by_attribute(caller: int) -> dict[str, str]:
    return {"x_amzn_sagemaker_custom_attributes": f"trace={caller * 7};client=c{caller}, more=1"}


@pytest.mark.parametrize("identify", [by_user, by_cookie, by_attribute])
def test_a_growing_canary_keeps_its_callers(rig: Rig, identify: Callable[[int], dict[str, str]]) -> None:
    def on_canary(weight: float) -> set[int]:
        rig.gateway.set_routes(split(("stable", 100 - weight), ("canary", weight)))
        return {caller for caller in range(CALLERS) if invoked(rig, **identify(caller)) == "canary"}

    none, tenth, half, everybody = on_canary(0), on_canary(10), on_canary(50), on_canary(100)
    assert not none
    assert 10 <= len(tenth) <= 60
    assert 100 <= len(half) <= 200
    assert tenth < half
    assert everybody == set(range(CALLERS))
    assert on_canary(50) == half


def test_one_client_is_one_client_whatever_else_it_sends(rig: Rig) -> None:
    rig.gateway.set_routes(split(("stable", 1), ("canary", 1)))
    attributes = [f"trace={i},client=me" for i in range(40)]
    assert len({invoked(rig, x_amzn_sagemaker_custom_attributes=value) for value in attributes}) == 1


def test_attributes_that_name_no_client_stick_to_nothing(rig: Rig) -> None:
    rig.gateway.set_routes(split(("stable", 1), ("canary", 1)))
    assert len({invoked(rig, x_amzn_sagemaker_custom_attributes="myclient=1") for _ in range(40)}) == 2


def test_a_request_of_nobody_in_particular_follows_the_weights(rig: Rig) -> None:
    rig.gateway.set_routes(split(("stable", 3), ("canary", 1)))
    assert rig.gateway.routes_in_force("iris") == {"stable": 750_000, "canary": 250_000}
    canary = sum(invoked(rig) == "canary" for _ in range(400))
    assert 60 <= canary <= 140


def test_target_variant_overrides_weights_and_stickiness(rig: Rig) -> None:
    rig.gateway.set_routes(split(("stable", 1), ("canary", 0)))
    for variant in ("stable", "canary"):
        assert invoked(rig, x_amzn_sagemaker_target_variant=variant, x_user_id="me") == variant
