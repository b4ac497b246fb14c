"""The terms of a new rollout or rollback, from headgate.yaml and what is there. Only looks: `Rollouts.start` writes."""

import secrets

from headgate.core.endpoints import EndpointState
from headgate.core.versions import ModelVersion
from headgate.data.store import Store
from headgate.errors import NotFound, Refused
from headgate.hosting import canary
from headgate.hosting.deployment import TAG_LAST_GOOD, TAG_PROJECT, Place, of, version_in
from headgate.hosting.endpoints import Endpoints
from headgate.hosting.registry import Registry
from headgate.hosting.session import Connection
from headgate.pipeline.rollouts import Rollouts
from headgate.pipeline.terms import Kind, Terms
from headgate.rollout.from_spec import strategy_of
from headgate.rollout.plan import AllAtOnce, Approve, Canary, Step, Strategy, compile_plan
from headgate.spec import Project


def place_of(project: Project, environment: str) -> Place:
    """Where the project goes in an environment, and how large."""
    instances = project.spec.environments[environment].instances
    return Place(project.name, environment, instances.type, instances.count)


def rollout_terms(
    project: Project, environment: str, version: ModelVersion, connection: Connection, *, at_once: bool = False
) -> Terms:
    """What rolling this version out takes. `at_once` overrides the spec: no canary, no comparison.

    Raises Refused where the present state forbids it: an open rollout, a version that may not be deployed or runs
    already, an endpoint that is busy or not ours.
    """
    endpoints, place = Endpoints(connection), place_of(project, environment)
    number = rollouts_of(project, environment).next_number()
    current = _usable(endpoints, place)
    strategy, approve = strategy_of(project.spec.environments[environment])
    if at_once or current is None:
        strategy = AllAtOnce()  # where nothing runs there is nothing to compare with
    steps = compile_plan(strategy, approve=approve)
    _require_approval(version, steps)
    if current is not None and current.config_name == of(version, place).config:
        raise Refused(
            f"{place.endpoint} runs version {version.number} already.", hint="`headgate train` makes a new candidate."
        )
    before = current.config_name if current else ""
    if before and isinstance(strategy, Canary):
        canary.stable_terms(endpoints, before)
    rollout = f"{place.endpoint}-{number}-{secrets.token_hex(4)}"
    pair = canary.names(version, place, before, rollout)
    return _terms(
        "rollout", project, place, version.number, current, endpoints, number, rollout,
        canary_config=pair.canary, final_config=pair.final, steps=steps, strategy=strategy,
    )  # fmt: skip


def rollback_terms(project: Project, environment: str, connection: Connection, reason: str) -> Terms:
    """What going back to the last good config takes: the one that the endpoint's own pointer names.

    Raises Refused where there is no such config, or a rollout is open (it is to be aborted).
    """
    endpoints, place = Endpoints(connection), place_of(project, environment)
    number = rollouts_of(project, environment).next_number()
    current = _usable(endpoints, place)
    if current is None:
        raise NotFound(f"There is no endpoint {place.endpoint}.", hint="`headgate deploy` creates it.")
    pointer = endpoints.tags(current.arn).get(TAG_LAST_GOOD, "")
    if not pointer or pointer == current.config_name:
        raise Refused(
            f"{place.endpoint} has no earlier config to go back to.", hint="`headgate deploy --version N` moves it."
        )
    endpoints.config(pointer)
    rollout = f"{place.endpoint}-{number}-{secrets.token_hex(4)}"
    return _terms(
        "rollback", project, place, version_in(pointer) or 0, current, endpoints, number, rollout,
        canary_config="", final_config=pointer, steps=(), strategy=AllAtOnce(), reason=reason,
    )  # fmt: skip


def rollouts_of(project: Project, environment: str) -> Rollouts:
    """The rollouts of the project in an environment."""
    return Rollouts(Store(project.store), environment)


def _usable(endpoints: Endpoints, place: Place) -> EndpointState | None:
    """The endpoint, if a rollout may start on it; None where there is none yet."""
    current = endpoints.find(place.endpoint)
    if current is None:
        return None
    tags = endpoints.tags(current.arn)
    if tags.get(TAG_PROJECT) != place.project:
        raise Refused(
            f"Endpoint {current.name} does not belong to project {place.project}.",
            hint="Choose another project name or environment in headgate.yaml, or delete that endpoint.",
        )
    if canary.TAG_ROLLOUT in tags:
        raise Refused(
            f"Rollout {tags[canary.TAG_ROLLOUT]} is under way on {current.name}, started from another folder.",
            hint=f"End it there; where it is lost, take the tag {canary.TAG_ROLLOUT} off the endpoint.",
        )
    if current.status != "InService":
        raise Refused(f"Endpoint {current.name} is {current.status}.", hint="Wait, or `headgate deploy` a new version.")
    return current


def _require_approval(version: ModelVersion, steps: tuple[Step, ...]) -> None:
    asks = any(isinstance(step, Approve) for step in steps)
    if version.status == "Approved" or (asks and version.status == "PendingManualApproval"):
        return
    waiting = version.status == "PendingManualApproval"
    raise Refused(
        f"Version {version.number} of {version.project} is {version.status}; only an Approved version is rolled out.",
        hint=f"`headgate approve {version.number}`" if waiting else "Roll out another version, or approve this one.",
    )


def _terms(
    kind: Kind,
    project: Project,
    place: Place,
    version: int,
    current: EndpointState | None,
    endpoints: Endpoints,
    number: int,
    rollout: str,
    *,
    canary_config: str,
    final_config: str,
    steps: tuple[Step, ...],
    strategy: Strategy,
    reason: str = "",
) -> Terms:
    tags = endpoints.tags(current.arn) if current else {}
    before = current.config_name if current else ""
    return Terms(
        kind=kind,
        id=rollout,
        project=place.project,
        environment=place.environment,
        endpoint=place.endpoint,
        number=number,
        generation=int(tags.get(canary.TAG_GENERATION, "0")) + 1,
        version=version,
        version_before=version_in(before) or 0,
        config_before=before,
        pointer_before=tags.get(TAG_LAST_GOOD, ""),
        canary_config=canary_config,
        final_config=final_config,
        instance_type=place.instance_type,
        instances=place.instances,
        fallback=isinstance(strategy, Canary) and strategy.fallback,
        probe_refusable=project.spec.package.code is not None,
        steps=steps,
        reason=reason,
    )
