"""Traffic as people write it, `600/min`, and what headgate.yaml lets pass of it."""

import re
from collections.abc import Iterator

from headgate.errors import UsageError
from headgate.spec import Environment

HOURS_A_MONTH = 730.0
SECONDS_A_MONTH = HOURS_A_MONTH * 3600
_SECONDS = {"s": 1.0, "sec": 1.0, "min": 60.0, "h": 3600.0, "hour": 3600.0, "day": 86_400.0, "month": SECONDS_A_MONTH}
_NUMBER = r"[0-9]{1,12}|[0-9]{1,3}(?:,[0-9]{3}){1,3}|[0-9]{1,3}(?:_[0-9]{3}){1,3}"
_WRITTEN = re.compile(rf"((?:{_NUMBER})(?:\.[0-9]{{1,6}})?)/(s|sec|min|hour|h|day|month)")
MOST_A_SECOND = 1_000_000.0


def per_second(written: str) -> float:
    """The requests per second of `10/s`, `600/min`, `5000/h`, `20000/day` or `1000000/month`. Raises UsageError."""
    found = _WRITTEN.fullmatch(written.strip())
    rate = float(re.sub("[,_]", "", found[1])) / _SECONDS[found[2]] if found else -1.0
    if not 0 <= rate <= MOST_A_SECOND:
        raise UsageError(
            f"Traffic is written like 600/min, got {written!r}.",
            hint="A number such as 0.5 or 1,000, then one of /s, /min, /h, /day, /month; a million a second at most.",
        )
    return rate


def refused(environment: Environment, rate: float, latency: float) -> Iterator[str]:
    """What is said of traffic that headgate.yaml lets no server see. Requests a second, each of `latency` seconds."""
    hosting, front = environment.hosting, environment.front
    slots = {
        "hosting/serverless/concurrency": hosting.serverless.concurrency if hosting.serverless else None,
        "hosting/lambda/concurrency": hosting.function.concurrency if hosting.function else None,
        "front/concurrency": front.concurrency if front and hosting.kind != "lambda" else None,
    }
    most = {"front/rate": (float(front.rate), "")} if front else {}
    each = f", of {latency * 1000:g} ms each"
    most |= {key: (count / latency, each) for key, count in slots.items() if count is not None}
    for key, (passing, why) in most.items():
        if rate > passing:
            yield (
                f"`{key}` lets {_said(passing)} requests a second pass{why}; the rest of {_said(rate)} is refused, and "
                "the times and costs here are of all of them."
            )


def _said(rate: float) -> str:
    return f"{rate:,.0f}" if rate >= 100 else f"{rate:.3g}"
