"""The judge's guarantees, simulated: `benchmarks.rollouts`, held against the judge, its results and its page."""

import math
import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from benchmarks.rollouts import page, plots, rules
from benchmarks.rollouts.cells import CELLS, HEADGATE
from benchmarks.rollouts.fold import Fold, shares
from benchmarks.rollouts.latency import Latencies, Shape, latencies
from benchmarks.rollouts.results import Results, interval, measure, read
from benchmarks.rollouts.traffic import Clients, Plan, Traffic, requests, sticky

from headgate.core.evidence import Counts, Tail, Window
from headgate.rollout.judge import ERROR_TOLERANCE, LATENCY_TOLERANCE, Case, Limits, judge

LIMITS = Limits()
SAMPLE = 6
PLAN = Plan((0.05, 0.25, 0.5), 60)
"""Three steps of a minute each."""


def drawn(kind: str) -> Traffic:
    random = np.random.default_rng(11)
    if kind == "requests":
        return requests(random, SAMPLE, PLAN, (0.02, 0.2), (70, 80, 3.0))
    return sticky(random, SAMPLE, PLAN, (0.002, 0.5), Clients(200, 1, 0.02))[0]


@pytest.mark.parametrize("kind", ["requests", "clients"])
def test_errors_are_folded_as_the_judge_folds_them(kind: str) -> None:
    traffic = drawn(kind)
    share = shares(traffic.canary_seen, traffic.stable_seen, traffic.steps)
    fold = Fold.empty(ERROR_TOLERANCE, 1, SAMPLE)
    cases = [Case()] * SAMPLE
    first = np.full(SAMPLE, PLAN.length)
    for second in range(PLAN.length):
        fold.add(share[:, second], traffic.canary_failing[None, :, second], traffic.stable_failing[None, :, second])
        for row in range(SAMPLE):
            cases[row] = after(cases[row], second, *counts(traffic, row, second))
            if judge(cases[row], LIMITS, bake_over=False).verdict == "fail":
                first[row] = min(first[row], second)
        assert fold.e() == pytest.approx([case.errors.e for case in cases], rel=1e-9)
    assert rules.by_errors(traffic).tolist() == first.tolist()
    assert first.min() < PLAN.length, "a sample in which nothing happens proves nothing"


def test_latencies_are_folded_as_the_judge_folds_them() -> None:
    traffic = latencies(np.random.default_rng(12), SAMPLE, PLAN, Shape().later(3.0))
    share = shares(traffic.canary_seen, traffic.stable_seen, traffic.steps)
    fold = Fold.empty(LATENCY_TOLERANCE, 3, SAMPLE)
    cases = [Case()] * SAMPLE
    first = np.full(SAMPLE, PLAN.length)
    for second in range(PLAN.length):
        fold.add(share[:, second], traffic.canary_slow[:, :, second], traffic.stable_slow[:, :, second])
        for row in range(SAMPLE):
            cases[row] = after(cases[row], second, *slow_counts(traffic, row, second))
            if judge(cases[row], LIMITS, bake_over=False).verdict == "fail":
                first[row] = min(first[row], second)
        assert fold.e() == pytest.approx([case.latency_e for case in cases], rel=1e-9)
    assert rules.by_latency(traffic).tolist() == first.tolist()
    assert first.min() < PLAN.length, "a sample in which nothing happens proves nothing"


def after(case: Case, second: int, stable: Counts, canary: Counts) -> Case:
    case = case.at_new_step() if second in PLAN.steps else case
    return case.after(Window(second, 1.0, stable, canary))


def counts(traffic: Traffic, row: int, second: int) -> Iterator[Counts]:
    for seen, failing in (
        (traffic.stable_seen, traffic.stable_failing),
        (traffic.canary_seen, traffic.canary_failing),
    ):
        yield Counts(int(seen[row, second]), int(failing[row, second]))


def slow_counts(traffic: Latencies, row: int, second: int) -> Iterator[Counts]:
    for seen, slow in ((traffic.stable_seen, traffic.stable_slow), (traffic.canary_seen, traffic.canary_slow)):
        p50, p90, p99 = (int(slow[i, row, second]) for i in range(3))
        yield Counts(int(seen[row, second]), slow=(p50, p90, p99))


