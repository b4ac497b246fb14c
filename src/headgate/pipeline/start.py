"""The terms of a new rollout or rollback, from headgate.yaml and what is there. Only looks: `Rollouts.start` writes."""

import secrets
from collections.abc import Mapping

from headgate.core import names
from headgate.core.endpoints import EndpointState, Serverless
from headgate.core.versions import ModelVersion
from headgate.errors import NotFound, Refused, RunsAlready, UsageError
from headgate.hosting import canary
from headgate.hosting.deployment import TAG_LAST_GOOD, TAG_PROJECT, TAG_ROLLOUT, Place, of, version_in
from headgate.hosting.endpoints import Endpoints
from headgate.hosting.session import Connection
from headgate.pipeline.rollouts import Rollouts
from headgate.pipeline.run import sentence
from headgate.pipeline.terms import Kind, Terms
from headgate.rollout.from_spec import strategy_of
from headgate.rollout.plan import AllAtOnce, Approve, Canary, Step, compile_plan
from headgate.spec import Environment, Project

CAPTURES = "capture"
"""Where in an environment's bucket captures go."""


class NoWayBack(Refused):
    """There is no earlier version to go back to."""


def place_of(project: Project, environment: str) -> Place:
    """Where the project goes in an environment, and how large."""
    wanted = project.spec.environments[environment]
    capture = _capture(project, environment, wanted) if wanted.capture else {}
    size = wanted.hosting.serverless if wanted.target == "aws" else None
    return Place(
        project.name,
        environment,
        wanted.instances.type,
        wanted.instances.count,
        capture,
        route=project.spec.route or "" if wanted.target == "local" else "",  # on AWS it is the front door's
        serverless=Serverless(size.memory, size.concurrency) if size else None,
        tags=wanted.tags,
    )


def _capture(project: Project, environment: str, wanted: Environment) -> Mapping[str, str]:
    assert wanted.capture is not None
    if wanted.target == "local":
        return wanted.capture.variables(project.root, project.store)
    if wanted.capture.to is not None and not wanted.capture.to.startswith("s3://"):
        raise UsageError(
            f"environments/{environment}/capture/to is a folder of this machine; on AWS it should be s3://bucket/prefix.",
            hint="Leave it out: the environment's own bucket is taken.",
        )
    bucket = names.bucket(project.name, environment, wanted.account or "", wanted.region or "")
    own = wanted.capture.variables(project.root, project.store)
    return {**own, "HEADGATE_CAPTURE": wanted.capture.to or f"s3://{bucket}/{CAPTURES}"}


def rollout_terms(
    project: Project,
    environment: str,
    version: ModelVersion,
    connection: Connection,
    rollouts: Rollouts,
    *,
    at_once: bool = False,
) -> Terms:
    """What rolling this version out takes. `at_once` overrides the spec: no canary, no comparison.

    Raises Refused where the present state forbids it: an open rollout, a version that may not be deployed, an endpoint
    that is busy or not ours; RunsAlready for a version that runs already.
    """
    endpoints, place = Endpoints(connection), place_of(project, environment)
    number = rollouts.next_number()
    current, tags = _usable(endpoints, place)
    strategy, approve = strategy_of(project.spec.environments[environment])
    if at_once or current is None or place.serverless is not None:
        strategy = AllAtOnce()  # where nothing runs, or only one variant may, there is nothing to compare with
    steps = compile_plan(strategy, approve=approve)
    require_approval(version, steps)
    if current is not None and current.config_name == of(version, place).config:
        raise RunsAlready(
            f"{place.endpoint} runs version {version.number} already.", hint="`headgate train` makes a new candidate."
        )
    before = current.config_name if current else ""
    if before and place.serverless is not None:
        _require_serverless(endpoints, before)
    if before and isinstance(strategy, Canary):
        canary.stable_terms(endpoints, before)
    rollout = new_id(place, number)
    return terms_at(
        place,
        tags,
        number,
        rollout,
        canary.names(version, place, before, rollout),
        kind="rollout",
        version=version.number,
        config_before=before,
        refusable=project.spec.package.code is not None,
        steps=steps,
        fallback=isinstance(strategy, Canary) and strategy.fallback,
    )


