"""Endpoint configs: which models an endpoint runs, on how many instances, with which share of the traffic.

Configs are kept as they were sent, with AWS's defaults filled in. What the engine would not honour is refused here,
rather than at the endpoint or never. How large an instance is, or a serverless variant may become, has no effect on a
machine that is there anyway: such a variant is one process, from its first request to its last.
"""

from collections.abc import Callable, Iterable
from typing import Any

from headgate.engine.api.arns import Arns
from headgate.engine.api.errors import existing, invalid, missing, unsupported
from headgate.engine.api.models import Models
from headgate.engine.api.paging import list_page, summaries
from headgate.engine.api.tags import Tags
from headgate.engine.state import State

KIND = "endpoint-config"
NAME = "EndpointConfigName"

REFUSED = {
    "ShadowProductionVariants": "Leave it out.",
    "AsyncInferenceConfig": "Leave it out: endpoints answer at once.",
    "ExplainerConfig": "Leave it out.",
    "CrossRegionTrafficConfig": "Leave it out.",
}
REFUSED_IN_VARIANT = {
    "InstancePools": "Give InstanceType and InitialInstanceCount.",
    "ManagedInstanceScaling": "Give InitialInstanceCount.",
    "CoreDumpConfig": "Leave it out.",
}


class EndpointConfigs:
    """The endpoint-config operations."""

    def __init__(self, state: State, arns: Arns, tags: Tags, models: Models, now: Callable[[], float]) -> None:
        self._state = state
        self._arns = arns
        self._tags = tags
        self._models = models
        self._now = now

    def create(self, request: dict[str, Any]) -> dict[str, Any]:
        """CreateEndpointConfig."""
        _refuse(request)
        variants = [{**v, "InitialVariantWeight": v.get("InitialVariantWeight", 1.0)} for v in _variants(request)]
        require_traffic(v["InitialVariantWeight"] for v in variants)
        name, arn = request[NAME], self._arns.of(KIND, request[NAME])
        with self._state.transaction():
            if taken := self._state.resource_taken(KIND, name):
                raise existing(KIND, self._arns.of(KIND, taken))
            for variant in variants:
                self._models.require(variant["ModelName"])
            created = self._now()
            body = {key: value for key, value in request.items() if key != "Tags"}
            body |= {"ProductionVariants": variants, "EndpointConfigArn": arn, "CreationTime": created}
            self._state.put_resource(KIND, name, created, body)
            self._tags.store(arn, request.get("Tags", []))
        return {"EndpointConfigArn": arn}

    def describe(self, request: dict[str, Any]) -> dict[str, Any]:
        """DescribeEndpointConfig."""
        return self.stored(request[NAME])

    def summarise(self, request: dict[str, Any]) -> dict[str, Any]:
        """ListEndpointConfigs."""
        sort_keys = {"Name": NAME, "CreationTime": "CreationTime"}
        page, token = list_page(request, self._state.resources(KIND), sort_keys, name=NAME)
        return {"EndpointConfigs": summaries(page, (NAME, "EndpointConfigArn", "CreationTime")), **token}

    def delete(self, request: dict[str, Any]) -> dict[str, Any]:
        """DeleteEndpointConfig. Allowed while an endpoint uses the config: the endpoint has a copy."""
        with self._state.transaction():
            self.stored(request[NAME])
            self._state.delete_resource(KIND, request[NAME])
            self._tags.forget(self._arns.of(KIND, request[NAME]))
        return {}

    def stored(self, name: str) -> dict[str, Any]:
        """One config, as Describe answers it. Raises ApiError if there is none."""
        body = self._state.resource(KIND, name)
        if body is None:
            raise missing(KIND, self._arns.of(KIND, name))
        return body


def require_traffic(weights: Iterable[float]) -> None:
    """Raises ApiError where no variant would get a request."""
    if not any(weight > 0 for weight in weights):
        raise invalid("The weights of all variants are zero, so no variant would receive traffic; give one a weight.")


def _refuse(request: dict[str, Any]) -> None:
    for member, remedy in REFUSED.items():
        if request.get(member):
            raise unsupported(member, remedy)
    if request.get("DataCaptureConfig", {"EnableCapture": False}).get("EnableCapture", True):
        raise unsupported("DataCaptureConfig with EnableCapture", "Leave it out.")
    if request.get("EnableNetworkIsolation"):
        raise unsupported("EnableNetworkIsolation", "Model servers are processes of this machine; leave it out.")


def _variants(request: dict[str, Any]) -> list[dict[str, Any]]:
    variants: list[dict[str, Any]] = request["ProductionVariants"]
    names = [variant["VariantName"] for variant in variants]
    if len(set(names)) < len(names):
        raise invalid(f"Variant names must be unique within an endpoint config; got {', '.join(names)}.")
    for variant in variants:
        for member, remedy in REFUSED_IN_VARIANT.items():
            if variant.get(member):
                raise unsupported(f"{member} (variant {variant['VariantName']})", remedy)
        _check_size(variant, alone=len(variants) == 1)
    return variants


def _check_size(variant: dict[str, Any], *, alone: bool) -> None:
    """Raises ApiError where a variant has neither instances nor a ServerlessConfig, or both."""
    name, sizes = variant["VariantName"], ("InstanceType", "InitialInstanceCount")
    if "ServerlessConfig" not in variant:
        lacking = [member for member in ("ModelName", *sizes) if member not in variant]
        if lacking:
            raise invalid(f"Variant {name} needs {', '.join(lacking)}.")
        return
    both = [member for member in sizes if member in variant]
    if both:
        raise invalid(f"Variant {name} has a ServerlessConfig; it takes no {' and no '.join(both)}.")
    if "ModelName" not in variant:
        raise invalid(f"Variant {name} needs ModelName.")
    if not alone:
        raise invalid("A serverless endpoint has one variant.")
    config = variant["ServerlessConfig"]
    if config["MemorySizeInMB"] % 1024:
        raise invalid(f"MemorySizeInMB of variant {name} must be 1024, 2048, 3072, 4096, 5120 or 6144.")
    if config.get("ProvisionedConcurrency", 0) > config["MaxConcurrency"]:
        raise invalid(f"ProvisionedConcurrency of variant {name} must be at most its MaxConcurrency.")
