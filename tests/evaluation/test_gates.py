import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headgate.errors import InvalidInput
from headgate.evaluation import Report, Row, check
from headgate.spec import Gates

CHAMPION = Gates.model_validate({"champion": {"metric": "f1_macro", "not_worse_than": 0.005}})


def only(report: Report) -> Row:
    assert len(report.rows) == 1
    return report.rows[0]


@pytest.mark.parametrize(
    ("gates", "metrics", "verdict", "explanation"),
    [
        ({"f1_macro": {"min": 0.90}}, {"f1_macro": 0.9333}, "pass", "f1_macro 0.933 >= 0.9"),
        ({"f1_macro": {"min": 0.90}}, {"f1_macro": 0.9}, "pass", "f1_macro 0.9 >= 0.9"),
        ({"f1_macro": {"min": 0.90}}, {"f1_macro": 0.897}, "fail", "f1_macro 0.897 is 0.003 below the minimum 0.9"),
        (
            {"f1_macro": {"min": 0.90}},
            {"f1_macro": 0.89999999},
            "fail",
            "f1_macro 0.89999999 is 1e-08 below the minimum 0.9",
        ),
        ({"rmse": {"max": 55}}, {"rmse": 59.5164}, "fail", "rmse 59.5 is 4.52 above the maximum 55"),
        ({"rmse": {"max": 60}}, {"rmse": 59.5}, "pass", "rmse 59.5 <= 60"),
        ({"r2": {"min": -1}}, {"r2": -0.5}, "pass", "r2 -0.5 >= -1"),
        ({"r2": {"min": 0}}, {"r2": None}, "error", "r2 was not measured for this candidate"),
        ({"r2": {"min": 0}}, {"rmse": 1.0}, "error", "r2 was not measured for this candidate"),
        ({"rmse": {"max": 1}}, {"rmse": math.nan}, "error", "rmse was not measured for this candidate"),
        ({"rmse": {"max": 1}}, {"rmse": -math.inf}, "error", "rmse was not measured for this candidate"),
    ],
)
def test_bounds(gates: dict[str, object], metrics: dict[str, float | None], verdict: str, explanation: str) -> None:
    row = only(check(metrics, Gates.model_validate(gates), None))
    assert (row.verdict, row.explanation) == (verdict, explanation)
    assert row.passed == (verdict == "pass")


@pytest.mark.parametrize(
    ("value", "champion", "verdict", "explanation"),
    [
        (0.930, 0.942, "fail", "f1_macro 0.93 is 0.012 below the champion's 0.942; allowed 0.005"),
        (0.937, 0.942, "pass", "f1_macro 0.937 is 0.005 below the champion's 0.942; allowed 0.005"),
        (0.950, 0.942, "pass", "f1_macro 0.95 is 0.008 above the champion's 0.942, which is better"),
        (0.942, 0.942, "pass", "f1_macro 0.942 equals the champion's"),
        (0.942, math.nan, "error", "f1_macro is not known of the champion"),
        (0.942, None, "error", "f1_macro is not known of the champion"),
        (None, 0.9, "error", "f1_macro was not measured for this candidate"),
    ],
)
def test_the_champion(value: float | None, champion: float | None, verdict: str, explanation: str) -> None:
    row = only(check({"f1_macro": value}, CHAMPION, {"f1_macro": champion}))
    assert (row.verdict, row.explanation) == (verdict, explanation)


def test_less_is_better_for_losses() -> None:
    gates = Gates.model_validate({"champion": {"metric": "log_loss", "not_worse_than": 0.1}})
    assert "better" in only(check({"log_loss": 0.2}, gates, {"log_loss": 0.3})).explanation
    worse = only(check({"log_loss": 0.5}, gates, {"log_loss": 0.3}))
    assert worse.explanation == "log_loss 0.5 is 0.2 above the champion's 0.3; allowed 0.1"
    assert worse.verdict == "fail"


def test_without_a_champion_the_comparison_passes_and_says_why() -> None:
    row = only(check({"f1_macro": 0.5}, CHAMPION, None))
    assert row.passed
    assert "no version is in force yet" in row.explanation
    assert only(check({}, CHAMPION, None)).verdict == "error"


