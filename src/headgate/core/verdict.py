"""The four answers of everything that judges: gates, parity, analyses of a rollout.

`pass`          the evidence is there and it is good
`fail`          the evidence is there and it is bad
`inconclusive`  there is not enough evidence, or nothing to judge by
`error`         the measurement failed: never a pass, and never the model's fault
"""

from collections.abc import Iterable
from typing import Literal

Verdict = Literal["pass", "fail", "inconclusive", "error"]

WORST_FIRST: tuple[Verdict, ...] = ("fail", "error", "inconclusive", "pass")


def worst(verdicts: Iterable[Verdict]) -> Verdict:
    """What several verdicts come to: one `fail` settles it; nothing at all is `inconclusive`."""
    found = set(verdicts)
    return next((verdict for verdict in WORST_FIRST if verdict in found), "inconclusive")
