"""`headgate plan`."""

import math
from dataclasses import asdict, fields
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from headgate.cli.command import Call, Command, env_option
from headgate.cli.output import Table
from headgate.errors import GateFailed

if TYPE_CHECKING:
    from headgate.infra.alarms import Alarm
    from headgate.infra.statement import Role
    from headgate.planning.cost import Crossing, Forecast, Linear
    from headgate.planning.exclusions import Rule
    from headgate.planning.prices import Prices
    from headgate.planning.timeline import Stage, Timeline
    from headgate.spec import Environment, Project

USUAL_TRAFFIC = "60/min"


def _number_only(_context: click.Context, _parameter: click.Parameter, value: float) -> float:
    """`nan` is within any range: Click only asks whether it is outside."""
    if not math.isfinite(value):
        raise click.BadParameter(f"{value} is no number of milliseconds.")
    return value


@click.command(
    cls=Command,
    example="headgate plan --env production --traffic 600/min\nheadgate plan --env production --refresh-prices",
)
@click.option(
    "--traffic",
    default=USUAL_TRAFFIC,
    show_default=True,
    metavar="RATE",
    help="Requests: 10/s, 600/min, 1000000/month.",
)
@click.option(
    "--latency", type=click.FloatRange(0.1, 60_000), default=50.0, show_default=True, metavar="MS",
    callback=_number_only, help="Milliseconds that a request takes, for the forecast.",
)  # fmt: skip
@click.option(
    "--prices", "price_file", type=click.Path(path_type=Path, dir_okay=False), metavar="FILE", help="A file of prices."
)
@click.option("--refresh-prices", is_flag=True, help="Fetch prices of the region from AWS's public list first.")
@env_option
def command(
    call: Call, *, traffic: str, latency: float, price_file: Path | None, refresh_prices: bool, environment: str | None
) -> None:
    """Show a rollout's time, limits and cost before it starts.

    Needs no account and changes nothing. The steps of the rollout, how long each takes at the given traffic and what
    the judge can see by then; what AWS does not do with this headgate.yaml, and what Headgate does instead; what each
    role may do, in words; a forecast of a month's cost, and where another way of hosting becomes cheaper. Exits with 1
    where AWS would refuse.
    """
    from headgate.planning.exclusions import Facts, applying
    from headgate.planning.timeline import timeline
    from headgate.planning.traffic import per_second, refused
    from headgate.rollout.from_spec import rhythm_of, strategy_of
    from headgate.rollout.plan import compile_plan

    name, rate = call.environment(environment), per_second(traffic)
    found = call.project.spec.environments[name]
    strategy, approve = strategy_of(found)
    rules: tuple[Rule, ...] = applying(Facts.of(found)) if found.target == "aws" else ()
    times = timeline(compile_plan(strategy, approve=approve), rate, delay=rhythm_of(found).delay)
    advice = [*times.advice, *(refused(found, rate, latency / 1000) if found.target == "aws" else ())]
    document: dict[str, Any] = {
        "project": call.project.name,
        "environment": name,
        "target": found.target,
        "requests_per_second": rate,
        "steps": [_finite(asdict(stage)) for stage in times.stages],
        **_finite({"least_seconds": times.least, "expected_seconds": times.expected}),
        "advice": advice,
        "exclusions": [_rule(rule) for rule in rules],
        "roles": {},
        "permissions": {},
        "cost": None,
    }
    parts = [f"{call.project.name} in {name}, {_where(found)}, at {traffic}", "", *_steps(times, advice)]
    if found.target == "aws":
        prices = _prices(call, found, price_file, refresh_prices)
        forecast = _forecast(call.project, name, rate, times, prices=prices, latency=latency)
        note = prices.note(datetime.now(UTC).date())
        document["cost"] = _cost(forecast, prices, note)
        roles = _roles(call.project, name)
        document["permissions"] = permissions = _permissions(roles)
        document["roles"] = said = {role.key: _taken(role) for role in roles}
        parts += [*_limits(rules), *_month(forecast, note), *_break_even(forecast), *_rights(said, permissions)]
    call.out.show(document, *parts)
    if any(rule.weight == "refused" for rule in rules):
        raise click.exceptions.Exit(GateFailed.exit_code)


