"""What is removed, and in which order: first what answers, then what watches and steers, last what everything rests on.

An endpoint is in no stack, so that it has to be deleted beside them, with its configs and models. Data is removed only
where that is asked for: then bucket, images and versions are emptied, and the stack that holds them goes as well.
Without that it stays, and the same command can be given again.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from headgate.core import names
from headgate.infra.site import Site

Kind = Literal["endpoint", "stacks", "bucket", "images", "versions"]


@dataclass(frozen=True, slots=True)
class Step:
    """One step: what kind it is, what it is taken on, and how it is said."""

    kind: Kind
    things: tuple[str, ...]
    said: str


def steps(site: Site, stacks: Sequence[str], *, delete_data: bool) -> list[Step]:
    """The steps, from the ids of the environment's stacks, each of which comes after those that it needs."""
    taken = [stack for stack in reversed(stacks) if stack != "base"]
    named = ", ".join(site.stack(stack) for stack in taken)
    found = [Step("stacks", tuple(taken), f"delete the stacks {named}")]
    if site.kind != "lambda":
        said = f"delete endpoint {site.prefix}, its configs and its models"
        found.insert(0, Step("endpoint", (site.prefix,), said))
    if not delete_data:
        return found
    group = names.group(site.project, site.environment)
    return [
        *found,
        Step("bucket", (site.bucket,), f"delete every version of every object in {site.bucket}"),
        Step("images", (site.repository,), f"delete every image in {site.repository}"),
        Step("versions", (group,), f"delete every model version in {group}"),
        Step("stacks", ("base",), f"delete the stack {site.stack('base')}"),
    ]


def kept(site: Site, *, delete_data: bool) -> list[str]:
    """What stays, in words."""
    found = []
    if not delete_data:
        data = f"bucket {site.bucket}, images, versions and key"
        found.append(f"{site.stack('base')} stays, with {data}; --delete-data removes them")
    else:
        found.append("the key is deleted 30 days from now; until then it can be brought back")
    if site.settings.front:
        found.append("the role by which API Gateway logs in this region stays, as other APIs may rely on it")
    if site.github:
        found.append("the provider of GitHub's tokens stays, if this environment made it")
    return found
