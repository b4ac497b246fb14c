"""Units counted once: a unit counts in the second of its first event at or after `since`, and never again.

A judge asks for the last seconds again and again with the same `since`, for hours. So a fold remembers which units it
has counted and how many there were in each second, and only ever goes forward over closed seconds, which do not change.
What is still open is counted on top, anew for each change, and remembered nowhere.

Seen units are counted once for each variant, failing and slow ones once in all: in the variant of the first event, and
where a client had such events in both variants within one second, in the first by name.
"""

from collections import OrderedDict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Literal, assert_never

from headgate.engine.evidence.tally import Units

Kind = Literal["seen", "failing", "slow"]
OneSecond = tuple[int, Mapping[str, Units]]
Counts = dict[str, dict[int, int]]
"""For each variant, how many units by second."""


@dataclass(frozen=True, slots=True)
class Question:
    """What is counted: on which endpoint, since when (epoch seconds), and for slow units the threshold."""

    endpoint: str
    kind: Kind
    since: int
    microseconds: float = 0.0

    def events(self, units: Units) -> tuple[Iterable[int], int]:
        """The units of one second that had such an event: the hashes of some, the number of the others."""
        match self.kind:
            case "seen":
                return units.hashes, units.requests
            case "failing":
                return units.hashes[: units.failing], 0
            case "slow":
                return units.slow(self.microseconds)
            case _ as never:
                assert_never(never)


class Fold:
    """One question, answered for all closed seconds before `upto`."""

    def __init__(self, question: Question) -> None:
        self.question = question
        self.upto = question.since
        self.counts: Counts = {}
        self._counted: dict[str, set[int]] = {}
        self._open: tuple[int, Counts] = (-1, {})

    def __len__(self) -> int:
        return sum(len(counted) for counted in self._counted.values())

    def add(self, seconds: Iterable[OneSecond], upto: int) -> None:
        """Count closed seconds, in their order, up to and without `upto`."""
        for second, variants in seconds:
            for variant in sorted(variants):
                hashes, others = self.question.events(variants[variant])
                counted = self._counted.setdefault(self._scope(variant), set())
                before = len(counted)
                counted.update(hashes)
                if count := len(counted) - before + others:
                    self.counts.setdefault(variant, {})[second] = count
            self.upto = second + 1
        self.upto = upto

    def open(self, seconds: Iterable[OneSecond], version: int) -> Counts:
        """The counts of seconds that may still change; the same `version` is counted only once."""
        if self._open[0] != version:
            self._open = version, self._count_open(seconds)
        return self._open[1]

    def _count_open(self, seconds: Iterable[OneSecond]) -> Counts:
        counts: Counts = {}
        new: dict[str, set[int]] = {}
        for second, variants in seconds:
            for variant in sorted(variants):
                hashes, others = self.question.events(variants[variant])
                scope = self._scope(variant)
                fresh = set(hashes) - self._counted.get(scope, set()) - new.get(scope, set())
                new.setdefault(scope, set()).update(fresh)
                if count := len(fresh) + others:
                    counts.setdefault(variant, {})[second] = count
        return counts

    def _scope(self, variant: str) -> str:
        return variant if self.question.kind == "seen" else ""


class Folds:
    """The folds in use. Those not asked for longest go first, beyond `folds` of them or `units` units in all."""

    def __init__(self, *, folds: int = 64, units: int = 2_000_000) -> None:
        self._kept: OrderedDict[Question, Fold] = OrderedDict()
        self._folds = folds
        self._units = units

    def __iter__(self) -> Iterator[Fold]:
        return iter(self._kept.values())

    def get(self, question: Question) -> Fold:
        """The fold of a question, begun anew where it is not kept."""
        fold = self._kept.setdefault(question, Fold(question))
        self._kept.move_to_end(question)
        while len(self._kept) > self._folds or (len(self._kept) > 1 and sum(map(len, self)) > self._units):
            self._kept.popitem(last=False)
        return fold
