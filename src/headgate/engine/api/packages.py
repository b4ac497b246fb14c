"""Model packages: registered model versions and their approval.

A version belongs to a group and is numbered from 1. PendingManualApproval becomes Approved or Rejected, and these may
become each other; nothing becomes pending again. What a version serves is fixed: an inference specification can be
added, never replaced, so that what was approved is what is deployed. Packages without a group have no approval.
"""

from collections.abc import Callable
from typing import Any

from headgate.engine.api.arns import Arns
from headgate.engine.api.errors import existing, invalid, missing, unsupported
from headgate.engine.api.package_groups import PackageGroups
from headgate.engine.api.paging import list_page, summaries
from headgate.engine.api.tags import Tags
from headgate.engine.state import State

KIND = "model-package"
NAME = "ModelPackageName"
GROUP = "ModelPackageGroupName"
STATUS = "ModelApprovalStatus"
PENDING = "PendingManualApproval"
CLIENT_TOKEN = "_ClientToken"
"""The private member of a stored package by which a create that is sent again finds the version it made."""

METADATA_LIMIT = 50
SUMMARY = (
    NAME, GROUP, "ModelPackageVersion", "ModelPackageArn", "ModelPackageDescription", "CreationTime",
    "ModelPackageStatus", STATUS, "ModelLifeCycle", "ModelPackageRegistrationType",
)  # fmt: skip
REPLACED = (
    STATUS, "ApprovalDescription", "ModelPackageRegistrationType", "SourceUri", "ModelCard", "ModelLifeCycle",
)  # fmt: skip

Package = dict[str, Any]


