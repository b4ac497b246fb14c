"""What a change of an endpoint leads to: the fleet that is wanted, and how the deployment configuration is taken.

A fleet is a private copy of the config and its models. Once it is written, deleting either touches nothing that runs
and nothing that a roll-back may need.
"""

from typing import Any

from headgate.engine.api.endpoint_configs import require_traffic
from headgate.engine.api.errors import ApiError, invalid, unsupported
from headgate.engine.api.models import Models, model_data_url
from headgate.engine.fleet import Fleet, Variant

STARTUP_SECONDS = 240
MOST_INSTANCES = 32
"""Of one endpoint: each is a process of this machine."""


def fleet_of(config: dict[str, Any], models: Models) -> Fleet:
    """The fleet that an endpoint config describes. Raises ApiError where one of its models is gone."""
    return checked_size(
        Fleet(config["EndpointConfigName"], tuple(_variant(v, models) for v in config["ProductionVariants"]))
    )


def checked_size(fleet: Fleet) -> Fleet:
    """The fleet itself. Raises ApiError where it is more than a machine should be asked for."""
    count = sum(variant.instance_count for variant in fleet.variants)
    if count > MOST_INSTANCES:
        raise ApiError(
            "ResourceLimitExceeded",
            f"The variants of the endpoint ask for {count} instances together. The Headgate engine runs at most "
            f"{MOST_INSTANCES} for one endpoint: each is a process of this machine. Ask for fewer.",
        )
    return fleet


def _variant(variant: dict[str, Any], models: Models) -> Variant:
    container = models.container(variant["ModelName"])
    return Variant(
        name=variant["VariantName"],
        model_name=variant["ModelName"],
        image=container["Image"],
        model_data_url=model_data_url(container),
        environment=container.get("Environment", {}),
        instance_type=variant.get("InstanceType", ""),
        instance_count=variant.get("InitialInstanceCount", 1),
        serverless=variant.get("ServerlessConfig"),
        weight=variant["InitialVariantWeight"],
        startup_seconds=variant.get("ContainerStartupHealthCheckTimeoutInSeconds", STARTUP_SECONDS),
    )


def retained(target: Fleet, active: Fleet, request: dict[str, Any]) -> Fleet:
    """`target` with what UpdateEndpoint's request wants to keep of the weights and counts in force."""
    if not request.get("RetainAllVariantProperties"):
        return target
    excluded = {p["VariantPropertyType"] for p in request.get("ExcludeRetainedVariantProperties", [])}
    weights = {} if "DesiredWeight" in excluded else {v.name: v.weight for v in active.variants}
    fixed = {variant.name for variant in (*active.variants, *target.variants) if variant.serverless}
    counts = {v.name: v.instance_count for v in active.variants if v.name not in fixed}
    if "DesiredInstanceCount" in excluded:
        counts = {}
    changed = target.with_weights(weights, counts)
    require_traffic(v.weight for v in changed.variants)
    return checked_size(changed)


def reweighed(active: Fleet, entries: list[dict[str, Any]]) -> Fleet:
    """The fleet in force with the weights and counts that UpdateEndpointWeightsAndCapacities asks for."""
    known = {variant.name for variant in active.variants}
    names = [entry["VariantName"] for entry in entries]
    if unknown := sorted(set(names) - known):
        raise invalid(f"The variant name(s) {', '.join(unknown)} do not exist; there are {', '.join(sorted(known))}.")
    if len(set(names)) < len(names):
        raise invalid(f"Each variant may stand only once in DesiredWeightsAndCapacities; got {', '.join(names)}.")
    serverless = {variant.name for variant in active.variants if variant.serverless}
    for entry in entries:
        if entry["VariantName"] in serverless and "DesiredInstanceCount" in entry:
            raise invalid(f"Variant {entry['VariantName']} is serverless; it has no instances to count.")
        _check_entry(entry)
    weights = {e["VariantName"]: e["DesiredWeight"] for e in entries if "DesiredWeight" in e}
    counts = {e["VariantName"]: e["DesiredInstanceCount"] for e in entries if "DesiredInstanceCount" in e}
    changed = active.with_weights(weights, counts)
    require_traffic(variant.weight for variant in changed.variants)
    return checked_size(changed)


def _check_entry(entry: dict[str, Any]) -> None:
    name = entry["VariantName"]
    if "ServerlessUpdateConfig" in entry:
        raise unsupported(f"ServerlessUpdateConfig (variant {name})", "Give DesiredInstanceCount.")
    if not entry.keys() & {"DesiredWeight", "DesiredInstanceCount"}:
        raise invalid(
            f"The entry of variant {name} has neither DesiredWeight nor DesiredInstanceCount, so it changes nothing. "
            "Some clients drop a weight of 0 from the request; send it with a client that does not."
        )
    if entry.get("DesiredInstanceCount") == 0:
        raise invalid(f"DesiredInstanceCount of variant {name} must be at least 1; set DesiredWeight 0 to idle it.")


def check_deployment_config(config: dict[str, Any] | None) -> None:
    """Refuses what the engine would not do: it changes fleets all at once, and watches no alarms."""
    if not config:
        return
    if "RollingUpdatePolicy" in config:
        raise unsupported("RollingUpdatePolicy", "Use BlueGreenUpdatePolicy with ALL_AT_ONCE.")
    policy = config.get("BlueGreenUpdatePolicy", {})
    routing = policy.get("TrafficRoutingConfiguration", {}).get("Type", "ALL_AT_ONCE")
    if routing != "ALL_AT_ONCE":
        raise unsupported(
            f"TrafficRoutingConfiguration of Type {routing}",
            "Use ALL_AT_ONCE, or shift traffic with UpdateEndpointWeightsAndCapacities.",
        )
    if config.get("AutoRollbackConfiguration", {}).get("Alarms"):
        raise unsupported("AutoRollbackConfiguration with Alarms", "No alarms are watched here; leave it out.")
