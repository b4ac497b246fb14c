"""Model package groups: the shelves of the registry, one for each line of model versions."""

from collections.abc import Callable
from typing import Any

from headgate.engine.api.arns import Arns
from headgate.engine.api.errors import ApiError, existing, missing
from headgate.engine.api.paging import list_page, summaries
from headgate.engine.api.tags import Tags
from headgate.engine.state import State

KIND = "model-package-group"
NAME = "ModelPackageGroupName"
LAST_VERSION = "_LastVersion"
"""The private member of a stored group that counts versions, so that the number of a deleted one is not used again."""

SUMMARY = (
    NAME, "ModelPackageGroupArn", "ModelPackageGroupDescription", "CreationTime", "ModelPackageGroupStatus",
    "ManagedConfiguration",
)  # fmt: skip


class PackageGroups:
    """The operations on model package groups."""

    def __init__(self, state: State, arns: Arns, tags: Tags, now: Callable[[], float]) -> None:
        self._state = state
        self._arns = arns
        self._tags = tags
        self._now = now

    def create(self, request: dict[str, Any]) -> dict[str, Any]:
        """CreateModelPackageGroup."""
        name, arn = request[NAME], self._arns.of(KIND, request[NAME])
        with self._state.transaction():
            if taken := self._state.resource_taken(KIND, name):
                raise existing(KIND, self._arns.of(KIND, taken))
            created = self._now()
            body = {key: value for key, value in request.items() if key != "Tags"}
            body |= {
                "ModelPackageGroupArn": arn,
                "CreationTime": created,
                "CreatedBy": {},
                "ModelPackageGroupStatus": "Completed",
                LAST_VERSION: 0,
            }
            self._state.put_resource(KIND, name, created, body)
            self._tags.store(arn, request.get("Tags", []))
        return {"ModelPackageGroupArn": arn}

    def describe(self, request: dict[str, Any]) -> dict[str, Any]:
        """DescribeModelPackageGroup, by name or ARN."""
        return {key: value for key, value in self.stored(request[NAME]).items() if key != LAST_VERSION}

    def summarise(self, request: dict[str, Any]) -> dict[str, Any]:
        """ListModelPackageGroups (oldest first by default, unlike the lists of hosting)."""
        sort_keys = {"Name": NAME, "CreationTime": "CreationTime"}
        shared = request.get("CrossAccountFilterOption") == "CrossAccount"
        bodies = [] if shared else self._state.resources(KIND)
        page, token = list_page(request, bodies, sort_keys, name=NAME, order="Ascending")
        return {"ModelPackageGroupSummaryList": summaries(page, SUMMARY), **token}

    def delete(self, request: dict[str, Any]) -> dict[str, Any]:
        """DeleteModelPackageGroup. The group must be empty."""
        with self._state.transaction():
            group = self.stored(request[NAME])
            arn = group["ModelPackageGroupArn"]
            if any(p.get(NAME) == group[NAME] for p in self._state.resources("model-package")):
                raise ApiError(
                    "ConflictException",
                    f"ModelPackageGroup {arn} cannot be deleted because it contains model packages; delete them first.",
                )
            self._state.delete_resource(KIND, group[NAME])
            self._tags.forget(arn)
        return {}

    def stored(self, reference: str) -> dict[str, Any]:
        """One group by name or ARN, with its private members. Raises ApiError if there is none."""
        name = self._arns.name(KIND, reference)
        body = None if name is None else self._state.resource(KIND, name)
        if body is None:
            raise missing(KIND, reference if name is None else self._arns.of(KIND, name))
        return body

    def next_version(self, group: dict[str, Any]) -> int:
        """Count one version up, inside the caller's transaction."""
        group = {**group, LAST_VERSION: group[LAST_VERSION] + 1}
        self._state.put_resource(KIND, group[NAME], group["CreationTime"], group)
        return int(group[LAST_VERSION])
