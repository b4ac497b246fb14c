"""Which stacks an environment has, and what each is told: known without the CDK, so that a dry run needs none."""

from dataclasses import dataclass

from headgate.infra.site import Site

DELIVERY_IMAGE, MODEL_IMAGE, GITHUB_PROVIDER = "DeliveryImage", "ModelImage", "GitHubProvider"
IMAGES = (DELIVERY_IMAGE, MODEL_IMAGE)
"""The parameters without a default."""
KNOWN = ("base", "watch", "delivery", "machine", "function", "front", "github")
"""The ids of all stacks that an environment may have, or may have had before headgate.yaml was changed, each after
those that it needs. Only what is looked for is removed."""


@dataclass(frozen=True, slots=True)
class Outline:
    """One stack: its id in the app, its name in the account, the ids of those that come first, its parameters."""

    id: str
    name: str
    after: tuple[str, ...] = ()
    parameters: tuple[str, ...] = ()


def outline(site: Site) -> list[Outline]:
    """The stacks of an environment, each after those that it needs."""

    def stack(purpose: str, after: tuple[str, ...], parameters: tuple[str, ...] = ()) -> Outline:
        return Outline(purpose, site.stack(purpose), after, parameters)

    found = [stack("base", ()), stack("watch", ("base",))]
    found += [stack("delivery", ("watch",), (DELIVERY_IMAGE,)), stack("machine", ("delivery",))]
    if not site.has_endpoint:
        found.append(stack("function", ("base",), (MODEL_IMAGE,)))
    if site.settings.front and site.has_endpoint:
        found.append(stack("front", ("base",), (DELIVERY_IMAGE,)))
    elif site.settings.front:
        found.append(stack("front", ("base", "function")))
    if site.github:
        found.append(stack("github", ("base",), (GITHUB_PROVIDER,)))
    return found
