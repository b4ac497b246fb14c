"""Emptying what CloudFormation does not: an endpoint with its releases, a bucket, a repository, a registry group.

Everything goes page by page, and can be begun again: what is gone already is no error. Nothing else is touched than
what is named, and configs and models only where their names are those that releases of this endpoint have.
"""

import re
from collections.abc import Iterator
from typing import Any, Protocol

from headgate.core.progress import Progress
from headgate.errors import NotFound, Unavailable
from headgate.hosting.deployment import NAME_LIMIT
from headgate.hosting.session import domain_errors

DELETED_AT_ONCE = 1000
IMAGES_AT_ONCE = 100


class Account(Protocol):
    """Whoever makes clients of AWS's services."""

    def client(self, service: str, *, attempts: int) -> Any:
        """A client of a service."""


def remove_endpoint(account: Account, name: str, progress: Progress) -> None:
    """Delete an endpoint, and the configs and models that releases made for it."""
    sagemaker = account.client("sagemaker", attempts=3)
    progress(f"deleting endpoint {name}", None)
    _unless_gone(sagemaker.delete_endpoint, EndpointName=name)
    for listed, kind, delete in (
        ("list_endpoint_configs", "EndpointConfig", sagemaker.delete_endpoint_config),
        ("list_models", "Model", sagemaker.delete_model),
    ):
        found = [row[f"{kind}Name"] for row in _rows(sagemaker, listed, f"{kind}s", NameContains=_stem(name))]
        for released in (one for one in found if of_endpoint(one, name)):
            progress(f"deleting {released}", None)
            _unless_gone(delete, **{f"{kind}Name": released})


def of_endpoint(name: str, endpoint: str) -> bool:
    """Whether a config or model has a name that a release of this endpoint gives (`deployment.named`)."""
    found = re.fullmatch(r"(.+)(-v[0-9]{1,9}-[0-9a-f]{8})", name)
    return found is not None and found[1] == endpoint[: NAME_LIMIT - len(found[2])].rstrip("-")


def empty_bucket(account: Account, bucket: str, progress: Progress) -> int:
    """Delete every version of every object, and unfinished uploads. Returns how many. No bucket is no error."""
    s3 = account.client("s3", attempts=3)
    deleted = 0
    try:
        for page in _pages(s3, "list_object_versions", Bucket=bucket):
            rows = [*page.get("Versions", ()), *page.get("DeleteMarkers", ())]
            things = [{"Key": row["Key"], "VersionId": row["VersionId"]} for row in rows]
            for start in range(0, len(things), DELETED_AT_ONCE):
                part = things[start : start + DELETED_AT_ONCE]
                with domain_errors():
                    answer = s3.delete_objects(Bucket=bucket, Delete={"Objects": part, "Quiet": True})
                _require_none(bucket, answer.get("Errors", ()))
                deleted += len(part)
                progress(f"{deleted} versions of objects deleted from {bucket}", None)
        for page in _pages(s3, "list_multipart_uploads", Bucket=bucket):
            for upload in page.get("Uploads", ()):
                _unless_gone(s3.abort_multipart_upload, Bucket=bucket, Key=upload["Key"], UploadId=upload["UploadId"])
    except NotFound:
        return deleted
    return deleted


def empty_repository(account: Account, repository: str, progress: Progress) -> int:
    """Delete every image. Returns how many. No repository is no error."""
    ecr = account.client("ecr", attempts=3)
    try:
        found = list(_rows(ecr, "list_images", "imageIds", repositoryName=repository))
    except NotFound:
        return 0
    digests = sorted({row["imageDigest"] for row in found if "imageDigest" in row})
    for start in range(0, len(digests), IMAGES_AT_ONCE):
        part = [{"imageDigest": digest} for digest in digests[start : start + IMAGES_AT_ONCE]]
        progress(f"deleting images of {repository}", start / len(digests))
        with domain_errors():
            answer = ecr.batch_delete_image(repositoryName=repository, imageIds=part)
        _require_none(repository, answer.get("failures", ()))
    return len(digests)


def empty_group(account: Account, group: str, progress: Progress) -> int:
    """Delete every version of a model package group. Returns how many. No group is no error."""
    sagemaker = account.client("sagemaker", attempts=3)
    try:
        found = list(_rows(sagemaker, "list_model_packages", "ModelPackageSummaryList", ModelPackageGroupName=group))
    except NotFound:
        return 0
    for number, row in enumerate(found):
        progress(f"deleting versions of {group}", number / len(found))
        _unless_gone(sagemaker.delete_model_package, ModelPackageName=row["ModelPackageArn"])
    return len(found)


def _stem(endpoint: str) -> str:
    """What the names of all its releases begin with, however long version and digest are."""
    return endpoint[: NAME_LIMIT - len("-v123456789-12345678")].rstrip("-")


def _rows(client: Any, operation: str, key: str, **arguments: Any) -> Iterator[dict[str, Any]]:
    for page in _pages(client, operation, **arguments):
        yield from page[key]


def _pages(client: Any, operation: str, **arguments: Any) -> Iterator[dict[str, Any]]:
    with domain_errors():
        yield from client.get_paginator(operation).paginate(**arguments)


def _unless_gone(call: Any, **arguments: Any) -> None:
    try:
        with domain_errors():
            call(**arguments)
    except NotFound:
        return


def _require_none(where: str, failures: Any) -> None:
    failed = list(failures)
    if failed:
        raise Unavailable(f"{len(failed)} things could not be deleted from {where}: {failed[0]}.", hint="Try again.")