class Packages:
    """The operations on model packages."""

    def __init__(self, state: State, arns: Arns, tags: Tags, groups: PackageGroups, now: Callable[[], float]) -> None:
        self._state = state
        self._arns = arns
        self._tags = tags
        self._groups = groups
        self._now = now

    def create(self, request: dict[str, Any]) -> dict[str, Any]:
        """CreateModelPackage: a version of a group, or a package of its own name."""
        if (NAME in request) == (GROUP in request):
            raise invalid(f"Give either {GROUP} for a model version or {NAME} for a package without versions.")
        if STATUS in request and GROUP not in request:
            raise invalid(f"{STATUS} applies to versions of a model package group only.")
        if "ValidationSpecification" in request:
            raise unsupported("ValidationSpecification", "Leave it out: no validation jobs are run here.")
        with self._state.transaction():
            if earlier := self._made_by(request.get("ClientToken")):
                return {"ModelPackageArn": earlier}
            key, place = self._place(request)
            arn, created = self._arns.of(KIND, key), self._now()
            kept = {k: v for k, v in request.items() if k not in (NAME, GROUP, "Tags", "ClientToken")}
            body = kept | place
            body |= {
                "ModelPackageArn": arn,
                "CreationTime": created,
                "LastModifiedTime": created,
                "ModelPackageStatus": "Completed",
                "ModelPackageStatusDetails": {"ValidationStatuses": [], "ImageScanStatuses": []},
                CLIENT_TOKEN: request.get("ClientToken"),
            }
            body.setdefault("CertifyForMarketplace", False)
            self._state.put_resource(KIND, key, created, body)
            self._tags.store(arn, request.get("Tags", []))
        return {"ModelPackageArn": arn}

    def describe(self, request: dict[str, Any]) -> dict[str, Any]:
        """DescribeModelPackage, by name, `group/1` or ARN. As on AWS a version has no ModelPackageName."""
        return {k: v for k, v in self._stored(request[NAME])[1].items() if k != CLIENT_TOKEN}

    def update(self, request: dict[str, Any]) -> dict[str, Any]:
        """UpdateModelPackage: approval, description, metadata."""
        with self._state.transaction():
            key, package = self._stored(request["ModelPackageArn"])
            _check_approval(package, request.get(STATUS))
            changed = package | {member: request[member] for member in REPLACED if member in request}
            changed |= _added_specifications(package, request)
            metadata = _metadata(package, request)
            changed.pop("CustomerMetadataProperties", None)
            if metadata:
                changed["CustomerMetadataProperties"] = metadata
            changed["LastModifiedTime"] = self._now()
            self._state.put_resource(KIND, key, package["CreationTime"], changed)
        return {"ModelPackageArn": package["ModelPackageArn"]}

    def summarise(self, request: dict[str, Any]) -> dict[str, Any]:
        """ListModelPackages: the versions of a group, else packages without one; oldest first by default."""
        packages = [{**p, "_Name": p.get(NAME) or p[GROUP]} for p in self._state.resources(KIND)]
        if GROUP in request:
            group = self._groups.stored(request[GROUP])[GROUP]
            packages = [p for p in packages if p.get(GROUP) == group]
        elif (wanted := request.get("ModelPackageType", "Unversioned")) != "Both":
            packages = [p for p in packages if (GROUP in p) == (wanted == "Versioned")]
        if STATUS in request:
            packages = [p for p in packages if p.get(STATUS) == request[STATUS]]
        page, token = list_page(
            request,
            packages,
            {"Name": "_Name", "CreationTime": "CreationTime"},
            name="_Name",
            order="Ascending",
            tie=lambda p: [p["_Name"], p.get("ModelPackageVersion", 0)],
        )
        return {"ModelPackageSummaryList": summaries(page, SUMMARY), **token}

    def delete(self, request: dict[str, Any]) -> dict[str, Any]:
        """DeleteModelPackage. Models made from it go on working."""
        with self._state.transaction():
            key, package = self._stored(request[NAME])
            self._state.delete_resource(KIND, key)
            self._tags.forget(package["ModelPackageArn"])
        return {}

    def approved_container(self, reference: str) -> dict[str, Any]:
        """The container of a registered version that may be deployed. Raises ApiError where it may not."""
        package = self._stored(reference)[1]
        arn = package["ModelPackageArn"]
        if GROUP in package and package[STATUS] != "Approved":
            raise invalid(f"Model package {arn} cannot be deployed: its {STATUS} is {package[STATUS]}, not Approved.")
        containers = package.get("InferenceSpecification", {}).get("Containers", [])
        if not containers:
            raise invalid(f"Model package {arn} has no InferenceSpecification, so it cannot be deployed.")
        if len(containers) > 1:
            raise unsupported("A model package of several containers", "Register one container.")
        container: dict[str, Any] = containers[0]
        if "Image" not in container:
            raise invalid(f"The container of model package {arn} names no Image, so it cannot be deployed.")
        return container

    def _place(self, request: dict[str, Any]) -> tuple[str, Package]:
        """The key of a new package, and the members that say where it belongs."""
        if GROUP not in request:
            if taken := self._state.resource_taken(KIND, request[NAME]):
                raise existing(KIND, self._arns.of(KIND, taken))
            return request[NAME], {NAME: request[NAME]}
        group = self._groups.stored(request[GROUP])
        version = self._groups.next_version(group)
        place = {GROUP: group[GROUP], "ModelPackageVersion": version, STATUS: request.get(STATUS, PENDING)}
        return f"{group[GROUP]}/{version}", place

    def _made_by(self, client_token: str | None) -> str | None:
        made = (p for p in self._state.resources(KIND) if client_token and p[CLIENT_TOKEN] == client_token)
        return next((p["ModelPackageArn"] for p in made), None)

    def _stored(self, reference: str) -> tuple[str, Package]:
        key = self._arns.name(KIND, reference)
        body = None if key is None else self._state.resource(KIND, key)
        if key is None or body is None:
            raise missing(KIND, reference if key is None else self._arns.of(KIND, key))
        return key, body


def _check_approval(package: Package, wanted: str | None) -> None:
    if wanted is None:
        return
    now = package.get(STATUS)
    if now is None:
        raise invalid(f"{package['ModelPackageArn']} belongs to no model package group and so has no {STATUS}.")
    if wanted == PENDING != now:
        raise invalid(f"{STATUS} of {package['ModelPackageArn']} is {now}; it cannot become {PENDING} again.")


def _added_specifications(package: Package, request: dict[str, Any]) -> Package:
    added: Package = {}
    if "InferenceSpecification" in request:
        if "InferenceSpecification" in package:
            raise invalid(
                f"{package['ModelPackageArn']} has an InferenceSpecification; register a new version instead."
            )
        added["InferenceSpecification"] = request["InferenceSpecification"]
    if "AdditionalInferenceSpecificationsToAdd" in request:
        member = "AdditionalInferenceSpecifications"
        added[member] = package.get(member, []) + request["AdditionalInferenceSpecificationsToAdd"]
    return added


def _metadata(package: Package, request: dict[str, Any]) -> dict[str, str]:
    member = "CustomerMetadataProperties"
    removed = request.get("CustomerMetadataPropertiesToRemove", [])
    merged = {**package.get(member, {}), **request.get(member, {})}
    metadata = {key: value for key, value in merged.items() if key not in removed}
    if len(metadata) > METADATA_LIMIT:
        raise invalid(f"{member} may have at most {METADATA_LIMIT} entries; there would be {len(metadata)}.")
    return metadata
