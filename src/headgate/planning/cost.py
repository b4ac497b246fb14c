"""What a month costs, and where one way of hosting becomes cheaper than another.

Each line is a quantity times a price; a line whose price is not known is shown, is not included, and makes the sum a
lower bound. Hosting is linear in the requests: a fixed part and one for each request. So the month in which two ways
cost the same is one division.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from headgate.planning.prices import Prices
from headgate.planning.traffic import HOURS_A_MONTH, SECONDS_A_MONTH
from headgate.spec import Environment
from headgate.spec.hosting import Function, Kind, Serverless

GB = 1e9
MB_IN_GB = 1024.0
LOOKS_BESIDE = 10
"""Looks at a rollout before its first step and after its last."""
METRICS_OF_A_METHOD = 5
"""4XXError, 5XXError, Count, IntegrationLatency and Latency: what API Gateway's detailed metrics are."""
METRICS_OF_A_FUNCTION = 6
"""What our handler counts of itself, of the version and of the alias (serving.aws_lambda.metrics)."""
WAYS: tuple[Kind, ...] = ("realtime", "serverless", "lambda")


@dataclass(frozen=True, slots=True)
class Assumptions:
    """What a forecast rests on besides headgate.yaml. Seconds, bytes and GB."""

    latency: float = 0.05
    """Seconds that a request keeps its function or endpoint busy."""
    payload: float = 2_000.0
    """Bytes of a request and its answer together."""
    log: float = 500.0
    """Bytes that are logged of a request."""
    captured: float = 2_500.0
    """Bytes of a captured request and its answer."""
    rollouts: float = 4.0
    """Rollouts a month."""
    images: float = 2.0
    """GB of images that are kept."""
    stored: float = 5.0
    """GB of packages, reports and logs in the bucket."""
    function_memory: float = 512.0
    """MB of Headgate's own functions: that between API Gateway and the endpoint, and that which looks."""
    tick: float = 15.0
    """Seconds between two looks at a rollout, each of which is three transitions and a call of the function that looks.
    Evidence of a minute is looked at four times."""
    look: float = 1.0
    """Seconds that one look takes."""


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the forecast. `usd` is for the month; None where the price is not known."""

    what: str
    quantity: float
    unit: str
    price: float | None
    usd: float | None


@dataclass(frozen=True, slots=True)
class Linear:
    """What hosting costs: `fixed` a month and `each` request, in USD; None where a price is not known."""

    kind: Kind
    says: str
    fixed: float | None
    each: float | None

    def month(self, requests: float) -> float | None:
        """The cost of a month with so many requests."""
        return None if self.fixed is None or self.each is None else self.fixed + self.each * requests


@dataclass(frozen=True, slots=True)
class Crossing:
    """Below `requests` a month `below` is cheaper, above it `above`; None where one of them always is (`below`)."""

    below: Kind
    above: Kind
    requests: float | None


@dataclass(frozen=True, slots=True)
class Forecast:
    """A month."""

    requests: float
    lines: tuple[Line, ...]
    ways: tuple[Linear, ...]
    crossings: tuple[Crossing, ...]
    assumptions: Assumptions = field(default_factory=Assumptions)

    @property
    def total(self) -> float:
        """The sum of the lines whose price is known."""
        return sum(line.usd for line in self.lines if line.usd is not None)

    @property
    def missing(self) -> tuple[str, ...]:
        """What is not included."""
        return tuple(line.what for line in self.lines if line.usd is None)

    @property
    def compared(self) -> tuple[Linear, ...]:
        """The ways of hosting whose prices are known, what costs least at this traffic first."""
        known = [(month, way) for way in self.ways if (month := way.month(self.requests)) is not None]
        return tuple(way for _, way in sorted(known, key=lambda pair: pair[0]))

    @property
    def uncompared(self) -> tuple[Kind, ...]:
        """The ways of hosting of which a price is not known: any of them may be the cheapest."""
        return tuple(way.kind for way in self.ways if way.month(self.requests) is None)

    @property
    def cheapest(self) -> Linear | None:
        """The way of hosting that costs least at this traffic; None unless the prices of all are known."""
        return None if self.uncompared else self.compared[0]


def forecast(
    environment: Environment,
    requests_per_second: float,
    rollout_seconds: float,
    prices: Prices,
    assumptions: Assumptions,
    *,
    alarmed: int = 0,
) -> Forecast:
    """A month of an environment. `rollout_seconds`: how long one rollout takes. `alarmed`: how many metrics its alarms
    look at; an alarm of the share of one in another is paid for both."""
    requests = requests_per_second * SECONDS_A_MONTH
    ways = tuple(way(kind, environment, prices, assumptions) for kind in WAYS)
    lines = (
        *_hosting(environment, requests, rollout_seconds, prices, assumptions),
        *_front(environment, requests, prices, assumptions),
        *_watching(environment, alarmed, prices),
        *_standing(environment, requests, prices, assumptions),
        *_delivery(rollout_seconds, prices, assumptions),
    )
    return Forecast(requests, lines, ways, tuple(_crossings(ways)), assumptions)


def way(kind: Kind, environment: Environment, prices: Prices, assumptions: Assumptions) -> Linear:
    """The cost of one way of hosting the environment, as its own settings say or, for another way, the defaults.

    With a front door, endpoints have the function before them as well, which a Lambda function has not.
    """
    hosting, instances = environment.hosting, environment.instances
    front = 0.0 if environment.front is None or kind == "lambda" else _front_each(prices, assumptions)
    if kind == "realtime":
        hour = prices.usd(f"sagemaker.instance.{instances.type}")
        fixed = None if hour is None else hour * instances.count * HOURS_A_MONTH
        return Linear(kind, f"{instances.count} x {instances.type}", fixed, front)
    if kind == "serverless":
        size = (hosting.serverless or Serverless()).memory
        second = prices.usd(f"sagemaker.serverless.{size // 1024}")
        return Linear(kind, f"{size} MB", 0.0, _plus(_times(second, assumptions.latency), front))
    memory = (hosting.function or Function()).memory
    return Linear(kind, f"{memory} MB", 0.0, _lambda_each(prices, memory, assumptions.latency))


def _hosting(
    environment: Environment, requests: float, rollout_seconds: float, prices: Prices, assumptions: Assumptions
) -> Iterator[Line]:
    kind, latency = environment.hosting.kind, assumptions.latency
    if kind == "realtime":
        count, name = environment.instances.count, environment.instances.type
        hour = prices.usd(f"sagemaker.instance.{name}")
        yield _line(f"endpoint: {count} x {name}", count * HOURS_A_MONTH, "hours", hour)
        if any(phase.canary for phase in environment.rollout):
            hours = assumptions.rollouts * rollout_seconds / 3600 * count
            yield _line("the canary beside it, during rollouts", hours, "hours", hour)
        yield _line(
            "endpoint: data in and out", requests * assumptions.payload / GB, "GB", prices.usd("sagemaker.data")
        )
    elif kind == "serverless":
        size = (environment.hosting.serverless or Serverless()).memory
        second = prices.usd(f"sagemaker.serverless.{size // 1024}")
        yield _line(f"serverless endpoint, {size} MB", requests * latency, "seconds", second)
        data = prices.usd("sagemaker.data")
        yield _line("serverless endpoint: data in and out", requests * assumptions.payload / GB, "GB", data)
    else:
        memory = (environment.hosting.function or Function()).memory
        yield _line("function: requests", requests, "requests", prices.usd("lambda.request"))
        seconds = requests * latency * memory / MB_IN_GB
        yield _line(f"function: {memory} MB", seconds, "GB-seconds", prices.usd("lambda.gb_second"))


def _front(environment: Environment, requests: float, prices: Prices, assumptions: Assumptions) -> Iterator[Line]:
    if environment.front is None:
        return
    yield _line("API Gateway", requests, "requests", prices.usd("api.request"))
    if environment.hosting.kind != "lambda":
        yield _line("function before the endpoint: requests", requests, "requests", prices.usd("lambda.request"))
        seconds = requests * assumptions.latency * assumptions.function_memory / MB_IN_GB
        name = f"function before the endpoint: {assumptions.function_memory:g} MB"
        yield _line(name, seconds, "GB-seconds", prices.usd("lambda.gb_second"))


def _watching(environment: Environment, alarmed: int, prices: Prices) -> Iterator[Line]:
    """What is seen of it: metrics that AWS takes for custom ones, alarms, a dashboard."""
    metric, front = prices.usd("cloudwatch.metric"), environment.front
    if front is not None:
        methods = 3 if front.origins else 2  # POST and GET; OPTIONS for web pages
        yield _line("detailed metrics of API Gateway", METRICS_OF_A_METHOD * methods, "metrics", metric)
    if environment.hosting.kind == "lambda":
        yield _line("metrics of the function", METRICS_OF_A_FUNCTION, "metrics", metric)
    yield _line("alarms", alarmed, "metrics", prices.usd("cloudwatch.alarm"))
    yield _line("composite alarm", 1, "alarms", prices.usd("cloudwatch.composite_alarm"))
    yield _line("dashboard", 1, "dashboards", prices.usd("cloudwatch.dashboard"))


def _standing(environment: Environment, requests: float, prices: Prices, assumptions: Assumptions) -> Iterator[Line]:
    """What is there whoever answers."""
    yield _line("logs, written", requests * assumptions.log / GB, "GB", prices.usd("logs.written"))
    yield _line("key", 1, "keys", prices.usd("kms.key"))
    yield _line("images", assumptions.images, "GB", prices.usd("ecr.stored"))
    captured = 0.0
    if environment.capture is not None and environment.hosting.kind != "lambda":
        captured = requests * environment.capture.sampling / 100 * assumptions.captured / GB
    yield _line("bucket, with a month's captures", assumptions.stored + captured, "GB", prices.usd("s3.stored"))


def _delivery(rollout_seconds: float, prices: Prices, assumptions: Assumptions) -> Iterator[Line]:
    """What rolls out: the state machine, and the function that it calls."""
    looks = assumptions.rollouts * (rollout_seconds / assumptions.tick + LOOKS_BESIDE)
    yield _line("state machine", 3 * looks, "transitions", prices.usd("states.transition"))
    each, name = _lambda_each(prices, assumptions.function_memory, assumptions.look), "function that looks at rollouts"
    yield _line(name, looks, "looks", each)


def _crossings(ways: Sequence[Linear]) -> Iterator[Crossing]:
    """Each pair of ways, and the requests at which their costs meet."""
    for index, one in enumerate(ways):
        for other in ways[index + 1 :]:
            found = crossing(one, other)
            if found is not None:
                yield found


def crossing(one: Linear, other: Linear) -> Crossing | None:
    """Where two straight lines meet: fixed + each * n is equal. None where a price is not known."""
    if one.fixed is None or one.each is None or other.fixed is None or other.each is None:
        return None
    low, high = (one, other) if (one.fixed, one.each) <= (other.fixed, other.each) else (other, one)
    assert low.fixed is not None
    assert low.each is not None
    assert high.fixed is not None
    assert high.each is not None
    if low.each <= high.each:
        return Crossing(low.kind, high.kind, None)
    return Crossing(low.kind, high.kind, (high.fixed - low.fixed) / (low.each - high.each))


def _front_each(prices: Prices, assumptions: Assumptions) -> float | None:
    return _lambda_each(prices, assumptions.function_memory, assumptions.latency)


def _lambda_each(prices: Prices, memory: float, latency: float) -> float | None:
    return _plus(_times(prices.usd("lambda.gb_second"), latency * memory / MB_IN_GB), prices.usd("lambda.request"))


def _line(what: str, quantity: float, unit: str, price: float | None) -> Line:
    return Line(what, quantity, unit, price, _times(price, quantity))


def _times(price: float | None, quantity: float) -> float | None:
    return None if price is None else price * quantity


def _plus(one: float | None, other: float | None) -> float | None:
    return None if one is None or other is None else one + other