def _where(found: "Environment") -> str:
    if found.target == "local":
        return "on the engine of this machine"
    return f"{found.hosting.kind} on AWS, account {found.account}, {found.region}"


def _prices(call: Call, found: "Environment", file: Path | None, refresh: bool) -> "Prices":
    from headgate.planning.prices import FILE_NAME, load

    assert found.region is not None
    refreshed = call.home.path / FILE_NAME
    if refresh:
        _refresh(call, found.region, refreshed)
    return load(found.region, file, refreshed)


def _refresh(call: Call, region: str, file: Path) -> None:
    import os
    import time

    from headgate.core.files import private_folder, write_atomic, writing
    from headgate.planning import price_list
    from headgate.planning.prices import kept, write

    known = kept(file)
    with call.out.progress("prices") as progress:
        base = os.environ.get("HEADGATE_PRICE_LIST") or price_list.BASE
        fetched = price_list.fetch(region, base=base, progress=progress)
    with writing(file):
        private_folder(file.parent)
        write_atomic(file, write((known or {}) | {region: fetched}, time.strftime("%Y-%m-%d", time.gmtime())))
    if known is None:
        call.out.say(f"{file} was damaged: what it had of other regions is gone.")
    call.out.say(f"{len(fetched)} prices of {region} are in {file}.")


def _forecast(
    project: "Project", name: str, rate: float, times: "Timeline", *, prices: "Prices", latency: float
) -> "Forecast":
    from headgate.infra.alarms import alarms
    from headgate.infra.site import Site
    from headgate.planning.cost import Assumptions, forecast

    alarmed = sum(map(_metrics, alarms(Site.of(project.spec, name))))
    assumed, found = Assumptions(latency=latency / 1000), project.spec.environments[name]
    return forecast(found, rate, times.expected, prices, assumed, alarmed=alarmed)


def _metrics(alarm: "Alarm") -> int:
    """How many metrics an alarm looks at: whatever of it is one, by itself or among others."""
    from headgate.infra.alarms import Count

    parts = [getattr(alarm, part.name) for part in fields(alarm)]
    return sum(
        isinstance(each, Count) for part in parts for each in (part.values() if isinstance(part, dict) else [part])
    )


def _steps(times: "Timeline", advice: list[str]) -> list[str | Table]:
    from headgate.planning.timeline import within

    rows = [(*_stage(stage),) for stage in times.stages]
    rows.append(("in all", within(times.least), within(times.expected), "", ""))
    heading = ("step", "at least", "expected", "canary gets", "0.2 -> 0.6 % errors found")
    return [Table(heading, rows), *(("", *advice) if advice else ())]


def _stage(stage: "Stage") -> tuple[str, ...]:
    from headgate.planning.timeline import within

    if stage.least is None:
        return stage.words, "a person's", "a person's", "", ""
    if stage.canary_requests is None:
        return stage.words, "", "", "", ""
    found = "never" if stage.half == math.inf else f"{within(stage.half)} to {within(stage.most)}"
    return stage.words, within(stage.least), within(stage.expected), f"{stage.canary_requests:,.0f}", found


def _limits(rules: "tuple[Rule, ...]") -> list[str | Table]:
    parts: list[str | Table] = ["", "What AWS does not do" if rules else "AWS does all that headgate.yaml asks for."]
    for rule in rules:
        said = [rule.what, *([rule.instead] if rule.instead else []), f"Way out: {rule.way_out}"]
        parts.append(f"  {rule.weight:<9} {rule.id}")
        parts += [f"    {line}" for line in said if line != "Way out: Nothing to do."]
    return parts


def _roles(project: "Project", name: str) -> "list[Role]":
    from headgate.infra.policies import roles
    from headgate.infra.site import Site

    return list(roles(Site.of(project.spec, name)).values())


def _taken(role: "Role") -> dict[str, str]:
    from headgate.planning.iam import taken_on_by

    return {"purpose": role.purpose, "taken_on_by": taken_on_by(role.trust)}


def _permissions(roles: "list[Role]") -> dict[str, list[str]]:
    from headgate.planning.iam import in_words

    return in_words(statement for role in roles for statement in role.statements)


