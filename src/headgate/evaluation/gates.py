"""The gates: minimum metrics, "better than always giving the same answer" (naive), and "not worse than the champion",
the version that is in force.

Pure: metrics in, report out. What is judged is always the candidate's own metrics, handed in by whoever trained it; the
champion's are for comparison only. Numbers are compared as the decimals that people read: in floats 0.942 - 0.937 is
more than 0.005.
"""

import math
from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal

from headgate.core.verdict import Verdict
from headgate.evaluation.report import Report, Row
from headgate.spec import Gates, higher_is_better
from headgate.spec.gates import Ceiling, Champion, Naive

Metrics = Mapping[str, float | None]

OTHER_ROWS = "measured on other held-out rows: data or split are not those of the champion"


def check(
    metrics: Metrics,
    gates: Gates,
    champion: Metrics | None,
    *,
    same_rows: bool = True,
    naive: Metrics | None = None,
) -> Report:
    """Hold the candidate's metrics against the gates. `champion` None: no version is in force yet.

    `naive`: the metrics of always giving the same answer, on the same held-out rows.

    `same_rows`: whether the champion's metrics are known to be of the same held-out rows. Where they are not, the
    comparison is made all the same, and says so: part of the difference may be the rows'.
    """
    rows = []
    for name, bound in gates.bounds().items():
        if isinstance(bound, Ceiling):
            rows.append(_against_bound(name, metrics, "<=", bound.max))
        else:
            rows.append(_against_bound(name, metrics, ">=", bound.min))
    if gates.naive is not None:
        rows.append(_against_naive(metrics, gates.naive, naive or {}))
    if gates.champion is not None:
        row = _against_champion(metrics, gates.champion, champion)
        if champion is not None and not same_rows and row.verdict != "error":
            row = replace(row, explanation=f"{row.explanation} ({OTHER_ROWS})")
        rows.append(row)
    return Report(tuple(rows))


def _against_bound(name: str, metrics: Metrics, sign: str, bound: float) -> Row:
    rule = f"{name} {sign} {bound:g}"
    value = _measured(metrics, name)
    if value is None:
        return Row(name, rule, None, "error", f"{name} was not measured for this candidate")
    shown, limit = _figures(value, bound)
    if value >= bound if sign == ">=" else value <= bound:
        return Row(name, rule, value, "pass", f"{name} {shown} {sign} {limit}")
    away = _short(abs(_exact(value) - _exact(bound)))
    if sign == ">=":
        return Row(name, rule, value, "fail", f"{name} {shown} is {away} below the minimum {limit}")
    return Row(name, rule, value, "fail", f"{name} {shown} is {away} above the maximum {limit}")


def _against_naive(metrics: Metrics, gate: Naive, naive: Metrics) -> Row:
    name = gate.metric
    rule = f"{name} better than always giving the same answer by {gate.better_by:g}"
    value, other = _measured(metrics, name), _measured(naive, name)
    if value is None:
        return Row("naive", rule, None, "error", f"{name} was not measured for this candidate")
    if other is None:
        return Row("naive", rule, value, "error", f"{name} of always giving the same answer was not measured")
    ahead = _exact(value) - _exact(other) if higher_is_better(name) else _exact(other) - _exact(value)
    shown, theirs = _figures(value, other)
    far = f"{name} {shown} is {_short(abs(ahead))} {'better' if ahead > 0 else 'worse'} than"
    if ahead == 0:
        far = f"{name} {shown} is no better than"
    said = f"{far} the {theirs} of always giving the same answer; wanted {_short(_exact(gate.better_by))}"
    verdict: Verdict = "pass" if ahead > 0 and ahead >= _exact(gate.better_by) else "fail"
    return Row("naive", rule, value, verdict, said)


def _against_champion(metrics: Metrics, gate: Champion, champion: Metrics | None) -> Row:
    name = gate.metric
    rule = f"{name} not worse than the champion by more than {gate.not_worse_than:g}"
    value = _measured(metrics, name)
    if value is None:
        return Row("champion", rule, None, "error", f"{name} was not measured for this candidate")
    if champion is None:
        return Row("champion", rule, value, "pass", "no version is in force yet; there is nothing to be worse than")
    other = _measured(champion, name)
    if other is None:
        return Row("champion", rule, value, "error", f"{name} is not known of the champion")
    behind = _exact(other) - _exact(value) if higher_is_better(name) else _exact(value) - _exact(other)
    shown, theirs = _figures(value, other)
    if behind == 0:
        return Row("champion", rule, value, "pass", f"{name} {shown} equals the champion's")
    side = "below" if value < other else "above"
    far = f"{name} {shown} is {_short(abs(behind))} {side} the champion's {theirs}"
    if behind < 0:
        return Row("champion", rule, value, "pass", f"{far}, which is better")
    allowed = _exact(gate.not_worse_than)
    verdict: Verdict = "pass" if behind <= allowed else "fail"
    return Row("champion", rule, value, verdict, f"{far}; allowed {_short(allowed)}")


def _measured(metrics: Metrics, name: str) -> float | None:
    value = metrics.get(name)
    return value if value is not None and math.isfinite(value) else None


def _exact(value: float) -> Decimal:
    return Decimal(repr(float(value)))


def _short(value: Decimal) -> str:
    return f"{float(value):.3g}"


def _figures(one: float, other: float) -> tuple[str, str]:
    """Both numbers with as few digits as show which is larger, but at least three."""
    for digits in range(3, 17):
        shown = f"{one:.{digits}g}", f"{other:.{digits}g}"
        if one == other or shown[0] != shown[1]:
            return shown
    return repr(one), repr(other)
