"""Putting one model version behind one endpoint, all at once.

Plan, then act: `plan` only looks, and returns a frozen `Deployment` whose `steps` a dry run prints; `carry_out` takes
these steps in order. Models and configs are named by version and content, so a step that was taken before (by a run
that was cut short) is found done, and an existing config is never changed. The config that was in force is recorded on
the endpoint (`headgate:last-good`) before the change is asked for: rolling back follows this pointer, never "the newest
other config". Old models and configs stay.
"""

import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Literal

from headgate.core.digest import digest_json
from headgate.core.endpoints import EndpointState, Serverless, VariantTerms, endpoint_name
from headgate.core.progress import Progress
from headgate.core.versions import ModelVersion
from headgate.errors import Refused
from headgate.hosting.endpoints import WAIT_SECONDS, Endpoints
from headgate.hosting.routes import TAG_ROUTE, claim_route, route_owner, route_step

VARIANT = "stable"
TAG_PROJECT = "headgate:project"
TAG_ENVIRONMENT = "headgate:environment"
TAG_VERSION = "headgate:version"
TAG_LAST_GOOD = "headgate:last-good"
TAG_ROLLOUT = "headgate:rollout"
"""Which rollout is under way on the endpoint."""

NAME_LIMIT = 63

Change = Literal["create", "update", "replace", "none"]
"""`replace`: the endpoint Failed and serves nothing, and neither AWS nor the engine updates such a one."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a version goes, and how large. `variables` are for the environment of its model servers."""

    project: str
    environment: str
    instance_type: str
    instances: int
    variables: Mapping[str, str] = field(default_factory=dict)
    route: str = ""
    """A path of its own at the gateway; empty for none."""
    serverless: Serverless | None = None
    """On AWS, instead of instances."""
    tags: Mapping[str, str] = field(default_factory=dict)
    """The environment's own: whose cost it is. They change nothing that answers, and so no name."""

    @property
    def endpoint(self) -> str:
        """The endpoint's name."""
        return endpoint_name(self.project, self.environment)

    @property
    def marks(self) -> dict[str, str]:
        """The tags of whatever a release makes: the environment's own, and whose it is."""
        return {**self.tags, TAG_PROJECT: self.project, TAG_ENVIRONMENT: self.environment}


@dataclass(frozen=True, slots=True)
class Deployment:
    """What will be done. `last_good` is the config in force now, or empty."""

    place: Place
    version: ModelVersion
    model: str
    config: str
    container_environment: Mapping[str, str]
    change: Change
    endpoint_arn: str = ""
    last_good: str = ""
    route_before: str = ""
    route_owner: str = ""
    """The endpoint that has the place's route now, be it this one, another one or none."""

    @property
    def steps(self) -> tuple[str, ...]:
        """The steps in words, in order."""
        endpoint = self.place.endpoint
        own_path = route_step(self.place.route, self.route_before, self.route_owner, endpoint)
        last = (own_path,) if own_path else ()
        if self.change == "none":
            return last
        serverless, count = self.place.serverless, f"{self.place.instances} x {self.place.instance_type}"
        if serverless is not None:
            count = f"serverless, {serverless.memory} MB, {serverless.concurrency} at a time"
        return (
            f"create model {self.model} from {self.version.model_data_url}",
            f"create endpoint config {self.config} (variant {VARIANT}, {count})",
            *([f"delete endpoint {endpoint}, which failed and serves nothing"] if self.change == "replace" else []),
            f"move endpoint {endpoint} from {self.last_good} to {self.config}"
            if self.change == "update"
            else f"create endpoint {endpoint} on {self.config}",
            f"wait until {endpoint} is InService on {self.config}",
            *last,
        )


def plan(endpoints: Endpoints, version: ModelVersion, place: Place) -> Deployment:
    """What it takes, from what is there now.

    Raises Refused for a version that nobody approved, for an endpoint of another project, and while it is changing.
    """
    if version.status != "Approved":
        waiting = version.status == "PendingManualApproval"
        raise Refused(
            f"Version {version.number} of {version.project} is {version.status}; only an Approved version is deployed.",
            hint=f"`headgate approve {version.number}`" if waiting else "Deploy another version, or approve this one.",
        )
    current = endpoints.find(place.endpoint)
    wanted = replace(of(version, place), route_owner=route_owner(endpoints, place.route))
    if current is None:
        return wanted
    return _onto(wanted, current, endpoints.tags(current.arn))


