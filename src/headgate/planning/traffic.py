"""Traffic as people write it: `600/min`."""

import re

from headgate.errors import UsageError

HOURS_A_MONTH = 730.0
SECONDS_A_MONTH = HOURS_A_MONTH * 3600
_SECONDS = {"s": 1.0, "sec": 1.0, "min": 60.0, "h": 3600.0, "hour": 3600.0, "day": 86_400.0, "month": SECONDS_A_MONTH}
_WRITTEN = re.compile(r"([0-9]{1,12}(?:\.[0-9]{1,6})?)/(s|sec|min|hour|h|day|month)")
MOST_A_SECOND = 1_000_000.0


def per_second(written: str) -> float:
    """The requests per second of `10/s`, `600/min`, `5000/h`, `20000/day` or `1000000/month`. Raises UsageError."""
    found = _WRITTEN.fullmatch(written.strip().replace(",", "").replace("_", ""))
    rate = float(found[1]) / _SECONDS[found[2]] if found else -1.0
    if not 0 <= rate <= MOST_A_SECOND:
        raise UsageError(
            f"Traffic is written like 600/min, got {written!r}.",
            hint="A number, then one of /s, /min, /h, /day, /month; a million a second at most.",
        )
    return rate
