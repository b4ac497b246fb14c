"""What of an environment is in its account now, and what follows from it: whose it is, and what is there too much.

headgate.yaml says what an environment should have. What it once had is known from the account alone: whoever takes a
section out of headgate.yaml does not think of the stack that was made of it.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from headgate.core.stacks import StackState
from headgate.errors import Refused
from headgate.infra.outline import KNOWN, outline
from headgate.infra.site import Site


@dataclass(frozen=True, slots=True)
class Present:
    """The stacks that there are, by their ids, and the tags of the endpoint of this name; None where there is none."""

    stacks: Mapping[str, StackState] = field(default_factory=dict)
    endpoint: Mapping[str, str] | None = None


def everything(site: Site) -> Present:
    """All that there could be, for where nobody can be asked."""
    return Present({key: StackState(site.stack(key), "", "", tags=site.owner) for key in KNOWN}, site.owner)


def require_own(site: Site, present: Present) -> None:
    """Raises Refused where the stacks are those of another project or environment, or of somebody else.

    Names are joined with a hyphen, so that project `news`, environment `category-cloud` and project `news-category`,
    environment `cloud` have the same.
    """
    for stack in present.stacks.values():
        if stack.empty or _own(site, stack.tags):
            continue
        project, environment = (stack.tags.get(key) for key in site.owner)
        other = f"project {project}, environment {environment}" if project else "nobody that its tags tell"
        raise Refused(
            f"The stack {stack.name} in account {site.account} is of {other}, and this is project {site.project}, "
            f"environment {site.environment}. Nothing was changed.",
            hint=f"Both have the names {site.prefix}-...: rename the project or the environment in headgate.yaml.",
        )


def has_own_endpoint(site: Site, present: Present) -> bool:
    """Whether there is an endpoint, and one of the environment's: others may have given theirs the same name."""
    return present.endpoint is not None and _own(site, present.endpoint)


def unwanted(site: Site, present: Present) -> Present:
    """What headgate.yaml does not ask for any more."""
    wanted = {stack.id for stack in outline(site)}
    stacks = {key: state for key, state in present.stacks.items() if key not in wanted}
    left = has_own_endpoint(site, present) and not site.has_endpoint
    return Present(stacks, present.endpoint if left else None)


def named(site: Site, present: Present) -> list[str]:
    """What there is, in words."""
    found = [f"stack {site.stack(key)}" for key in in_order(present.stacks)]
    return found if present.endpoint is None else [*found, f"endpoint {site.prefix}"]


def in_order(stacks: Iterable[str]) -> list[str]:
    """Ids of stacks, each after those that it needs."""
    there = {*stacks}
    return [key for key in KNOWN if key in there]


def _own(site: Site, tags: Mapping[str, str]) -> bool:
    return all(tags.get(key) == value for key, value in site.owner.items())
