"""The model registry: a project is a model package group, a model version one package in it. On AWS each environment of
a project has a group of its own (`core.names`), as it may be in another account.

A version is found again by its digest: the package description of every version that Headgate registers ends with it,
and the list of versions shows descriptions, so that one call answers "is this package registered already?". On AWS a
version is a package and the image that runs it: the same package with another image is another version. The newest
approved version is the one with the highest number, whatever was approved last: approving an old version again
must not make it the newest.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

from headgate.core import names
from headgate.core.versions import ApprovalStatus, ModelVersion, approval_status
from headgate.errors import InvalidInput, NotFound, Refused
from headgate.hosting.session import Connection, domain_errors

if TYPE_CHECKING:
    from mypy_boto3_sagemaker.type_defs import DescribeModelPackageOutputTypeDef, ModelPackageSummaryTypeDef

DIGEST = "package.sha256"
"""The metadata key that holds the digest as well, for people and for other tools."""
REASON_LIMIT = 1024
"""AWS keeps so much of a reason, in one line."""
METADATA_LIMIT, KEY_LIMIT, VALUE_LIMIT = 50, 128, 256


class Registry:
    """The versions of all projects."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def ensure_project(self, project: str) -> None:
        """Create the project's group unless it exists. On AWS it is `headgate infra deploy` that does."""
        if self._connection.environment:
            return
        try:
            with domain_errors():
                self._connection.control.create_model_package_group(
                    ModelPackageGroupName=project, ModelPackageGroupDescription=f"Model versions of {project}"
                )
        except Refused as error:
            if "already exist" not in error.message:
                raise

    def register(
        self,
        project: str,
        *,
        digest: str,
        image: str,
        model_data_url: str,
        environment: Mapping[str, str],
        metadata: Mapping[str, str],
        content_types: tuple[str, ...] = ("application/json", "text/csv"),
    ) -> ModelVersion:
        """A new version, PendingManualApproval. The project must exist."""
        metadata = {DIGEST: digest, **metadata}
        _check_metadata(metadata)
        with domain_errors():
            answer = self._connection.control.create_model_package(
                ModelPackageGroupName=self._group(project),
                ModelPackageDescription=_description(project, digest),
                ModelApprovalStatus="PendingManualApproval",
                InferenceSpecification={
                    "Containers": [{"Image": image, "ModelDataUrl": model_data_url, "Environment": dict(environment)}],
                    "SupportedContentTypes": list(content_types),
                    "SupportedResponseMIMETypes": ["application/json"],
                },
                CustomerMetadataProperties=dict(metadata),
            )
        return self._describe(answer["ModelPackageArn"])

    def find_digest(self, project: str, digest: str, image: str = "") -> ModelVersion | None:
        """The newest version that was registered with this digest, or None. On AWS, where `image` names one by its
        digest, the newest that has this image too, wherever it is kept."""
        told = (
            s for s in self._summaries(project) if s.get("ModelPackageDescription") == _description(project, digest)
        )
        wanted = _image_digest(image) if self._connection.environment else ""
        for summary in sorted(told, key=_number, reverse=True):
            found = self._describe(summary["ModelPackageArn"])
            if not wanted or _image_digest(found.image) == wanted:
                return found
        return None

    def version(self, project: str, number: int) -> ModelVersion:
        """One version. Raises NotFound, naming the ones there are."""
        numbers = {_number(summary): summary["ModelPackageArn"] for summary in self._summaries(project)}
        if number in numbers:
            return self._describe(numbers[number])
        there = ", ".join(str(n) for n in sorted(numbers)) or "none"
        raise NotFound(
            f"Project {project} has no version {number}.", hint=f"Versions: {there}. `headgate register` adds one."
        )

    def newest_approved(self, project: str) -> ModelVersion | None:
        """The approved version with the highest number, or None."""
        approved = [s for s in self._summaries(project) if s.get("ModelApprovalStatus") == "Approved"]
        return self._describe(max(approved, key=_number)["ModelPackageArn"]) if approved else None

    def newest(self, project: str) -> ModelVersion | None:
        """The version with the highest number that nobody rejected, or None."""
        usable = [s for s in self._summaries(project) if s.get("ModelApprovalStatus") != "Rejected"]
        return self._describe(max(usable, key=_number)["ModelPackageArn"]) if usable else None

    def set_status(self, version: ModelVersion, status: ApprovalStatus, reason: str) -> ModelVersion:
        """Approve or reject, and read back what is now recorded. A reason that is too long loses its end."""
        said = " ".join(reason.split())[:REASON_LIMIT]
        with domain_errors():
            self._connection.control.update_model_package(
                ModelPackageArn=version.arn, ModelApprovalStatus=status, ApprovalDescription=said
            )
        found = self._describe(version.arn)
        if found.status != status:
            raise Refused(f"Version {version.number} of {version.project} is {found.status}, not {status}.")
        return found

    def _summaries(self, project: str) -> "list[ModelPackageSummaryTypeDef]":
        try:
            with domain_errors():
                pages = self._connection.control.get_paginator("list_model_packages").paginate(
                    ModelPackageGroupName=self._group(project), PaginationConfig={"PageSize": 100}
                )
                return [summary for page in pages for summary in page["ModelPackageSummaryList"]]
        except NotFound:
            return []  # no group yet: no version yet

    def by_arn(self, arn: str) -> ModelVersion:
        """The version of this ARN. Raises NotFound."""
        return self._describe(arn)

    def _describe(self, arn: str) -> ModelVersion:
        with domain_errors():
            found = _version(self._connection.control.describe_model_package(ModelPackageName=arn))
        suffix = f"-{self._connection.environment}"
        return replace(found, project=found.project.removesuffix(suffix)) if self._connection.environment else found

    def _group(self, project: str) -> str:
        environment = self._connection.environment
        return names.group(project, environment) if environment else project


def _description(project: str, digest: str) -> str:
    return f"{project} sha256:{digest}"


def _image_digest(image: str) -> str:
    return image.partition("@")[2]


def _number(summary: "ModelPackageSummaryTypeDef") -> int:
    return summary.get("ModelPackageVersion", 0)


def _check_metadata(metadata: Mapping[str, str]) -> None:
    if len(metadata) > METADATA_LIMIT:
        raise InvalidInput(f"A version takes {METADATA_LIMIT} metadata entries at most, not {len(metadata)}.")
    for key, value in metadata.items():
        if len(key) > KEY_LIMIT or len(value) > VALUE_LIMIT:
            raise InvalidInput(f"Metadata {key!r} is too long ({KEY_LIMIT} characters a key, {VALUE_LIMIT} a value).")


def _version(body: "DescribeModelPackageOutputTypeDef") -> ModelVersion:
    container = body.get("InferenceSpecification", {}).get("Containers", [{}])[0]
    return ModelVersion(
        body["ModelPackageGroupName"],
        body["ModelPackageVersion"],
        body["ModelPackageArn"],
        approval_status(body.get("ModelApprovalStatus", "")),
        body.get("ApprovalDescription", ""),
        container.get("Image", ""),
        container.get("ModelDataUrl", ""),
        container.get("Environment", {}),
        body.get("CustomerMetadataProperties", {}),
    )
