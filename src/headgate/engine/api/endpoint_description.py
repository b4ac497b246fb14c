"""What DescribeEndpoint answers: the fleet in force, and the change under way beside it.

`EndpointConfigName` and `ProductionVariants` are always those that answer requests now. A change to another config
shows in `PendingDeploymentSummary`; a change of weights or counts in `Desired…` of the variants themselves.
"""

from typing import Any

from headgate.engine.fleet import Fleet, Variant
from headgate.engine.state import Endpoint

VARIANT_STATUS = {"Creating": "Creating", "Updating": "Updating", "RollingBack": "Updating", "Deleting": "Deleting"}


def describe(endpoint: Endpoint) -> dict[str, Any]:
    """The answer, from the endpoint's row. What is not in force yet counts no current instance."""
    answer: dict[str, Any] = {
        "EndpointName": endpoint.name,
        "EndpointArn": endpoint.arn,
        "EndpointStatus": endpoint.status,
        "CreationTime": endpoint.created,
        "LastModifiedTime": endpoint.modified,
    }
    shown = endpoint.active or endpoint.target
    if shown is not None:
        answer["EndpointConfigName"] = shown.config_name
        answer["ProductionVariants"] = [_summary(v, endpoint) for v in shown.variants]
    if endpoint.failure_reason:
        answer["FailureReason"] = endpoint.failure_reason[:1024]
    if endpoint.deployment_config:
        answer["LastDeploymentConfig"] = endpoint.deployment_config
    if endpoint.active and endpoint.target and _is_deployment(endpoint.active, endpoint.target):
        answer["PendingDeploymentSummary"] = _pending(endpoint, endpoint.target)
    return answer


def _is_deployment(active: Fleet, target: Fleet) -> bool:
    """Whether the change is more than weights and counts."""
    servers = [[(v.name, v.kind) for v in fleet.variants] for fleet in (active, target)]
    return active.config_name != target.config_name or servers[0] != servers[1]


def _summary(variant: Variant, endpoint: Endpoint) -> dict[str, Any]:
    desired = _desired(variant, endpoint)
    summary = {
        "VariantName": variant.name,
        "DeployedImages": _images(variant, endpoint),
        "CurrentWeight": variant.weight if endpoint.active else 0.0,
        "DesiredWeight": desired.weight,
        **_size(variant, desired, active=endpoint.active is not None),
    }
    if endpoint.status in VARIANT_STATUS:
        summary["VariantStatus"] = [{"Status": VARIANT_STATUS[endpoint.status], "StartTime": endpoint.modified}]
    return summary


def _size(variant: Variant, desired: Variant, *, active: bool) -> dict[str, Any]:
    if variant.serverless:
        return {"CurrentServerlessConfig": variant.serverless, "DesiredServerlessConfig": desired.serverless}
    return {
        "CurrentInstanceCount": variant.instance_count if active else 0,
        "DesiredInstanceCount": desired.instance_count,
    }


def _desired(variant: Variant, endpoint: Endpoint) -> Variant:
    active, target = endpoint.active, endpoint.target
    if active is None or target is None or _is_deployment(active, target):
        return variant
    return next(v for v in target.variants if v.name == variant.name)


def _pending(endpoint: Endpoint, target: Fleet) -> dict[str, Any]:
    variants = [
        {
            "VariantName": variant.name,
            "DeployedImages": _images(variant, endpoint),
            "CurrentWeight": 0.0,
            "DesiredWeight": variant.weight,
            **_pending_size(variant),
            "VariantStatus": [{"Status": "Creating", "StartTime": endpoint.modified}],
        }
        for variant in target.variants
    ]
    return {
        "EndpointConfigName": target.config_name,
        "ProductionVariants": variants,
        "StartTime": endpoint.modified,
    }


def _pending_size(variant: Variant) -> dict[str, Any]:
    if variant.serverless:
        return {"DesiredServerlessConfig": variant.serverless}
    return {
        "CurrentInstanceCount": 0,
        "DesiredInstanceCount": variant.instance_count,
        "InstanceType": variant.instance_type,
    }


def _images(variant: Variant, endpoint: Endpoint) -> list[dict[str, Any]]:
    return [{"SpecifiedImage": variant.image, "ResolvedImage": variant.image, "ResolutionTime": endpoint.modified}]
