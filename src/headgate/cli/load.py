"""`headgate load`."""

import json
import os
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from headgate.cli.command import Call, Command, dry_run_option, env_option
from headgate.cli.output import Table
from headgate.core import durations
from headgate.core.routes import INVOCATIONS
from headgate.errors import InvalidInput, Unavailable, UsageError

if TYPE_CHECKING:
    from headgate.hosting.endpoints import Endpoints
    from headgate.traffic.result import Result, Second
    from headgate.traffic.terms import Terms

INTERRUPTED = 130
ROWS = 100
"""How many held-out rows are sent in turn."""
ENOUGH = 0.9
"""The share of the requests that were asked for below which it is said that they could not be sent."""


@dataclass(frozen=True)
class Target:
    """Who is asked. `endpoints` where the endpoint can be watched meanwhile."""

    url: str
    endpoint: str = ""
    endpoints: "Endpoints | None" = None


@click.command(
    cls=Command,
    example="headgate load --users 30 --ramp 20s --for 1m --output load.html\n"
    "headgate load --url http://127.0.0.1:7411/predict-iris --rows rows.json --rate 50 --max-failures 2",
)
@click.option("--url", metavar="URL", help="Who is asked (default: the project's own path at the gateway).")
@env_option
@click.option("--users", type=click.IntRange(min=1), default=30, show_default=True, help="How many virtual users.")
@click.option("--ramp", default="20s", show_default=True, help="How long it takes until they are all there.")
@click.option("--for", "length", default="1m", show_default=True, help="How long it lasts, the ramp included.")
@click.option("--rate", type=float, help="Requests a second, all users together (default: 5 a user).")
@click.option(
    "--rows",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="What is sent: a JSON list, or a JSON value a line (default: held-out rows of the newest run).",
)
@click.option(
    "--output",
    "outputs",
    type=click.Path(path_type=Path),
    metavar="FILE",
    multiple=True,
    help="Write a report: .html, .json or .svg. May be given several times.",
)
@click.option(
    "--max-failures", type=click.IntRange(min=0), default=0, show_default=True, help="Exit 1 where more fail."
)
@click.option("--api-key-env", "key_variable", metavar="NAME", help="The variable whose value is sent as x-api-key.")
@click.option("--yes", "confirmed", is_flag=True, help="Load the project's front door on AWS, where it costs money.")
@dry_run_option
def command(
    call: Call,
    *,
    url: str | None,
    environment: str | None,
    users: int,
    ramp: str,
    length: str,
    rate: float | None,
    rows: Path | None,
    outputs: tuple[Path, ...],
    max_failures: int,
    key_variable: str | None,
    confirmed: bool,
    dry_run: bool,
) -> None:
    """Let virtual users ask the endpoint, and see how it answers.

    Each user has a name of its own (x-user-id), and so stays on its variant. Ctrl-C ends it early, with what was
    measured. Exits with 1 where requests failed.
    """
    from headgate.traffic.report import check_outputs, write
    from headgate.traffic.terms import RATE_OF_A_USER, Terms

    check_outputs(outputs)
    target = _target(call, url, environment, confirmed=confirmed)
    seconds, warm_up = _seconds("--for", length), _seconds("--ramp", ramp)
    key = _key(key_variable)
    rate = users * RATE_OF_A_USER if rate is None else rate
    terms = Terms(target.url, _rows(call, rows), users, warm_up, seconds, rate, key)
    if dry_run:
        said = f"would send {rate:g} requests a second by {users} users to {target.url} for {durations.text(seconds)}"
        document = {"url": target.url, "users": users, "rate": rate, "seconds": seconds, "rows": len(terms.rows)}
        call.out.show({**document, "dry_run": True}, said)
        return
    result = _run(call, terms, target)
    if not result.sent:
        raise Unavailable(f"No request to {target.url} ended.", hint="Let it last longer.")
    for path in outputs:
        write(result, path)
    call.out.show(result.to_json(), *_told(result, terms), *(f"wrote {path}" for path in outputs))
    if result.failed > max_failures:
        raise click.exceptions.Exit(1)
    if result.interrupted:
        raise click.exceptions.Exit(INTERRUPTED)


