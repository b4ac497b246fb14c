import pytest
from hypothesis import given
from hypothesis import strategies as st

from headgate.errors import SpecError
from headgate.spec import Environment, Spec
from headgate.spec.project import read

SMALLEST = 'project: iris\ntask: classification\ndata: {source: "sklearn:iris", target: species}\n'
AT = "environments/production/rollout"


def spec(rollout: str) -> Spec:
    return read("headgate.yaml", f"{SMALLEST}environments: {{production: {{rollout: {rollout}}}}}".encode())


def problems(rollout: str) -> list[str]:
    with pytest.raises(SpecError) as caught:
        spec(rollout)
    return [line.replace(AT, "", 1) for line in caught.value.problems]


def test_a_canary_is_the_default() -> None:
    (phase,) = Environment().rollout
    assert phase.canary is not None
    assert (phase.canary.steps, phase.canary.bake, phase.canary.min_requests) == ([10.0, 50.0], 600.0, 300)
    assert (phase.canary.wait, phase.canary.fallback) == (3600.0, True)


def test_the_digest_follows_the_meaning_and_not_the_writing() -> None:
    default = read("headgate.yaml", SMALLEST.encode()).digest
    schema = Spec.model_json_schema()["$defs"]
    said = {key: value["default"] for key, value in schema["Canary"]["properties"].items()}
    assert schema["Environment"]["properties"]["rollout"]["default"] == [{"canary": said}]
    for same in (
        f"[{{canary: {said}}}]",
        "[{canary: {}}]",
        "[{canary: {steps: [10.0%, 050%], bake: 600s, wait: 60m}}]",
    ):
        assert spec(same.replace("True", "true")).digest == default
    for other in ("[{canary: {bake: 11m}}]", "[{approve: {}}, {canary: {}}]", "[{all-at-once: {}}]"):
        assert spec(other).digest != default


def test_every_form_that_is_allowed() -> None:
    for last in ("canary: {steps: [0.5%, 12.5%, 50%], bake: 1h30m, wait: 0s, fallback: false}", "all-at-once: {}"):
        assert len(spec(f"[{{{last}}}]").environments["production"].rollout) == 1
        assert len(spec(f"[{{approve: {{}}}}, {{{last}}}]").environments["production"].rollout) == 2


def test_wrong_values_are_reported_all_at_once() -> None:
    found = problems(
        "[{approve: {by: me}}, {canary: {steps: [10, 5%, 5%, 51%, 0%, ten, 4%], bake: 10, wait: 8d, min_requests: 0, "
        "fallback: 1, max: 1}}]"
    )
    assert found == [
        "/0/approve/by: unknown key, none are known here; write {}",
        "/1/canary/steps/0: should be a percentage such as 5% or 12.5%, of at most two decimals, got 10",
        "/1/canary/steps/3: should be at most 50%; a larger canary leaves too few requests to compare it with, "
        'got "51%"',
        '/1/canary/steps/4: should be more than 0%, got "0%"',
        '/1/canary/steps/5: should be a percentage such as 5% or 12.5%, of at most two decimals, got "ten"',
        "/1/canary/bake: should be a duration such as 30s, 10m, 2h, 1d or 1h30m, got 10",
        "/1/canary/min_requests: should be at least 1, got 0",
        '/1/canary/wait: should be between 0s and 7d, got "8d"',
        "/1/canary/fallback: should be true or false, got 1",
        "/1/canary/max: unknown key, known here: steps, bake, min_requests, wait, fallback",
        '/1/canary/steps/2: should be more than the step before it (5%), got "5%"',
        '/1/canary/steps/6: should be more than the step before it (5%), got "4%"',
    ]


@pytest.mark.parametrize(
    ("rollout", "said"),
    [
        ("[]", ": should not be empty, got []"),
        ("{canary: {}}", ': should be a list, got {"canary": {}}'),
        ("[canary]", '/0: should be a mapping of keys (approve, canary, all-at-once), got "canary"'),
        ("[{canry: {}}]", "/0/canry: unknown key, did you mean canary?"),
        ("[{all_at_once: {}}]", "/0/all_at_once: unknown key, did you mean all-at-once?"),
        ("[{}, {canary: {}}]", "/0: should have one of approve, canary, all-at-once, got {}"),
        ("[{approve: {}}]", ": should end in canary or all-at-once"),
        ("[{approve: true}, {canary: {}}]", "/0/approve: should be {}, it has no keys, got true"),
        ("[{approve: }, {canary: {}}]", "/0/approve: has no value; write {} for the defaults"),
        ("[{canary: }]", "/0/canary: has no value; write {} for the defaults"),
        ("[{canary: {bake: }}]", "/0/canary/bake: has no value; give it one, or leave the key out"),
        ("[{canary: {bake: 0s}}]", '/0/canary/bake: should be between 1s and 7d, got "0s"'),
        ("[{canary: {steps: []}}]", "/0/canary/steps: should not be empty, got []"),
        (
            "[{approve: {}}, {approve: {}}, {canary: {}}]",
            "/1/approve: stands in rollout/0 already; once is enough",
        ),
        ("[{canary: {}}, {approve: {}}]", "/1/approve: nothing comes after canary, which ends the rollout"),
        ("[{canary: {}}, {canary: {}}]", "/1/canary: nothing comes after canary, which ends the rollout"),
        ("[{all-at-once: {}}, {canary: {}}]", "/1/canary: nothing comes after all-at-once, which ends the rollout"),
        (
            "[{approve: {}, canary: {}}]",
            "/0: should have one key only, got approve, canary; make each an item of the list",
        ),
    ],
)
def test_each_mistake_is_one_line(rollout: str, said: str) -> None:
    assert problems(rollout) == [said]


def test_no_more_than_twenty_steps() -> None:
    steps = [f"{n}%" for n in range(1, 22)]
    assert spec(f"[{{canary: {{steps: {steps[:20]}}}}}]")
    (line,) = problems(f"[{{canary: {{steps: {steps}}}}}]")
    assert line.startswith("/0/canary/steps: should have at most 20 items, got")


@given(st.text("0123456789.%e+- _٣", max_size=8))
def test_a_step_that_is_accepted_is_above_0_and_at_most_50(step: str) -> None:
    try:
        environment = Environment.model_validate({"rollout": [{"canary": {"steps": [step]}}]})
    except ValueError:
        return
    canary = environment.rollout[0].canary
    assert canary is not None
    assert 0 < canary.steps[0] <= 50
