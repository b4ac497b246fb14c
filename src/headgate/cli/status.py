"""`headgate status`."""

from contextlib import suppress
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import click

from headgate.cli.command import Call, Command
from headgate.cli.output import Table
from headgate.core.endpoints import EndpointState
from headgate.errors import HeadgateError, NotFound, Unavailable

if TYPE_CHECKING:
    from headgate.hosting.endpoints import Endpoints
    from headgate.hosting.session import Connection


@click.command(cls=Command, project=False, example="headgate status\nheadgate status --json")
def command(call: Call) -> None:
    """Show the engine, its endpoints and open rollouts.

    Exits with 4 when the engine does not run.
    """
    from headgate.hosting.endpoints import Endpoints
    from headgate.wiring.local import status

    connection = _connection(call)
    engine = status(call.home)
    endpoints, routes = _endpoints(Endpoints(connection)) if connection and engine["running"] else ([], {})
    lines = [
        f"engine      {_process(engine['engine'])}  {engine['control_url'] or ''}".rstrip(),
        f"gateway     {_process(engine['gateway'])}  {engine['gateway_url'] or ''}".rstrip(),
        f"supervisor  {_process(engine['supervisor'])}",
        f"home        {engine['home']}",
    ]
    table = Table(("endpoint", "status", "config", "variant", "weight", "instances"), _rows(endpoints))
    document: dict[str, Any] = {
        "engine": engine,
        "endpoints": [{**asdict(endpoint), "route": routes.get(endpoint.name, "")} for endpoint in endpoints],
    }
    paths = [f"{name}: POST {engine['gateway_url']}{route}" for name, route in routes.items()]
    reasons = [
        f"{endpoint.name}: {'' if endpoint.status == 'Failed' else 'the last change was undone: '}"
        f"{endpoint.failure_reason}"
        for endpoint in endpoints
        if endpoint.failure_reason
    ]
    document["rollouts"] = rollouts = _rollouts(call)
    call.out.show(document, *lines, *(("", table) if endpoints else ()), *paths, *reasons, *rollouts)
    if not engine["running"]:
        raise click.exceptions.Exit(Unavailable.exit_code)


def _endpoints(endpoints: "Endpoints") -> tuple[list[EndpointState], dict[str, str]]:
    """All endpoints, and the path of its own of each that has one."""
    from headgate.hosting.routes import TAG_ROUTE

    found, routes = endpoints.list(), {}
    for state in found:
        with suppress(NotFound):  # it goes while we look
            if route := endpoints.tags(state.arn).get(TAG_ROUTE):
                routes[state.name] = route
    return found, routes


def _connection(call: Call) -> "Connection | None":
    """The engine's API; connecting brings back an engine that was killed. None where none is meant to run."""
    try:
        return call.connect()
    except Unavailable as error:
        call.out.say(f"{error.message} {error.hint}")
        return None


def _rollouts(call: Call) -> list[str]:
    """A line for each rollout that is under way, of whichever project."""
    from headgate.wiring.runner import notices

    found: list[str] = []
    known = notices(call.home)
    if not known:
        return found
    from headgate.data.store import Store
    from headgate.pipeline.rollouts import Rollouts
    from headgate.pipeline.story import headline

    for notice in known:
        try:
            if notice.store.is_dir():
                found.append(headline(Rollouts(Store(notice.store), notice.environment).get(notice.number).run()))
        except HeadgateError as error:
            found.append(f"rollout {notice.number} of {notice.environment} in {notice.store}: {error.message}")
    return found


def _rows(endpoints: list[EndpointState]) -> list[tuple[str, ...]]:
    rows: list[tuple[str, ...]] = []
    for endpoint in endpoints:
        lead = (endpoint.name, endpoint.status, endpoint.config_name)
        for v in endpoint.variants or (None,):
            counts = f"{v.instances}/{v.desired_instances}" if v else ""
            rows.append((*lead, v.name if v else "", f"{v.weight:g}" if v else "", counts))
            lead = ("", "", "")
    return rows


def _process(pid: int | None) -> str:
    return "not running" if pid is None else f"pid {pid}"
