"""What virtual users ask, how many they are, how often they ask and for how long.

A load is bounded in every way: who writes `--for 10h` has mistyped, and a machine that loads itself beyond its means
measures its own queue.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from headgate.core.durations import text
from headgate.errors import UsageError

MOST_USERS = 500
MOST_RATE = 2_000.0
LONGEST = 3_600.0
MOST_ROWS = 10_000
RATE_OF_A_USER = 5.0
"""Requests a second of each user where no rate is asked for: 30 users make 150, which a laptop has to spare."""


@dataclass(frozen=True, slots=True)
class Terms:
    """One load. `rows` are the bodies, JSON each; users begin at different ones and send them in turn.

    `seconds` is the whole length, of which the first `ramp` seconds bring the users in one by one. `rate` is requests
    a second of all users together, once they are all there; a server that is slower than that is asked less often.
    """

    url: str
    rows: tuple[str, ...]
    users: int = 30
    ramp: float = 20.0
    seconds: float = 60.0
    rate: float = 150.0
    api_key: str = ""

    def __post_init__(self) -> None:
        for problem, hint in self._problems():
            raise UsageError(problem, hint=hint)

    def _problems(self) -> Sequence[tuple[str, str]]:
        bounds = (
            (1 <= self.users <= MOST_USERS, f"{self.users} users are not possible.", f"1 to {MOST_USERS} are."),
            (
                1 <= self.seconds <= LONGEST,
                f"A load of {text(self.seconds)} is not possible.",
                f"--for takes 1s to {text(LONGEST).replace(' ', '')}.",
            ),
            (
                0 <= self.ramp <= self.seconds,
                f"The users cannot come in over {text(self.ramp)} of a load of {text(self.seconds)}.",
                "Give --for a longer time or --ramp a shorter one.",
            ),
            (
                0 < self.rate <= MOST_RATE,
                f"{self.rate:g} requests a second are not possible.",
                f"More than 0 and at most {MOST_RATE:g} are.",
            ),
            (
                1 <= len(self.rows) <= MOST_ROWS,
                f"There are {len(self.rows):,} rows to send.",
                f"1 to {MOST_ROWS:,} can be.",
            ),
        )
        return [(problem, hint) for holds, problem, hint in bounds if not holds]

    def to_json(self) -> dict[str, Any]:
        """For the process of the users; it holds the key."""
        return asdict(self)

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> "Terms":
        """What `to_json` wrote."""
        return cls(**{**document, "rows": tuple(document["rows"])})
