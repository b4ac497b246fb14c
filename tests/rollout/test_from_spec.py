import pytest

from headgate.rollout.from_spec import strategy_of
from headgate.rollout.plan import LARGEST_WEIGHT, AllAtOnce, Canary, Strategy, compile_plan
from headgate.spec import Environment
from headgate.spec.rollout import LARGEST_STEP


@pytest.mark.parametrize(
    ("rollout", "strategy", "approve"),
    [
        ([{"canary": {}}], Canary((10.0, 50.0), 600.0, 300, 3600.0, True), False),
        (
            [
                {"approve": {}},
                {"canary": {"steps": ["12.5%"], "bake": "30s", "wait": "0s", "min_requests": 9, "fallback": False}},
            ],
            Canary((12.5,), 30.0, 9, 0.0, False),
            True,
        ),
        ([{"all-at-once": {}}], AllAtOnce(), False),
        ([{"approve": {}}, {"all-at-once": {}}], AllAtOnce(), True),
    ],
)
def test_the_section_gives_a_strategy(rollout: list[object], strategy: Strategy, approve: bool) -> None:
    assert strategy_of(Environment.model_validate({"rollout": rollout})) == (strategy, approve)


@pytest.mark.parametrize("kind", ["serverless", "lambda"])
def test_no_canary_where_none_can_stand(kind: str) -> None:
    """On AWS a serverless endpoint has one variant; a function's alias, and the engine of this machine, have two."""
    asked = {"rollout": [{"approve": {}}, {"canary": {}}], "hosting": {kind: {}}}
    there = {"target": "aws", "account": "123456789012", "region": "eu-west-1"}
    strategy, approve = strategy_of(Environment.model_validate(asked | there))
    assert approve
    assert isinstance(strategy, AllAtOnce if kind == "serverless" else Canary)
    assert isinstance(strategy_of(Environment.model_validate(asked))[0], Canary)


def test_every_canary_that_the_spec_accepts_can_be_planned() -> None:
    assert LARGEST_STEP == LARGEST_WEIGHT
    steps = [f"{n * 2.5}%" for n in range(1, 21)]
    for least in (
        {"steps": ["0.01%"], "bake": "1s", "wait": "0s", "min_requests": 1},
        {"steps": steps, "bake": "7d", "wait": "7d", "min_requests": 1_000_000},
    ):
        strategy, approve = strategy_of(Environment.model_validate({"rollout": [{"canary": least}]}))
        assert compile_plan(strategy, approve=approve)
