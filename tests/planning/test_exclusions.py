"""Each rule of the table: an environment in which it holds, and one close to it in which it does not."""

from pathlib import Path
from typing import Any

import pytest

from headgate.planning.exclusions import RULES, Facts, applying
from headgate.rollout.from_spec import strategy_of
from headgate.rollout.plan import AllAtOnce
from headgate.spec import load, template
from tests.planning.environments import environment

CANARY: Any = [{"canary": {}}]
AT_ONCE: Any = [{"all-at-once": {}}]
SERVERLESS: Any = {"serverless": {}}
LAMBDA: Any = {"lambda": {}}
REALTIME: Any = {"realtime": {}}

BY_SPEC: list[tuple[str, dict[str, Any], dict[str, Any]]] = [
    ("serverless-canary", {"hosting": SERVERLESS, "rollout": CANARY}, {"hosting": SERVERLESS, "rollout": AT_ONCE}),
    ("serverless-capture", {"hosting": SERVERLESS, "capture": {}}, {"hosting": SERVERLESS}),
    ("lambda-capture", {"hosting": LAMBDA, "capture": {}}, {"hosting": LAMBDA}),
    ("capture-folder", {"capture": {"to": "kept"}}, {"capture": {"to": "s3://bucket/kept"}}),
    (
        "serverless-accelerator",
        {"hosting": SERVERLESS, "instances": {"type": "ml.g5.xlarge"}},
        {"hosting": REALTIME, "instances": {"type": "ml.g5.xlarge"}},
    ),
    ("one-instance", {"instances": {"count": 1}}, {"instances": {"count": 2}}),
    ("weights-and-alarms", {"rollout": CANARY}, {"rollout": AT_ONCE}),
    ("variant-names", {"hosting": REALTIME}, {"hosting": LAMBDA}),
    ("fallback", {"rollout": CANARY}, {"rollout": [{"canary": {"fallback": False}}]}),
    (
        "burst-and-concurrency",
        {"hosting": SERVERLESS, "front": {"burst": 11}},
        {"hosting": {"lambda": {"concurrency": 11}}, "front": {"burst": 11}},
    ),
    ("no-way-back", {"hosting": SERVERLESS}, {"hosting": REALTIME}),
    ("scale-to-zero", {"hosting": REALTIME}, {"hosting": SERVERLESS}),
    ("closed-services", {"capture": {}}, {"hosting": SERVERLESS, "capture": {}}),
]


def held(facts: Facts) -> set[str]:
    return {rule.id for rule in applying(facts)}


@pytest.mark.parametrize(("rule", "holds", "not_here"), BY_SPEC, ids=[rule for rule, _, _ in BY_SPEC])
def test_a_rule_holds_where_it_should(rule: str, holds: dict[str, Any], not_here: dict[str, Any]) -> None:
    assert rule in held(Facts.of(environment(**holds)))
    assert rule not in held(Facts.of(environment(**not_here)))


def test_rules_about_shadows_wait_for_the_phase() -> None:
    def facts(kind: Any, *phases: str) -> Facts:
        return Facts(kind, phases, 1, "ml.m5.large")

    assert "serverless-shadow" in held(facts("serverless", "shadow", "all-at-once"))
    assert "lambda-shadow" in held(facts("lambda", "shadow", "canary"))
    assert "several-shadows" in held(facts("realtime", "shadow", "shadow", "canary"))
    assert not {"serverless-shadow", "lambda-shadow", "several-shadows"} & held(facts("realtime", "shadow", "canary"))


def test_by_default_and_in_the_templates_the_function_takes_what_comes_at_once(tmp_path: Path) -> None:
    given = [environment(hosting=hosting, front={}) for hosting in (SERVERLESS, LAMBDA, REALTIME)]
    for name in template.names():
        template.write(name, tmp_path / name)
        given.append(load(tmp_path / name).spec.environments["cloud"])
    assert [one for one in given if "burst-and-concurrency" in held(Facts.of(one))] == []


def test_every_rule_is_tested_and_says_what_to_do() -> None:
    tested = {rule for rule, _, _ in BY_SPEC} | {"serverless-shadow", "lambda-shadow", "several-shadows"}
    assert {rule.id for rule in RULES} == tested
    assert len({rule.id for rule in RULES}) == len(RULES)
    for rule in RULES:
        assert rule.way_out, rule.id
        assert bool(rule.instead) == (rule.weight == "replaced") or rule.weight == "told", rule.id


def test_accelerators_are_told_by_their_family() -> None:
    for name, has in (
        ("ml.g4dn.xlarge", True), ("ml.p3.2xlarge", True), ("ml.inf2.xlarge", True), ("ml.trn1.2xlarge", True),
        ("ml.gr6.4xlarge", True), ("ml.dl1.24xlarge", True), ("ml.p4d.24xlarge", True),
        ("ml.m5.large", False), ("ml.t2.medium", False), ("ml.c6g.large", False),
    ):  # fmt: skip
        assert Facts("realtime", (), 1, name).accelerated is has, name


def test_what_is_refused_comes_first() -> None:
    weights = [rule.weight for rule in applying(Facts.of(environment(hosting=LAMBDA, capture={"to": "here"})))]
    assert weights == sorted(weights, key=["refused", "replaced", "told"].index)
    assert weights[:2] == ["refused", "refused"]


def test_where_a_canary_is_replaced_the_rollout_has_none() -> None:
    for hosting, replaced in ((SERVERLESS, True), (LAMBDA, False), (REALTIME, False)):
        given = environment(hosting=hosting)
        assert ("serverless-canary" in held(Facts.of(given))) is replaced
        assert (strategy_of(given)[0] == AllAtOnce()) is replaced
