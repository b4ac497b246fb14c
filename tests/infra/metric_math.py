"""What CloudWatch's metric math gives for one minute, as its documentation says.

Missing data counts as 0 beside something that is there. What would divide by zero is missing, and so is what IF gives
where its condition is missing, or does not hold and there is nothing else to give.
"""

import operator
from collections.abc import Callable
from dataclasses import dataclass
from typing import Union

from headgate.infra.alarms import Alarm

Given = Union["Point", float]
Two = Callable[[float, float], float]


@dataclass(frozen=True)
class Point:
    """The value of one minute; None where it is missing."""

    value: float | None

    def __add__(self, other: Given) -> "Point":
        return self._with(other, operator.add)

    def __sub__(self, other: Given) -> "Point":
        return self._with(other, operator.sub)

    def __truediv__(self, other: Given) -> "Point":
        return Point(None) if not _point(other).value else self._with(other, operator.truediv)

    def __gt__(self, other: Given) -> "Point":
        return self._with(other, operator.gt)

    def __ge__(self, other: Given) -> "Point":
        return self._with(other, operator.ge)

    def _with(self, other: Given, two: Two) -> "Point":
        missing = self.value is None and (_point(other).value is None or not isinstance(other, Point))
        return Point(None) if missing else Point(float(two(self.value or 0.0, _point(other).value or 0.0)))


def compared(alarm: Alarm, **counted: float) -> float | None:
    """What the alarm compares with its threshold in a minute in which this was counted."""
    names = {name: Point(counted.get(name)) for name in alarm.counts}
    assert counted.keys() <= names.keys()
    last = Point(None)
    for name, term in alarm.terms.items():
        last = names[name] = eval(term, {"IF": _if, "FILL": _fill}, names)
    return last.value


def _if(condition: Point, yes: Given, no: Given = Point(None)) -> Point:
    if condition.value is None:
        return condition
    return Point(_point(yes).value or 0.0) if condition.value else _point(no)


def _fill(point: Point, filler: float) -> Point:
    return point if point.value is not None else Point(filler)


def _point(given: Given) -> Point:
    return given if isinstance(given, Point) else Point(given)