def test_a_champion_measured_on_other_rows_is_compared_and_the_rows_are_told() -> None:
    row = only(check({"f1_macro": 0.9}, CHAMPION, {"f1_macro": 0.95}, same_rows=False))
    assert row.verdict == only(check({"f1_macro": 0.9}, CHAMPION, {"f1_macro": 0.95})).verdict
    assert "measured on other held-out rows" in row.explanation
    assert "other held-out rows" not in only(check({"f1_macro": 0.9}, CHAMPION, None, same_rows=False)).explanation


def test_one_fail_settles_it_and_nothing_at_all_settles_nothing() -> None:
    gates = Gates.model_validate({"accuracy": {"min": 0.5}, "f1_macro": {"min": 0.5}, "log_loss": {"max": 1}})
    assert check({"accuracy": 1.0, "f1_macro": 1.0, "log_loss": 0.1}, gates, None).passed
    assert check({"accuracy": 1.0, "f1_macro": 1.0}, gates, None).verdict == "error"
    assert check({"accuracy": 0.1, "f1_macro": 1.0}, gates, None).verdict == "fail"
    assert check({}, Gates(), None).verdict == "inconclusive"
    assert not check({}, Gates(), None).passed


def test_a_report_goes_through_json() -> None:
    gates = Gates.model_validate({"accuracy": {"min": 0.5}, "f1_macro": {"min": 0.5}})
    report = check({"accuracy": 1.0}, gates, None)
    assert Report.from_json(json.loads(json.dumps(report.to_json(), allow_nan=False))) == report
    for document in ({}, {"format": 2, "rows": []}, {"format": 1, "rows": [{}]}, {"format": 1, "rows": 3}):
        with pytest.raises(InvalidInput, match="not a gate report"):
            Report.from_json(document)
    wrong = report.to_json()
    wrong["rows"][0]["verdict"] = "passed"
    with pytest.raises(InvalidInput):
        Report.from_json(wrong)


numbers = st.none() | st.floats()


@given(value=numbers, champion=st.none() | st.dictionaries(st.just("f1_macro"), numbers))
def test_only_a_measured_value_ever_passes(value: float | None, champion: dict[str, float | None] | None) -> None:
    gates = Gates.model_validate({"f1_macro": {"min": 0.5}, "champion": {"metric": "f1_macro"}})
    report = check({"f1_macro": value}, gates, champion)
    json.dumps(report.to_json(), allow_nan=False)
    if report.passed:
        assert value is not None
        assert 0.5 <= value < math.inf


@pytest.mark.parametrize(
    ("gate", "metrics", "naive", "verdict", "explanation"),
    [
        (
            {"metric": "accuracy", "better_by": 0.1},
            {"accuracy": 0.93},
            {"accuracy": 0.25},
            "pass",
            "accuracy 0.93 is 0.68 better than the 0.25 of always giving the same answer; wanted 0.1",
        ),
        (
            {"metric": "accuracy", "better_by": 0.1},
            {"accuracy": 0.96},
            {"accuracy": 0.95},
            "fail",
            "accuracy 0.96 is 0.01 better than the 0.95 of always giving the same answer; wanted 0.1",
        ),
        ({"metric": "accuracy", "better_by": 0.1}, {"accuracy": 0.9}, {"accuracy": 0.8}, "pass", "accuracy 0.9 is 0.1"),
        (
            {"metric": "accuracy"},
            {"accuracy": 0.5},
            {"accuracy": 0.5},
            "fail",
            "accuracy 0.5 is no better than the 0.5",
        ),
        ({"metric": "rmse", "better_by": 5}, {"rmse": 50}, {"rmse": 77}, "pass", "rmse 50 is 27 better than the 77"),
        ({"metric": "rmse"}, {"rmse": 80}, {"rmse": 77}, "fail", "rmse 80 is 3 worse than the 77"),
        ({"metric": "r2"}, {"r2": None}, {"r2": 0}, "error", "r2 was not measured for this candidate"),
        ({"metric": "r2"}, {"r2": 0.5}, None, "error", "r2 of always giving the same answer was not measured"),
    ],
)
def test_better_than_always_the_same_answer(
    gate: dict[str, object],
    metrics: dict[str, float | None],
    naive: dict[str, float] | None,
    verdict: str,
    explanation: str,
) -> None:
    row = only(check(metrics, Gates.model_validate({"naive": gate}), None, naive=naive))
    assert row.verdict == verdict
    assert row.explanation.startswith(explanation)
