"""A fleet: the private copy of one endpoint config and its models that an endpoint runs or moves to."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from headgate.core.digest import digest_json


@dataclass(frozen=True, slots=True)
class Variant:
    """One production variant: a model, how many instances of it, and its relative share of the traffic."""

    name: str
    model_name: str
    image: str
    model_data_url: str = ""
    environment: Mapping[str, str] = field(default_factory=dict)
    instance_type: str = ""
    instance_count: int = 1
    weight: float = 1.0
    startup_seconds: int = 240
    """How long `/ping` may take to answer 200 (ContainerStartupHealthCheckTimeoutInSeconds)."""
    serverless: Mapping[str, int] | None = None
    """The ServerlessConfig, where there is one: such a variant has one instance, and shows none."""

    @property
    def kind(self) -> str:
        """Equal for instances that may stand in for one another: same variant, image, artifact and environment."""
        same = [self.name, self.image, self.model_data_url, dict(self.environment), self.instance_type]
        return digest_json(same)[:12]


@dataclass(frozen=True, slots=True)
class Fleet:
    """An endpoint config as it was when it was deployed, with the weights and counts in force."""

    config_name: str
    variants: tuple[Variant, ...]

    def with_weights(self, weights: Mapping[str, float], counts: Mapping[str, int]) -> "Fleet":
        """The same fleet with some weights and instance counts changed."""
        changed = tuple(
            replace(v, weight=weights.get(v.name, v.weight), instance_count=counts.get(v.name, v.instance_count))
            for v in self.variants
        )
        return replace(self, variants=changed)

    def to_json(self) -> dict[str, Any]:
        """A JSON document; `from_json` reads it back."""
        return asdict(self)

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> "Fleet":
        """Read what `to_json` wrote."""
        return cls(document["config_name"], tuple(Variant(**v) for v in document["variants"]))
