"""What is removed, and in which order.

    executions, machine, delivery     what could make an endpoint, or move it, while it is being deleted
    the endpoint                      with its configs and models; it is in no stack
    github, front, function, watch    what else answers, and what watches
    bucket, images, versions, base    the data and what holds it, and only where that is asked for

SageMaker wants the role that a model runs as until the endpoint is gone, so that the endpoint goes long before `base`.
Without --delete-data `base` stays with what is in it. The same command can be given again, be it to go on or for more.
"""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Literal

from headgate.core import names
from headgate.infra.site import Site

Kind = Literal["executions", "endpoint", "stacks", "bucket", "images", "versions"]

STEERING = ("machine", "delivery")
OTHERS = ("github", "front", "function", "watch")


@dataclass(frozen=True, slots=True)
class Step:
    """One step: what kind it is, what it is taken on, and how it is said."""

    kind: Kind
    things: tuple[str, ...]
    said: str


def steps(site: Site, stacks: Collection[str], *, endpoint: bool, delete_data: bool) -> list[Step]:
    """The steps, for the stacks of these ids.

    `endpoint`: whether it goes. It is tried also where nobody has seen one: a former `hosting` may have left its
    configs and models, and no endpoint is no error.
    """
    found = _stacks(site, STEERING, stacks)
    if "machine" in stacks:  # it would live on, for an hour at most, until an execution that waits for a person looks
        found.insert(0, Step("executions", (site.machine_arn,), "stop what the state machine is carrying out"))
    if endpoint:
        those = "" if site.has_endpoint else ", if a former `hosting` left any"
        found.append(
            Step("endpoint", (site.prefix,), f"delete endpoint {site.prefix}, its configs and its models{those}")
        )
    found += _stacks(site, OTHERS, stacks)
    if not delete_data or "base" not in stacks:
        return found
    group = names.group(site.project, site.environment)
    return [
        *found,
        Step("bucket", (site.bucket,), f"delete every version of every object in {site.bucket}"),
        Step("images", (site.repository,), f"delete every image in {site.repository}"),
        Step("versions", (group,), f"delete every model version in {group}"),
        *_stacks(site, ("base",), stacks),
    ]


def kept(site: Site, stacks: Collection[str], *, delete_data: bool) -> list[str]:
    """What stays of the environment when these stacks go, and what does not, in words."""
    going = [stack for stack in stacks if delete_data or stack != "base"]
    found = ["what these stacks have logged in CloudWatch goes with them"] if going else []
    if "base" in stacks and not delete_data:
        log = " and the endpoint's log" if site.has_endpoint else ""
        data = f"bucket {site.bucket}, images, versions, key{log}"
        found.append(f"{site.stack('base')} stays, with {data}; --delete-data removes them")
        found.append(
            "a rollout that is open stays open, as its log is in the bucket; after the next `headgate infra deploy`, "
            f"`headgate rollout abort --env {site.environment}` ends it"
        )
    elif "base" in stacks:
        found.append("the key is deleted 30 days from now; until then it can be brought back")
    if "front" in stacks:
        found.append("the role by which API Gateway logs in this region stays, as other APIs may rely on it")
    if "github" in stacks:
        found.append("the provider of GitHub's tokens stays, if this environment made it")
    return found


def _stacks(site: Site, group: tuple[str, ...], there: Collection[str]) -> list[Step]:
    """One step for those of a group that are there."""
    taken = tuple(stack for stack in group if stack in there)
    if not taken:
        return []
    said = f"delete the stack{'s' if len(taken) > 1 else ''} {', '.join(map(site.stack, taken))}"
    return [Step("stacks", taken, said)]