def _seconds(option: str, written: str) -> float:
    try:
        return durations.parse(written)
    except InvalidInput as error:
        raise UsageError(f"{option}: {error.message}", hint="Such as 30s, 1m or 1m30s.") from None


def _target(call: Call, url: str | None, environment: str | None, *, confirmed: bool) -> Target:
    """Who is asked, and may be. Raises UsageError, Refused and NotFound."""
    from headgate.hosting.endpoints import Endpoints
    from headgate.hosting.routes import TAG_ROUTE
    from headgate.traffic.target import check_target

    if url is not None:
        if environment is not None:
            raise UsageError("Give either --url or --env.", hint="--env is for the project's own endpoint.")
        check_target(url, lambda: call.project.spec, confirmed=confirmed)
        return Target(url)
    name = call.environment(environment)
    if call.project.spec.environments[name].target == "aws":
        raise UsageError(
            f"Environment {name} is on AWS; its address is not in headgate.yaml.",
            hint="Pass the front door's URL with --url, and --yes.",
        )
    connection, endpoint = call.connect(), call.endpoint(environment)
    endpoints = Endpoints(connection)
    route = endpoints.tags(endpoints.describe(endpoint).arn).get(TAG_ROUTE) or INVOCATIONS.format(endpoint)
    return Target(f"{connection.runtime_url}{route}", endpoint, endpoints)


def _rows(call: Call, path: Path | None) -> tuple[str, ...]:
    from headgate.traffic.rows import read_rows

    if path is not None:
        return read_rows(path)
    from headgate.data.runs import Runs
    from headgate.pipeline.probe import held_out_rows

    return tuple(json.dumps(row) for row in held_out_rows(Runs(call.project.store).latest(), ROWS))


def _key(variable: str | None) -> str:
    if variable is None:
        return ""
    key = os.environ.get(variable, "")
    if not key or not key.isascii() or not key.isprintable():
        raise UsageError(f"The variable {variable} holds no key.", hint="Set it to the API key, without a line's end.")
    return key


def _run(call: Call, terms: "Terms", target: Target) -> "Result":
    from headgate.traffic.plot import crowd
    from headgate.traffic.run import load
    from headgate.traffic.watch import Watch

    with ExitStack() as stack:
        progress = stack.enter_context(call.out.progress("load"))
        watched = [stack.enter_context(Watch(target.endpoints, target.endpoint))] if target.endpoints else []
        progress(f"{crowd(terms.users)} on {terms.url} for {durations.text(terms.seconds)}", None)

        def tell(second: "Second", result: "Result") -> None:
            if not second.users:
                return  # what was under way at the end
            p99 = second.to_json()["p99"]
            latency = "" if p99 is None else f", p99 {p99:.1f} ms"
            now = f"users {second.users}, requests {second.sent}{latency}"
            said = f"{now}; failed {result.failed:,} of {result.sent:,}"
            progress(said, min(second.at / terms.seconds, 1.0))

        result = load(terms, tell)
    events = [event for watch in watched for event in watch.events if event.at >= result.began]
    return replace(result, events=tuple(sorted(events, key=lambda event: event.at)))


def _told(result: "Result", terms: "Terms") -> list[str | Table]:
    from headgate.traffic.axes import latency_text
    from headgate.traffic.plot import words

    parts: list[str | Table] = [("Interrupted. " if result.interrupted else "") + words(result)]
    if result.variants:
        parts.append("variants: " + ", ".join(f"{name} {count:,}" for name, count in result.variants.items()))
    if result.failures:
        rows = [(f"{n:,}", kind, result.said.get(kind, "")) for kind, n in result.failures.items()]
        parts.append(Table(("failed", "with", "for example"), rows))
    slow = max((second for second in result.seconds if second.latencies), key=lambda s: s.latencies[-1], default=None)
    if slow is not None:
        parts.append(f"slowest: {latency_text(slow.latencies[-1] / 1000)}, {slow.at:.0f} s after the start")
    wanted = terms.rate * (terms.seconds - terms.ramp / 2)
    if not result.interrupted and result.sent < ENOUGH * wanted:
        sent = f"{result.sent:,} of about {wanted:,.0f} requests could be sent"
        parts.append(f"{sent}: the server, or this machine, is at its limit.")
    return parts
