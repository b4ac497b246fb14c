"""`headgate deploy`."""

from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from headgate.cli.command import Call, Command, dry_run_option, env_option
from headgate.core.versions import ModelVersion
from headgate.errors import Refused, UsageError

if TYPE_CHECKING:
    from headgate.hosting.deployment import Deployment
    from headgate.hosting.registry import Registry


@click.command(cls=Command, example="headgate deploy\nheadgate deploy --version 3 --env production --dry-run")
@click.option(
    "--version", "number", type=click.IntRange(min=1), help="Which version (default: the newest Approved one)."
)
@env_option
@dry_run_option
def command(call: Call, *, number: int | None, environment: str | None, dry_run: bool) -> None:
    """Put a model version behind the project's endpoint, all at once.

    Creates the endpoint or moves it, and waits until it answers on the new version. No request is lost, and the old
    version goes on answering when the new one does not start. Nothing is compared: `headgate rollout start` does that.
    """
    from headgate.hosting.deployment import carry_out, plan
    from headgate.hosting.endpoints import Endpoints
    from headgate.hosting.registry import Registry
    from headgate.hosting.routes import TAG_ROUTE
    from headgate.pipeline.probe import probe
    from headgate.pipeline.start import place_of
    from headgate.pipeline.worlds import in_function

    name = call.environment(environment)
    if in_function(call.project, name):
        raise UsageError(
            f"The model of {name} is in a Lambda function: there is no endpoint to deploy to.",
            hint=f"`headgate rollout start --env {name} --all-at-once` gives a version all traffic in one move.",
        )
    target = call.target(name)
    target.rollouts.next_number()  # refuses while a rollout is under way
    place = place_of(call.project, name)
    connection = target.connection
    version = _chosen(call, Registry(connection), number)
    target.require_archive(version)
    endpoints = Endpoints(connection)
    if dry_run:
        planned = plan(endpoints, version, place)
        already = f"{place.endpoint} runs version {version.number} already"
        call.out.show(_document(planned, dry_run=True), *([f"would {step}" for step in planned.steps] or [already]))
        if place.route and planned.route_owner not in ("", place.endpoint):
            _tell_owner(call, planned)
        return
    with call.out.goes_on_when_interrupted(), call.out.progress(f"deploy {place.endpoint}") as progress:
        endpoints.settle(place.endpoint, progress)  # a deployment that was cut short may still be under way
        deployment = plan(endpoints, version, place)
        state = carry_out(endpoints, deployment, progress)
        progress("asking it a held-out row", None)
        probed = probe(
            target.row,
            version,
            connection,
            place.endpoint,
            refusable=call.project.spec.package.code is not None,
        )
        route = endpoints.tags(state.arn).get(TAG_ROUTE, "")
    done = "already runs" if deployment.change == "none" else "now runs"
    url = f"{connection.runtime_url}{route}" if route else ""
    call.out.show(
        {
            **_document(deployment, dry_run=False),
            "endpoint_state": asdict(state),
            "probe": probed.answer,
            "route": route,
            "url": url,
        },
        f"{place.endpoint} {done} version {version.number} (config {state.config_name}).",
        probed.said,
        *([f"It answers POST {url}"] if url else []),
    )
    if route != place.route:
        _tell_owner(call, deployment)


def _chosen(call: Call, registry: "Registry", number: int | None) -> ModelVersion:
    project = call.project.name
    if number is not None:
        return registry.version(project, number)
    version = registry.newest_approved(project)
    if version is None:
        raise Refused(
            f"Project {project} has no Approved version.",
            hint="`headgate register` registers the package, `headgate approve VERSION` approves it.",
        )
    call.out.say(f"version {version.number} is the newest Approved one")
    return version


def _tell_owner(call: Call, deployment: "Deployment") -> None:
    """Why an endpoint does not have the project's route."""
    from headgate.core.routes import INVOCATIONS
    from headgate.hosting.routes import TAG_ROUTE

    place = deployment.place
    call.out.say(
        f"POST {place.route} leads to {deployment.route_owner or 'another endpoint'}, which had it first; "
        f"{place.endpoint} is asked at {INVOCATIONS.format(place.endpoint)}.\n"
        f"  hint: To move it here, take the tag {TAG_ROUTE} off that endpoint (`aws sagemaker delete-tags`) and deploy "
        "again."
    )


def _document(deployment: "Deployment", *, dry_run: bool) -> dict[str, object]:
    return {
        "endpoint": deployment.place.endpoint,
        "version": deployment.version.number,
        "change": deployment.change,
        "model": deployment.model,
        "config": deployment.config,
        "last_good": deployment.last_good,
        "steps": list(deployment.steps),
        "route_owner": deployment.route_owner,
        "dry_run": dry_run,
    }
