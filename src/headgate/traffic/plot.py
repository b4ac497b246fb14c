"""Latency over time as an SVG: p50 and p99 of every second, failures, what happened to the endpoint, and the traffic.

Written by hand, so that a machine that makes load needs no plotting library. It follows the reader's light or dark
scheme; what differs, differs by more than its colour; title and description say in words what is to be seen.
"""

from collections.abc import Iterator, Sequence
from html import escape
from urllib.parse import urlsplit

from headgate.traffic.axes import Scale, latency_range, latency_text, latency_ticks, time_text, time_ticks
from headgate.traffic.result import Result, Second, percentiles

WIDTH, HEIGHT = 760, 420
LEFT, RIGHT = 62, 700
TOP, BOTTOM = 88, 290
TRAFFIC_TOP, TRAFFIC_BOTTOM = 318, 378
LABEL_ROWS = 3
SHORTEST = 0.5
"""Seconds: what is told of less, at the end, has neither a rate nor percentiles."""

STYLE = """
  text { font: 12px system-ui, sans-serif; fill: #24292f }
  .title { font-size: 15px; font-weight: 600 }
  .quiet { fill: #57606a }
  .page { fill: #ffffff }
  .grid { stroke: #d0d7de; stroke-width: 1 }
  .p50 { stroke: #0550ae; stroke-width: 2.5; fill: none }
  .p99 { stroke: #bc4c00; stroke-width: 1.5; stroke-dasharray: 5 2; fill: none }
  .traffic { fill: #8c959f; fill-opacity: 0.35 }
  .users { stroke: #57606a; stroke-width: 1.5; fill: none }
  .event { stroke: #1a7f37; stroke-width: 1; stroke-dasharray: 2 3 }
  .happened { fill: #1a7f37 }
  .halo { fill: #ffffff; stroke: #ffffff; stroke-width: 4; stroke-linejoin: round }
  .failed { fill: #cf222e }
  @media (prefers-color-scheme: dark) {
    text { fill: #e6edf3 }
    .quiet { fill: #9198a1 }
    .page { fill: #0d1117 }
    .grid { stroke: #30363d }
    .p50 { stroke: #79c0ff }
    .p99 { stroke: #ffa657 }
    .traffic { fill: #6e7681; fill-opacity: 0.5 }
    .users { stroke: #9198a1 }
    .event { stroke: #56d364 }
    .happened { fill: #56d364 }
    .halo { fill: #0d1117; stroke: #0d1117 }
    .failed { fill: #ff7b72 }
  }
"""


def plot(result: Result) -> str:
    """The picture, a whole SVG document."""
    time = Scale(0, max(result.took, 1.0), LEFT, RIGHT)
    parts = [*_axes(result, time), *_traffic(result, time), *_events(result, time), *_lines(result, time)]
    body = "\n".join([*_head(result), *parts, *_failures(result, time)])
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}" height="{HEIGHT}" '
        f'role="img" aria-labelledby="load-title load-words">\n{body}\n</svg>\n'
    )


def words(result: Result) -> str:
    """What is to be seen, for who cannot see it."""
    latencies = result.latencies
    good = [f"{name} {latency_text(value)}" for name, value in latencies.items() if value is not None]
    events = [f"at {event.at - result.began:.0f} s {event.said}" for event in result.events]
    parts = [
        f"{_count(result.sent)} in {result.took:.0f} s by {crowd(result.users)}; {result.failed:,} failed.",
        f"Latency of all that were answered: {', '.join(good)}." if good else "None was answered.",
        f"Meanwhile: {'; '.join(events)}." if events else "",
    ]
    return " ".join(part for part in parts if part)


def crowd(users: int) -> str:
    """How many there were once all were there."""
    return f"up to {users} users" if users > 1 else "one user"


def _count(requests: int) -> str:
    return "1 request" if requests == 1 else f"{requests:,} requests"


def _head(result: Result) -> Iterator[str]:
    title = f"Latency under load: POST {urlsplit(result.url).path}"
    said = f"{_count(result.sent)} by {crowd(result.users)}, {result.failed:,} failed"
    yield f'<title id="load-title">{escape(title)}</title>'
    yield f'<desc id="load-words">{escape(words(result))}</desc>'
    yield f"<style>{STYLE}</style>"
    yield f'<rect class="page" width="{WIDTH}" height="{HEIGHT}"/>'
    yield _text(LEFT, 26, title, "title")
    yield _text(LEFT, 46, said, "quiet")
    yield _text(LEFT, 66, "p50 and p99 of every second", "quiet")
    yield f'<path class="p50" d="M{RIGHT - 190} 42h26"/>' + _text(RIGHT - 158, 46, "p50")
    yield f'<path class="p99" d="M{RIGHT - 120} 42h26"/>' + _text(RIGHT - 88, 46, "p99")
    yield _mark(RIGHT - 46, 38) + _text(RIGHT - 36, 46, "failed")


