"""The model servers, as Envoy's CDS file.

A cluster with a fallback has the other variant's servers as its second priority (`fallback`).

The health check takes a hung or dead replica out of a cluster of several. It must never take out the last host: a
model server that was killed is back within a second, and requests are worth more waiting for it (routes.py: retries
with back-off) than refused. Hence the panic threshold of 1 %: with no healthy host left Envoy goes on trying them all;
and no health check for a server that is alone, because Envoy would not open its port before the first check is over:
up to two seconds for a server that is hung or busy. (A variant that falls back to another is checked all the same.)
"""

from collections.abc import Iterable
from itertools import chain
from typing import Any

from headgate.engine.gateway.attempt_log import TOLD
from headgate.engine.gateway.fallback import fallback_filters
from headgate.engine.gateway.values import Cluster
from headgate.errors import InvalidInput

MANY = 16_384
"""Circuit breakers far above any load of one machine: with Envoy's default of 3 retries at once, thousands fail."""

TYPE = "type.googleapis.com/envoy.config.cluster.v3.Cluster"
_HTTP = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions"


def render_clusters(clusters: Iterable[Cluster]) -> list[dict[str, Any]]:
    """The resources of the CDS file for these clusters."""
    return [_cluster(cluster) for cluster in sorted(clusters, key=lambda cluster: cluster.name)]


def read_clusters(resources: Iterable[dict[str, Any]]) -> list[Cluster]:
    """The clusters that `render_clusters` was given, in the order of their names."""
    return [_read(resource) for resource in resources]


def is_checked(cluster: Cluster) -> bool:
    """Whether Envoy checks the health of its servers."""
    return len(cluster.all_addresses) > 1


def read_address(address: dict[str, Any]) -> str:
    """An address as Envoy writes it, in our spelling."""
    if "pipe" in address:
        return f"unix:{address['pipe']['path']}"
    return f"{address['socket_address']['address']}:{address['socket_address']['port_value']}"


def _read(resource: dict[str, Any]) -> Cluster:
    own, *others = (group["lb_endpoints"] for group in resource["load_assignment"]["endpoints"])
    fallback = list(chain.from_iterable(others))
    variant = fallback[0]["metadata"]["filter_metadata"][TOLD]["variant"] if fallback else ""
    return Cluster(resource["name"], _addresses(own), _addresses(fallback), variant)


def _addresses(hosts: Iterable[dict[str, Any]]) -> tuple[str, ...]:
    return tuple(read_address(host["endpoint"]["address"]) for host in hosts)


def _cluster(cluster: Cluster) -> dict[str, Any]:
    groups: list[dict[str, Any]] = [{"lb_endpoints": _hosts(cluster.addresses, cluster.variant)}]
    if cluster.fallback:
        groups.append({"priority": 1, "lb_endpoints": _hosts(cluster.fallback, cluster.fallback_variant)})
    return {
        "@type": TYPE,
        "name": cluster.name,
        "type": "STATIC",
        "connect_timeout": "1s",
        "lb_policy": "LEAST_REQUEST",
        "load_assignment": {
            "cluster_name": cluster.name,
            "endpoints": groups,
            "policy": {"overprovisioning_factor": 10_000},  # one healthy server of the variant's own takes all
        },
        "common_lb_config": {"healthy_panic_threshold": {"value": 1}},
        "health_checks": [_health_check()] if is_checked(cluster) else [],
        "circuit_breakers": {
            "thresholds": [
                {
                    "max_connections": MANY,
                    "max_pending_requests": MANY,
                    "max_requests": MANY,
                    "max_retries": MANY,
                    "track_remaining": True,  # shows retries that wait, which no gauge of active requests counts
                }
            ]
        },
        "typed_extension_protocol_options": {
            _HTTP: {
                "@type": f"type.googleapis.com/{_HTTP}",
                "common_http_protocol_options": {"idle_timeout": "60s"},
                "explicit_http_config": {"http_protocol_options": {}},
                **({"http_filters": fallback_filters(cluster.variant)} if cluster.fallback else {}),
            }
        },
    }


def _hosts(addresses: Iterable[str], variant: str) -> list[dict[str, Any]]:
    told = {"filter_metadata": {TOLD: {"variant": variant}}}  # the attempt log says who answered
    return [{"endpoint": {"address": _address(address)}, "metadata": told} for address in addresses]


def _health_check() -> dict[str, Any]:
    return {
        "timeout": "2s",  # what SageMaker gives /ping
        "interval": "1s",
        "no_traffic_interval": "0.2s",  # Envoy's default is a minute
        "no_traffic_healthy_interval": "1s",
        "unhealthy_interval": "0.2s",
        "unhealthy_threshold": 3,
        "healthy_threshold": 1,
        "http_health_check": {"path": "/ping", "host": "localhost"},
    }


def _address(address: str) -> dict[str, Any]:
    if address.startswith("unix:"):
        return {"pipe": {"path": address.removeprefix("unix:")}}
    host, _, port = address.rpartition(":")
    if not host or not port.isdecimal():
        raise InvalidInput(f"{address!r} is no address of a model server.", hint="Use unix:/path or 127.0.0.1:port.")
    return {"socket_address": {"address": host, "port_value": int(port)}}
