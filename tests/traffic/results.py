"""Results of loads that nobody made."""

from headgate.traffic.result import Event, Result, Second

URL = "http://127.0.0.1:7411/predict-iris"
BEGAN = 1_000_000.0


def result(*seconds: Second, events: tuple[Event, ...] = (), said: dict[str, str] | None = None) -> Result:
    return Result(URL, 30, 150.0, BEGAN, seconds, said or {}, events)


def eventful() -> Result:
    """Ten seconds: users come in, a version changes, two requests fail with what could break a page."""
    seconds = [Second(i + 1.0, 3 * (i + 1), [1000] * 98 + [5000, 9000], {}, {"stable": 100}) for i in range(10)]
    seconds[4] = Second(5.0, 15, [], {"424 ModelError": 1, "<b>&\"'": 1}, {"canary": 1})
    events = (Event(BEGAN + 2.5, "Updating"), Event(BEGAN + 6.0, "version 2 <in> force"))
    return result(
        *seconds, Second(10.02, 0, [2000]), events=events, said={"424 ModelError": "<script>alert(1)</script>"}
    )