def test_the_floor_rule_is_the_judges() -> None:
    ours = np.random.default_rng(13).uniform(10.0, 20.0, (50, 12))
    found = rules.floor(ours, np.full_like(ours, 10.0), 12 * 60)
    for row, alarm in zip(ours, found, strict=True):
        case, first = Case(), 12 * 60
        for minute, canary in enumerate(row):
            case = case.after_tail(Tail(60.0 * minute, 60.0, 1.0, 1.0, 10_000.0, 1000 * canary, 1000, 1000), LIMITS)
            if judge(case, LIMITS, bake_over=False).verdict == "fail":
                first = min(first, 60 * minute + 59)
        assert alarm == first


def test_a_client_that_fails_again_and_again_is_counted_once() -> None:
    whole, by_step = sticky(np.random.default_rng(14), SAMPLE, PLAN, (0.3, 0.3), Clients(40, 5))
    once = (whole.canary_failing + whole.stable_failing).sum(axis=1)
    assert (once <= 40).all()
    assert ((by_step.canary_failing + by_step.stable_failing).sum(axis=1) > once).all()
    assert (whole.by_request().canary_failing >= whole.canary_failing).all()
    for start, stop in zip(PLAN.steps, (*PLAN.steps[1:], PLAN.length), strict=True):
        assert ((whole.canary_seen + whole.stable_seen)[:, start:stop].sum(axis=1) <= 40).all()


def test_the_interval_is_wilsons() -> None:
    assert interval(0, 10_000) == pytest.approx((0.0, 0.000384), abs=1e-6)
    assert interval(50, 100) == pytest.approx((0.4038, 0.5962), abs=1e-4)


def test_the_page_and_its_pictures_are_fresh(tmp_path: Path) -> None:
    remedy = "run: python -m benchmarks.rollouts --docs"
    text = page.PAGE.read_text(encoding="utf-8")
    assert page.fresh(text, read()) == text, remedy
    plots.write(read(), tmp_path)
    for picture in tmp_path.iterdir():
        assert picture.read_bytes() == (page.DOCS / picture.name).read_bytes(), remedy
        assert picture.stat().st_size < 60_000


def test_all_figures_of_the_page_are_made() -> None:
    by_hand = page.BLOCK.sub("", page.PAGE.read_text(encoding="utf-8"))
    assert re.findall(r"(?<!p)(?<![\w/-])\d[\d.,]*(?!xx)\b", by_hand) == []


@pytest.fixture(scope="module")
def simulated() -> Results:
    return measure(CELLS, 10_000, lambda name, cell: print(name, cell["rules"]))  # noqa: T201 - shown on failure


@pytest.mark.proof
@pytest.mark.timeout(1200)
def test_at_most_one_fine_rollout_in_a_hundred_is_rolled_back(simulated: Results) -> None:
    for name, cell in simulated["cells"].items():
        if cell["kind"] == "null":
            chance = 3.0 * math.sqrt(0.01 * 0.99 / cell["rollouts"])
            assert cell["rollouts"] == 10_000
            assert cell["rules"][HEADGATE]["rate"] <= 1.0 / LIMITS.line + chance, name


@pytest.mark.proof
@pytest.mark.timeout(1200)
def test_every_regression_is_found(simulated: Results) -> None:
    for name, cell in simulated["cells"].items():
        if cell["kind"] != "null":
            assert cell["rules"][HEADGATE]["rate"] >= 0.99, name


@pytest.mark.proof
@pytest.mark.timeout(1200)
def test_the_figures_of_the_documentation_come_out_again(simulated: Results) -> None:
    """The seed is the same; another numpy or processor may round a draw otherwise, and no more."""
    written = read()
    assert simulated["cells"].keys() == written["cells"].keys()
    for name, cell in simulated["cells"].items():
        for rule, found in cell["rules"].items():
            was = written["cells"][name]["rules"][rule]
            assert found["rate"] == pytest.approx(was["rate"], abs=0.002), (name, rule)
            if found["requests_median"] is not None:
                assert found["requests_median"] == pytest.approx(was["requests_median"], rel=0.02, abs=1), (name, rule)
