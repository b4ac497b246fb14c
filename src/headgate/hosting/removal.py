"""Taking away what stands, and what CloudFormation does not know of: an endpoint with its releases, a stack, and the
content of a bucket, a repository, a registry group.

Everything goes page by page, and can be begun again: what is gone already is no error. Nothing else is touched than
what is named, and configs and models only where their names are those that releases of this endpoint have.
"""

import re
import time
from collections.abc import Iterator
from typing import Any

from headgate.core.endpoints import IN_PROGRESS
from headgate.core.progress import Progress
from headgate.core.stacks import StackState
from headgate.errors import HeadgateError, InvalidInput, NotFound, Refused, Unavailable
from headgate.hosting.deployment import NAME_LIMIT
from headgate.hosting.session import Account, domain_errors
from headgate.hosting.stacks import find_stack

DELETED_AT_ONCE = 1000
IMAGES_AT_ONCE = 100
POLL_SECONDS = 3.0
WAIT_SECONDS = 1800.0
"""For so long a stack or an endpoint may take to go."""


def remove_stack(
    account: Account, name: str, progress: Progress, *, seconds: float = WAIT_SECONDS, pause: float = POLL_SECONDS
) -> None:
    """Delete a stack, and wait until it is gone. A change that is under way is let end before. No stack is no error.

    Raises Refused where something in it cannot be deleted, with the reason, and Unavailable where it takes too long.
    """
    wait = _Waiting(f"stack {name}", progress, seconds, pause)
    state = find_stack(account, name)
    while state is not None and state.changing:
        wait(state.status)
        state = find_stack(account, name)
    if state is None:
        return
    progress(f"deleting stack {name}", None)
    try:
        with domain_errors():
            account.client("cloudformation", attempts=5).delete_stack(StackName=state.id)
    except InvalidInput as error:  # it is protected, or somebody has begun to change it
        raise Refused(error.message, hint="Mend that, and give the same command again.") from error
    if state.status == "DELETE_FAILED":
        wait("DELETE_IN_PROGRESS")  # what is read at once may still be the end of the attempt before
    while (now := find_stack(account, state.id)) is not None and not now.gone:
        if now.status == "DELETE_FAILED":
            raise _stuck(account, now)
        wait(now.status)


def stop_executions(account: Account, machine: str, progress: Progress) -> int:
    """Stop what a state machine is carrying out. Returns how many. No machine is no error."""
    states = account.client("stepfunctions", attempts=3)
    try:
        found = list(_rows(states, "list_executions", "executions", stateMachineArn=machine, statusFilter="RUNNING"))
    except NotFound:
        return 0
    for row in found:
        progress(f"stopping {row['name']}", None)
        _unless_gone(states.stop_execution, executionArn=row["executionArn"], error="Removed",
                     cause="The environment is being removed.")  # fmt: skip
    return len(found)


def endpoint_tags(account: Account, name: str) -> dict[str, str] | None:
    """The tags of an endpoint; None where there is none."""
    sagemaker = account.client("sagemaker", attempts=3)
    try:
        with domain_errors():
            arn = sagemaker.describe_endpoint(EndpointName=name)["EndpointArn"]
        return {tag["Key"]: tag["Value"] for tag in _rows(sagemaker, "list_tags", "Tags", ResourceArn=arn)}
    except NotFound:
        return None


def remove_endpoint(
    account: Account, name: str, progress: Progress, *, seconds: float = WAIT_SECONDS, pause: float = POLL_SECONDS
) -> None:
    """Delete an endpoint, wait until it is gone, and delete the configs and models that releases made for it.

    A change that is under way is let end before: SageMaker deletes no endpoint meanwhile. No endpoint is no error.
    Raises Unavailable where it takes too long.
    """
    sagemaker = account.client("sagemaker", attempts=3)
    wait = _Waiting(f"endpoint {name}", progress, seconds, pause)
    while (status := _status(sagemaker, name)) is not None:
        if status not in IN_PROGRESS:
            progress(f"deleting endpoint {name}", None)
            _unless_gone(sagemaker.delete_endpoint, EndpointName=name)
            status = "Deleting"
        wait(status)
    for listed, kind, word, delete in (
        ("list_endpoint_configs", "EndpointConfig", "config", sagemaker.delete_endpoint_config),
        ("list_models", "Model", "model", sagemaker.delete_model),
    ):
        found = [row[f"{kind}Name"] for row in _rows(sagemaker, listed, f"{kind}s", NameContains=_stem(name))]
        for released in (one for one in found if of_endpoint(one, name)):
            progress(f"deleting {word} {released}", None)
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


def _status(sagemaker: Any, endpoint: str) -> str | None:
    try:
        with domain_errors():
            return str(sagemaker.describe_endpoint(EndpointName=endpoint)["EndpointStatus"])
    except NotFound:
        return None


class _Waiting:
    """Waits a little, as often as it is called. Raises Unavailable once the time is up."""

    def __init__(self, what: str, progress: Progress, seconds: float, pause: float) -> None:
        self._what, self._progress, self._seconds, self._pause = what, progress, seconds, pause
        self._deadline = time.monotonic() + seconds

    def __call__(self, status: str) -> None:
        if time.monotonic() > self._deadline:
            raise Unavailable(
                f"The {self._what} is still {status} after {self._seconds:g} seconds.",
                hint="It may yet go; the same command waits again.",
            )
        self._progress(f"{self._what} is {status}", None)
        time.sleep(self._pause)


def _stuck(account: Account, state: StackState) -> HeadgateError:
    """What in a stack could not be deleted, and why."""
    rows = _rows(account.client("cloudformation", attempts=5), "list_stack_resources", "StackResourceSummaries",
                 StackName=state.id)  # fmt: skip
    reasons = [
        f"{row['LogicalResourceId']} ({row['ResourceType']}, {row.get('PhysicalResourceId', 'never made')}): "
        f"{row.get('ResourceStatusReason', 'no reason given')}"
        for row in rows
        if row["ResourceStatus"] == "DELETE_FAILED"
    ]
    said = "\n  ".join(reasons or [state.reason or "CloudFormation gives no reason."])
    return Refused(
        f"The stack {state.name} cannot be deleted:\n  {said}",
        hint="Mend that, and give the same command again: it goes on where it ended.",
    )


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
