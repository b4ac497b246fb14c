"""`headgate rollout start`."""

import math
import time
from dataclasses import replace
from typing import TYPE_CHECKING

import click

from headgate.cli.command import Call, Command, dry_run_option, env_option
from headgate.cli.rollout.shared import document, who
from headgate.core.versions import ModelVersion
from headgate.errors import Refused, RunsAlready, UsageError

if TYPE_CHECKING:
    from headgate.hosting.session import Connection
    from headgate.pipeline.terms import Terms
    from headgate.pipeline.world import World

TRAFFIC_SECONDS, LEAST_TRAFFIC_SECONDS = 60, 5


@click.command(
    cls=Command,
    example="headgate rollout start --dry-run\nheadgate rollout start --watch\nheadgate rollout start --version 3\n"
    "headgate rollout start --env production --pinned",
)
@click.option("--version", "number", type=click.IntRange(min=1), help="Which version (default: the newest).")
@click.option("--pinned", is_flag=True, help="The version in deploy/ENVIRONMENT.yaml; its commit is the approval.")
@click.option("--all-at-once", "at_once", is_flag=True, help="Without a canary, whatever headgate.yaml says.")
@click.option(
    "--unless-in-force", "unless", is_flag=True, help="Do nothing, and exit with 0, where the version runs already."
)
@click.option("--watch", is_flag=True, help="Follow it until it ends; the exit code is the verdict.")
@env_option
@dry_run_option
def command(
    call: Call,
    *,
    number: int | None,
    pinned: bool,
    at_once: bool,
    unless: bool,
    watch: bool,
    environment: str | None,
    dry_run: bool,
) -> None:
    """Roll a version out, step by step.

    The steps are those of `rollout` in headgate.yaml. The engine's runner takes them, on AWS the state machine, whether
    you watch or not: the version is promoted when the evidence lets it, and taken back when it speaks against it.
    """
    from headgate.pipeline.worlds import terms_for, world_of

    name = call.environment(environment)
    target = call.target(name)
    connection = target.connection
    if pinned and number is not None:
        raise UsageError("--pinned and --version say two things.", hint="Give one of them.")
    version = _pinned(call, connection, name, dry_run) if pinned else _chosen(call, connection, name, number)
    target.require_archive(version)
    try:
        terms = terms_for(call.project, name, version, connection, target.rollouts, at_once=at_once)
    except RunsAlready as error:
        if not unless:
            raise
        call.out.show({"version": version.number, "in_force": True, "dry_run": dry_run}, error.message)
        return
    advice = _advice(terms, world_of(connection, target.row, terms))
    lines = [f"  {step.words}" for step in terms.steps]
    shown = {"endpoint": terms.endpoint, "version": terms.version, "steps": [step.words for step in terms.steps]}
    if dry_run:
        would = f"would roll version {terms.version} out on {terms.endpoint}:"
        call.out.show({**shown, "advice": advice, "dry_run": True}, would, *lines, *advice)
        return
    for said in advice:
        call.out.say(said)
    if terms.serverless is not None:
        call.out.say("a serverless endpoint has one variant: all traffic moves at once, and nothing is compared")
    rollout = target.launch(terms, by=who())
    if watch:
        from headgate.cli.rollout.watch import follow

        follow(call, rollout)
        return
    call.out.show(
        {**document(rollout.run()), "advice": advice, "dry_run": False},
        f"Rollout {terms.number}: version {terms.version} on {terms.endpoint}.",
        *lines,
        "`headgate rollout watch` follows it.",
    )


def _chosen(call: Call, connection: "Connection", environment: str, number: int | None) -> ModelVersion:
    from headgate.hosting.registry import Registry
    from headgate.rollout.from_spec import strategy_of

    project, registry = call.project.name, Registry(connection)
    if number is not None:
        return registry.version(project, number)
    _, approve = strategy_of(call.project.spec.environments[environment])
    version = registry.newest(project) if approve else registry.newest_approved(project)
    if version is None:
        raise Refused(
            f"Project {project} has no version to roll out.",
            hint="`headgate register` registers the package, `headgate approve VERSION` approves it.",
        )
    call.out.say(f"version {version.number} is the newest one")
    return version


def _pinned(call: Call, connection: "Connection", environment: str, dry_run: bool) -> ModelVersion:
    """The version that is pinned, approved by the commit."""
    from headgate.data.git import commit_of
    from headgate.hosting.registry import Registry
    from headgate.pipeline import pin

    root, registry = call.project.root, Registry(connection)
    version = pin.pinned_version(registry, pin.read(root, environment), call.project.name)
    if version.status == "Approved" or dry_run:
        return replace(version, status="Approved")
    commit = commit_of(root)
    where = f"deploy/{environment}.yaml" + (f" at commit {commit.sha[:12]}" if commit else "")
    return registry.set_status(version, "Approved", f"pinned in {where} ({who()})")


def _advice(terms: "Terms", world: "World") -> list[str]:
    """What the traffic of the last minutes, or since the endpoint was changed in them, is too little for."""
    from headgate.rollout.plan import advice

    if not terms.canary_config or not terms.config_before or len(terms.steps) < 3:
        return []
    rhythm, state = world.rhythm, world.endpoint()
    end = int(time.time()) if rhythm.period == 1 else rhythm.settled(time.time())
    changed = math.ceil(state.modified) if state else end
    if rhythm.period == 1:
        start = max(end - TRAFFIC_SECONDS, min(end - LEAST_TRAFFIC_SECONDS, changed))
    else:
        start = rhythm.next(max(end - LEAST_TRAFFIC_SECONDS * rhythm.period, changed))
    if end <= start:
        return []  # nothing is known of so young an endpoint
    seen = world.baseline(start=start, end=end)
    return advice(terms.steps, seen.requests / (end - start) if seen else 0.0, delay=rhythm.delay)