def _rights(roles: dict[str, dict[str, str]], permissions: dict[str, list[str]]) -> list[str | Table]:
    parts: list[str | Table] = ["", "What each role is for, and what it may do"]
    for role, about in roles.items():
        parts.append(f"  {role}: {about['purpose']}; taken on by {about['taken_on_by']}")
        parts += [f"    {line}" for line in permissions.get(role, [])]
    return parts


def _month(forecast: "Forecast", note: str) -> list[str | Table]:
    rows = [
        (line.what, _number(line.quantity), line.unit, _each(line.price), _money(line.usd)) for line in forecast.lines
    ]
    assumed = forecast.assumptions
    missing = f" Not included: {'; '.join(forecast.missing)}." if forecast.missing else ""
    return [
        "",
        Table(("a month", "how much", "of", "USD each", "USD a month"), rows),
        f"{forecast.total:,.2f} USD a month at {_count(forecast.requests)}.{missing}",
        f"Assumed: {assumed.latency * 1000:g} ms a request, {assumed.payload:,.0f} bytes of it and its answer, "
        f"{assumed.captured:,.0f} bytes where it is captured, {assumed.log:,.0f} bytes logged, {assumed.rollouts:g} "
        f"rollouts, in them a look of {assumed.look:g} s every {assumed.tick:g} s, {assumed.function_memory:g} MB for "
        f"Headgate's own functions, {assumed.images:g} GB of images, {assumed.stored:g} GB in the bucket; x86.",
        note,
    ]


def _break_even(forecast: "Forecast") -> list[str | Table]:
    if not forecast.compared:
        return ["", "No way of hosting has all its prices here, so none can be compared."]
    rows = [(way.kind, way.says, *_costs(way, forecast.requests)) for way in forecast.ways]
    return [
        "",
        Table(("hosting", "as", "USD fixed", "USD a million requests", "USD at this traffic"), rows),
        _cheapest(forecast),
        *(_crossing(found) for found in forecast.crossings),
        "Not compared: data in and out of SageMaker endpoints, and whether so many instances carry the traffic.",
    ]


def _cheapest(forecast: "Forecast") -> str:
    said = f"{_count(forecast.requests)} a month {forecast.compared[0].kind} is the cheapest"
    if not forecast.uncompared:
        return f"At {said}."
    return f"Of those whose prices are known, at {said}; not compared: {', '.join(forecast.uncompared)}."


def _count(requests: float) -> str:
    number = f"{requests:,.0f}"
    return f"{number} request" if number == "1" else f"{number} requests"


def _costs(way: "Linear", requests: float) -> tuple[str, str, str]:
    month = way.month(requests)
    each = None if way.each is None else way.each * 1e6
    return _money(way.fixed), _money(each), _money(month)


def _crossing(found: "Crossing") -> str:
    if found.requests is None:
        return f"{found.below} is cheaper than {found.above} at any traffic."
    return f"{found.below} is cheaper than {found.above} below {_count(found.requests)} a month."


def _number(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:,.3g}"


def _money(value: float | None) -> str:
    return "not known" if value is None else f"{value:,.2f}"


def _each(value: float | None) -> str:
    """A price with all its digits, two at least."""
    if value is None:
        return "not known"
    digits = f"{value:.12f}".rstrip("0")
    return max(digits, f"{value:.2f}", key=len)


def _rule(rule: "Rule") -> dict[str, str]:
    return {
        "id": rule.id,
        "weight": rule.weight,
        "what": rule.what,
        "instead": rule.instead,
        "way_out": rule.way_out,
    }


def _cost(forecast: "Forecast", prices: "Prices", note: str) -> dict[str, Any]:
    ways = [{**asdict(way), "usd": way.month(forecast.requests)} for way in forecast.ways]
    return {
        "region": prices.region,
        "prices": note,
        "requests": forecast.requests,
        "assumptions": asdict(forecast.assumptions),
        "lines": [asdict(line) for line in forecast.lines],
        "usd": forecast.total,
        "not_included": list(forecast.missing),
        "hosting": ways,
        "cheapest": forecast.cheapest.kind if forecast.cheapest else None,
        "break_even": [asdict(found) for found in forecast.crossings],
    }


def _finite(values: dict[str, Any]) -> dict[str, Any]:
    """JSON has no infinity: what never ends is null."""
    return {key: None if value == math.inf else value for key, value in values.items()}