def rollback_terms(
    place: Place, connection: Connection, rollouts: Rollouts, reason: str, *, refusable: bool = True
) -> Terms:
    """What going back to the last good config takes: the one that the endpoint's own pointer names.

    `refusable`: whether the model may have hooks of its own, which need not take a held-out row. Raises Refused where
    there is no such config, or a rollout is open (it is to be aborted).
    """
    endpoints, number = Endpoints(connection), rollouts.next_number()
    current, tags = _usable(endpoints, place)
    if current is None:
        raise NotFound(f"There is no endpoint {place.endpoint}.", hint="`headgate deploy` creates it.")
    pointer = tags.get(TAG_LAST_GOOD, "")
    if not pointer or pointer == current.config_name:
        raise NoWayBack(
            f"{place.endpoint} has no earlier config to go back to.", hint="`headgate deploy --version N` moves it."
        )
    endpoints.config(pointer)
    return terms_at(
        place,
        tags,
        number,
        new_id(place, number),
        canary.Pair(canary="", final=pointer),
        kind="rollback",
        version=version_in(pointer) or 0,
        config_before=current.config_name,
        refusable=refusable,
        reason=sentence(reason),
    )


def _usable(endpoints: Endpoints, place: Place) -> tuple[EndpointState | None, Mapping[str, str]]:
    """The endpoint and its tags, if a rollout may start on it; None where there is none yet."""
    current = endpoints.find(place.endpoint)
    if current is None:
        return None, {}
    tags = endpoints.tags(current.arn)
    if tags.get(TAG_PROJECT) != place.project:
        raise Refused(
            f"Endpoint {current.name} does not belong to project {place.project}.",
            hint="Choose another project name or environment in headgate.yaml, or delete that endpoint.",
        )
    if TAG_ROLLOUT in tags:
        raise Refused(
            f"Rollout {tags[TAG_ROLLOUT]} is under way on {current.name}, started from another folder.",
            hint=f"End it there; where it is lost, take the tag {TAG_ROLLOUT} off the endpoint.",
        )
    if current.status != "InService":
        raise Refused(f"Endpoint {current.name} is {current.status}.", hint="Wait, or `headgate deploy` a new version.")
    return current, tags


def _require_serverless(endpoints: Endpoints, config: str) -> None:
    if any(variant.serverless is None for variant in endpoints.config(config)):
        raise Refused(
            f"{config} runs on instances, and AWS moves no endpoint from there to serverless.",
            hint="Keep `hosting: {realtime: {}}`, or use another environment.",
        )


def require_approval(version: ModelVersion, steps: tuple[Step, ...]) -> None:
    """Raises Refused for a version that nobody approved, unless the steps wait for somebody who does."""
    asks = any(isinstance(step, Approve) for step in steps)
    if version.status == "Approved" or (asks and version.status == "PendingManualApproval"):
        return
    waiting = version.status == "PendingManualApproval"
    raise Refused(
        f"Version {version.number} of {version.project} is {version.status}; only an Approved version is rolled out.",
        hint=f"`headgate approve {version.number}`" if waiting else "Roll out another version, or approve this one.",
    )


def new_id(place: Place, number: int) -> str:
    """What the rollout of this number is called."""
    return f"{place.endpoint}-{number}-{secrets.token_hex(4)}"


def terms_at(
    place: Place,
    tags: Mapping[str, str],
    number: int,
    rollout: str,
    pair: canary.Pair,
    *,
    kind: Kind,
    version: int,
    config_before: str,
    refusable: bool,
    steps: tuple[Step, ...] = (),
    fallback: bool = False,
    reason: str = "",
) -> Terms:
    """The terms of what starts on an endpoint, or a function, with these tags."""
    return Terms(
        kind=kind,
        id=rollout,
        project=place.project,
        environment=place.environment,
        endpoint=place.endpoint,
        number=number,
        generation=int(tags.get(canary.TAG_GENERATION, "0")) + 1,
        version=version,
        version_before=version_in(config_before) or 0,
        config_before=config_before,
        pointer_before=tags.get(TAG_LAST_GOOD, ""),
        canary_config=pair.canary,
        final_config=pair.final,
        instance_type=place.instance_type,
        instances=place.instances,
        fallback=fallback,
        probe_refusable=refusable,
        steps=steps,
        reason=reason,
        variables=place.variables,
        route=place.route,
        serverless=place.serverless,
        tags=place.tags,
    )
