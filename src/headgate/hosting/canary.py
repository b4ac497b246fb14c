"""A rollout in SageMaker's terms: what is asked of the control API for each step, and which tags say whose it is.

    start      UpdateEndpoint to {stable: as it is, canary: the new version at weight 0}
    shift      UpdateEndpointWeightsAndCapacities, absolute weights of a sum of 100
    promote    UpdateEndpoint to {stable: the new version}, instance counts kept
    go back    weight 0 for the canary at once, then UpdateEndpoint to the config from before, by its name

Variant names never change. Each call may be made again: names say what is in them, and weights are absolute. While a
rollout is open the endpoint carries its id; on Headgate's engine, callers of a failing canary get the stable variant's
answer where the fallback tag says so.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from headgate.core.endpoints import EndpointState, VariantTerms
from headgate.core.versions import ModelVersion
from headgate.errors import Refused
from headgate.hosting.deployment import TAG_LAST_GOOD, TAG_ROLLOUT, VARIANT, Place, alone, named, of
from headgate.hosting.endpoints import Endpoints

CANARY = "canary"
WHOLE = 100.0
TAG_GENERATION = "headgate:generation"
TAG_FALLBACK = "headgate:fallback"
TAG_TRY_SECONDS = "headgate:try-seconds"
_SEPARATOR = re.compile("[:/]")


class Tagged(Protocol):
    """What keeps tags: endpoints, and functions."""

    def tags(self, arn: str) -> dict[str, str]:
        """All tags."""

    def tag(self, arn: str, tags: Mapping[str, str]) -> None:
        """Add or overwrite some."""

    def untag(self, arn: str, keys: Sequence[str]) -> None:
        """Take some away."""


@dataclass(frozen=True, slots=True)
class Pair:
    """The two configs of a rollout, by name: stable beside canary, and the new version alone."""

    canary: str
    final: str


def names(version: ModelVersion, place: Place, config_before: str, rollout: str) -> Pair:
    """What the configs of a rollout are called. The canary's is its own: no other rollout makes one of this name."""
    final = of(version, place).config
    return Pair(named(place, version.number, [rollout, config_before, final, CANARY]), final)


def stable_terms(endpoints: Endpoints, config: str) -> VariantTerms:
    """The one variant of a config. Raises Refused where it is not ours to put a canary beside."""
    variants = endpoints.config(config)
    if [variant.name for variant in variants] != [VARIANT]:
        found = ", ".join(variant.name for variant in variants)
        raise Refused(
            f"Config {config} has the variants {found}; a rollout starts from one that is called {VARIANT}.",
            hint="`headgate deploy` brings the endpoint there.",
        )
    return variants[0]


def create_pair(endpoints: Endpoints, version: ModelVersion, place: Place, config_before: str, pair: Pair) -> None:
    """The models and configs of a rollout; what exists is left as it is."""
    create_final(endpoints, version, place)
    stable = stable_terms(endpoints, config_before)
    canary = of(version, place, CANARY)
    endpoints.create_model(canary.model, version, canary.container_environment, place.marks)
    before = VariantTerms(VARIANT, stable.model, stable.instance_type, stable.instances, WHOLE)
    beside = VariantTerms(CANARY, canary.model, place.instance_type, place.instances, 0)
    endpoints.create_config(pair.canary, [before, beside], place.marks)


def create_final(endpoints: Endpoints, version: ModelVersion, place: Place) -> None:
    """Model and config of the new version alone."""
    final = of(version, place)
    endpoints.create_model(final.model, version, final.container_environment, place.marks)
    endpoints.create_config(final.config, [alone(final.model, place)], place.marks)


def shift(endpoints: Endpoints, endpoint: str, percent: float) -> None:
    """Give the canary this much of the traffic."""
    endpoints.set_weights(endpoint, {VARIANT: WHOLE - percent, CANARY: percent})


def canary_percent(state: EndpointState) -> float | None:
    """How much the canary is meant to get, in percent; None where there is none."""
    weights = {variant.name: variant.desired_weight for variant in state.variants}
    total = sum(weights.values())
    return 100.0 * weights[CANARY] / total if CANARY in weights and total else None


def claim(endpoints: Tagged, arn: str, *, rollout: str, generation: int, last_good: str) -> None:
    """Write on endpoint or function whose it is for now, and where the way back leads.

    Raises Refused where it is another's.
    """
    other = endpoints.tags(arn).get(TAG_ROLLOUT, rollout)
    if other != rollout:
        raise Refused(f"Rollout {other}, started from another folder, is under way on {_SEPARATOR.split(arn)[-1]}.")
    tags = {TAG_ROLLOUT: rollout, TAG_GENERATION: str(generation), TAG_LAST_GOOD: last_good}
    endpoints.tag(arn, tags)


def let_fall_back(endpoints: Endpoints, arn: str, try_seconds: float) -> None:
    """From now on, whatever fails at the canary is answered by the stable variant."""
    endpoints.tag(arn, {TAG_FALLBACK: VARIANT, TAG_TRY_SECONDS: f"{try_seconds:g}"})


def release(endpoints: Tagged, arn: str) -> None:
    """The endpoint belongs to no rollout any more."""
    endpoints.untag(arn, [TAG_ROLLOUT, TAG_FALLBACK, TAG_TRY_SECONDS])
