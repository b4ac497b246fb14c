"""What the gateway is told, and nothing else: its place, clusters of model servers, and how traffic is split."""

from dataclasses import dataclass
from pathlib import Path

from headgate.core.routes import INVOCATIONS


@dataclass(frozen=True, slots=True)
class Place:
    """Where one gateway listens and keeps its files, and in whose name it answers.

    `socket` is the admin socket (at most 107 bytes). `timeout` is seconds from the last byte of a request to the end
    of its answer, retries included.
    """

    port: int
    folder: Path
    socket: Path
    access_log: Path
    account: str
    region: str
    timeout: float = 60.0

    @property
    def bootstrap(self) -> Path:
        """Envoy's start-up file."""
        return self.folder / "bootstrap.json"

    @property
    def clusters(self) -> Path:
        """The CDS file."""
        return self.folder / "clusters.json"

    @property
    def routes(self) -> Path:
        """The RDS file."""
        return self.folder / "routes.json"

    @property
    def attempts(self) -> Path:
        """The attempt log."""
        return self.folder / "attempts.jsonl"


def variant_of(cluster: str) -> str:
    """The variant in a cluster's name, `<endpoint>/<variant>/<digest>`."""
    parts = cluster.split("/")
    return parts[1] if len(parts) == 3 else cluster


@dataclass(frozen=True, slots=True)
class Cluster:
    """Interchangeable model servers. A cluster never changes: another set of addresses is another cluster.

    `addresses` are `unix:/path/to.sock` or `127.0.0.1:port`. Those of `fallback` belong to the variant
    `fallback_variant`; they get what the others failed to answer, and everything while none of the others is healthy.
    """

    name: str
    addresses: tuple[str, ...]
    fallback: tuple[str, ...] = ()
    fallback_variant: str = ""

    @property
    def variant(self) -> str:
        """Whose servers these are."""
        return variant_of(self.name)

    @property
    def all_addresses(self) -> tuple[str, ...]:
        """Its own and those of its fallback."""
        return self.addresses + self.fallback


@dataclass(frozen=True, slots=True)
class VariantRoute:
    """One production variant of an endpoint: where it lives and its relative weight (0 is allowed)."""

    variant: str
    cluster: str
    weight: float
    try_seconds: float | None = None
    """Where `cluster` has a fallback: how long an attempt may take before the fallback is asked."""
    named_cluster: str = ""
    """Where requests that name the variant go, if not to `cluster`: its own servers, without the fallback."""

    @property
    def clusters(self) -> frozenset[str]:
        """All clusters that requests are sent to."""
        return frozenset({self.cluster, self.named_cluster or self.cluster})


@dataclass(frozen=True, slots=True)
class EndpointRoutes:
    """How one endpoint's traffic is split. `variants` stand in the order of the endpoint config."""

    endpoint: str
    variants: tuple[VariantRoute, ...]
    route: str = ""
    """A path of its own, where requests come to it as well."""

    @property
    def paths(self) -> tuple[str, ...]:
        """Where it is asked."""
        invocations = INVOCATIONS.format(self.endpoint)
        return (invocations, self.route) if self.route else (invocations,)

    @property
    def clusters(self) -> frozenset[str]:
        """All clusters that its requests are sent to."""
        return frozenset().union(*(variant.clusters for variant in self.variants))