def of(version: ModelVersion, place: Place, variant: str = VARIANT) -> Deployment:
    """A version as one variant of a place, as if nothing were there. Model and config are named by their content."""
    here = {"HEADGATE_ENDPOINT": place.endpoint, "HEADGATE_VARIANT": variant}
    environment = {**version.environment, **place.variables, **here}
    content = [version.image, version.model_data_url, environment]
    model = named(place, version.number, content)
    size = asdict(place.serverless) if place.serverless else [place.instance_type, place.instances]
    config = named(place, version.number, [content, *([size] if place.serverless else size)])
    return Deployment(place, version, model, config, environment, "create")


def alone(model: str, place: Place) -> VariantTerms:
    """A model as the only variant of a place."""
    return VariantTerms(VARIANT, model, place.instance_type, place.instances, 1, place.serverless)


def named(place: Place, version: int, content: object) -> str:
    """A name for what has this content: endpoint, version, digest."""
    tail = f"-v{version}-{digest_json(content)[:8]}"
    return place.endpoint[: NAME_LIMIT - len(tail)].rstrip("-") + tail


def version_in(config_name: str) -> int | None:
    """The version that a config of ours runs as its stable variant, by its name; None for another's config."""
    found = re.search(r"-v([0-9]{1,9})-[0-9a-f]{8}$", config_name)
    return int(found[1]) if found else None


def carry_out(
    endpoints: Endpoints, deployment: Deployment, progress: Progress, *, seconds: float = WAIT_SECONDS
) -> EndpointState:
    """Take the steps. Returns the endpoint, InService on the wanted config; raises as `Endpoints.wait` does."""
    place, version, config = deployment.place, deployment.version, deployment.config
    tags = {**place.marks, TAG_VERSION: str(version.number)}
    if deployment.change != "none":
        progress(f"creating model and config {config}", None)
        endpoints.create_model(deployment.model, version, deployment.container_environment, place.marks)
        endpoints.create_config(config, [alone(deployment.model, place)], place.marks)
    match deployment.change:
        case "update":
            endpoints.tag(deployment.endpoint_arn, {TAG_LAST_GOOD: deployment.last_good})
            endpoints.update(place.endpoint, config)
        case "create":
            endpoints.create(place.endpoint, config, tags)
        case "replace":
            endpoints.delete(place.endpoint)
            endpoints.wait_gone(place.endpoint, progress)
            endpoints.create(place.endpoint, config, tags)
        case "none":
            pass
    state = endpoints.wait(place.endpoint, config, progress, seconds=seconds)
    endpoints.tag(state.arn, tags)  # after the wait: until then the version in force is the old one
    claim_route(endpoints, state, place.route)
    return state


def owned_by(endpoints: Endpoints, project: str) -> list[EndpointState]:
    """The endpoints that Headgate made for this project."""
    return [state for state in endpoints.list() if endpoints.tags(state.arn).get(TAG_PROJECT) == project]


def _onto(wanted: Deployment, current: EndpointState, tags: Mapping[str, str]) -> Deployment:
    owner = tags.get(TAG_PROJECT)
    if owner != wanted.place.project:
        whose = f"project {owner}" if owner else f"somebody else (it has no {TAG_PROJECT} tag)"
        raise Refused(
            f"Endpoint {current.name} belongs to {whose}.",
            hint="Choose another project name or environment in headgate.yaml, or delete that endpoint.",
        )
    if TAG_ROLLOUT in tags:
        raise Refused(
            f"Rollout {tags[TAG_ROLLOUT]} is under way on {current.name}.",
            hint=f"End it where it was started; where it is lost, take the tag {TAG_ROLLOUT} off the endpoint.",
        )
    if not current.settled:
        raise Refused(
            f"Endpoint {current.name} is {current.status}.", hint="Wait for it to settle: `headgate status` shows when."
        )
    change: Change = "none" if current.config_name == wanted.config else "update"
    if current.status == "Failed":
        change = "replace"
    found = replace(wanted, change=change, endpoint_arn=current.arn, last_good=current.config_name)
    if change == "replace":  # its path goes with it
        return replace(found, route_owner="" if found.route_owner == current.name else found.route_owner)
    return replace(found, route_before=tags.get(TAG_ROUTE, ""))