def _axes(result: Result, time: Scale) -> Iterator[str]:
    scale = _latency(result)
    for tick in latency_ticks(scale.low, scale.high):
        y = scale.at(tick)
        yield f'<path class="grid" d="M{LEFT} {y}H{RIGHT}"/>' + _text(
            LEFT - 8, y + 4, latency_text(tick), "quiet", "end"
        )
    for second in time_ticks(result.took):
        x = time.at(second)
        yield f'<path class="grid" d="M{x} {TRAFFIC_BOTTOM}v5"/>'
        yield _text(x, TRAFFIC_BOTTOM + 20, time_text(second), "quiet", "middle")
    yield f'<path class="grid" d="M{LEFT} {TRAFFIC_BOTTOM}H{RIGHT}"/>'


def _latency(result: Result) -> Scale:
    shown = [percentiles(second.latencies) for second in result.seconds if second.latencies]
    low, high = latency_range([value for found in shown for value in (found["p50"], found["p99"]) if value])
    return Scale(low, high, BOTTOM, TOP, logarithmic=True)


def _lines(result: Result, time: Scale) -> Iterator[str]:
    scale = _latency(result)
    for name in ("p99", "p50"):
        commands, pen_up, before = [], True, 0.0
        for second in result.seconds:
            value = percentiles(second.latencies)[name] if second.at - before >= SHORTEST else None
            before = second.at
            if value is not None:
                commands.append(f"{'M' if pen_up else 'L'}{time.at(second.at)} {scale.at(value)}")
            pen_up = value is None
        if commands:
            yield f'<path class="{name}" d="{"".join(commands)}"/>'


def _traffic(result: Result, time: Scale) -> Iterator[str]:
    rates = list(_rates(result.seconds))
    most = max((rate for _, _, rate in rates), default=1.0) or 1.0
    scale = Scale(0, most, TRAFFIC_BOTTOM, TRAFFIC_TOP)
    steps = "".join(f"L{time.at(a)} {scale.at(r)}L{time.at(b)} {scale.at(r)}" for a, b, r in rates)
    end = time.at(rates[-1][1]) if rates else LEFT
    yield f'<path class="traffic" d="M{LEFT} {TRAFFIC_BOTTOM}{steps}L{end} {TRAFFIC_BOTTOM}Z"/>'
    users = Scale(0, max(result.users, 1), TRAFFIC_BOTTOM, TRAFFIC_TOP)
    there = "".join(f"L{time.at(second.at)} {users.at(second.users)}" for second in result.seconds if second.users)
    yield f'<path class="users" d="M{LEFT} {TRAFFIC_BOTTOM}{there}"/>'
    yield _text(LEFT, TRAFFIC_TOP - 6, f"requests a second (area, up to {most:.0f}) and users (line)", "quiet")


def _rates(seconds: Sequence[Second]) -> Iterator[tuple[float, float, float]]:
    """From, to, and requests a second."""
    before = 0.0
    for second in seconds:
        if second.at - before >= SHORTEST:
            yield before, second.at, second.sent / (second.at - before)
        before = second.at


def _events(result: Result, time: Scale) -> Iterator[str]:
    across = [(time.at(event.at - result.began), event.said) for event in result.events]
    for x, _ in across:
        yield f'<path class="event" d="M{x} {TOP - 8}V{TRAFFIC_BOTTOM}"/>'
    for number, (x, said) in enumerate(across):
        y = TOP + 8 + 14 * (number % LABEL_ROWS)
        late = x > (LEFT + RIGHT) / 2
        for kind in ("halo", "happened"):  # lines of others pass behind it
            yield _text(x - 4 if late else x + 4, y, said, kind, "end" if late else "start")


def _failures(result: Result, time: Scale) -> Iterator[str]:
    for second in result.seconds:
        if second.failed:
            kinds = ", ".join(f"{count} x {kind}" for kind, count in second.failures.items())
            said = f"<title>{escape(f'{second.at:.0f} s: {kinds}')}</title>"
            yield f"<g>{said}{_mark(time.at(second.at), TOP - 12)}</g>"


def _mark(x: float, y: float) -> str:
    """A triangle that points down, its top at `y`."""
    return f'<path class="failed" d="M{x - 5} {y}h10l-5 8z"/>'


def _text(x: float, y: float, said: str, kind: str = "", anchor: str = "start") -> str:
    more = f' class="{kind}"' if kind else ""
    return f'<text x="{x}" y="{y}" text-anchor="{anchor}"{more}>{escape(said)}</text>'
