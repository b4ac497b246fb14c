"""What the gateway is told, and nothing else: clusters of model servers, and how each endpoint's traffic is split."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Cluster:
    """Interchangeable model servers. A cluster never changes: another set of addresses is another cluster.

    `addresses` are `unix:/path/to.sock` or `127.0.0.1:port`.
    """

    name: str
    addresses: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class VariantRoute:
    """One production variant of an endpoint: where it lives and its relative weight (0 is allowed)."""

    variant: str
    cluster: str
    weight: float


@dataclass(frozen=True, slots=True)
class EndpointRoutes:
    """How one endpoint's traffic is split. `variants` stand in the order of the endpoint config."""

    endpoint: str
    variants: tuple[VariantRoute, ...]
