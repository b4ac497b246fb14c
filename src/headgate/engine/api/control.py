"""The control API as one object: an operation's name and its request in, the answer out.

Requests are checked against their shape first, so the operations rely on it. They validate and write; nothing here
starts or stops a process.
"""

import time
from collections.abc import Callable
from typing import Any

from headgate.engine.api.arns import Arns
from headgate.engine.api.endpoint_configs import EndpointConfigs
from headgate.engine.api.endpoints import Endpoints
from headgate.engine.api.errors import ApiError
from headgate.engine.api.models import Models
from headgate.engine.api.package_groups import PackageGroups
from headgate.engine.api.packages import Packages
from headgate.engine.api.service_model import Shapes
from headgate.engine.api.tags import Tags
from headgate.engine.api.validation import check
from headgate.engine.state import State
from headgate.errors import Unavailable

Operation = Callable[[dict[str, Any]], dict[str, Any]]


class Api:
    """SageMaker's control plane over the engine's state. Safe to call from several threads."""

    def __init__(
        self,
        state: State,
        *,
        account: str,
        region: str,
        wake: Callable[[str], None],
        clock: Callable[[], float] = time.time,
    ) -> None:
        """`wake(endpoint_name)` is called after each change of an endpoint is on disk; `clock` gives epoch seconds."""

        def now() -> float:
            return round(clock(), 3)

        self.account = account
        self._shapes = Shapes("sagemaker")
        arns = Arns(account, region)
        tags = Tags(state, arns, wake)
        groups = PackageGroups(state, arns, tags, now)
        packages = Packages(state, arns, tags, groups, now)
        models = Models(state, arns, tags, packages, now)
        configs = EndpointConfigs(state, arns, tags, models, now)
        endpoints = Endpoints(state, arns, tags, models, configs, wake=wake, now=now)
        self._operations: dict[str, Operation] = {
            "CreateModel": models.create,
            "DescribeModel": models.describe,
            "ListModels": models.summarise,
            "DeleteModel": models.delete,
            "CreateEndpointConfig": configs.create,
            "DescribeEndpointConfig": configs.describe,
            "ListEndpointConfigs": configs.summarise,
            "DeleteEndpointConfig": configs.delete,
            "CreateEndpoint": endpoints.create,
            "DescribeEndpoint": endpoints.describe,
            "ListEndpoints": endpoints.summarise,
            "UpdateEndpoint": endpoints.update,
            "UpdateEndpointWeightsAndCapacities": endpoints.reweigh,
            "DeleteEndpoint": endpoints.delete,
            "CreateModelPackageGroup": groups.create,
            "DescribeModelPackageGroup": groups.describe,
            "ListModelPackageGroups": groups.summarise,
            "DeleteModelPackageGroup": groups.delete,
            "CreateModelPackage": packages.create,
            "DescribeModelPackage": packages.describe,
            "ListModelPackages": packages.summarise,
            "UpdateModelPackage": packages.update,
            "DeleteModelPackage": packages.delete,
            "AddTags": tags.add,
            "ListTags": tags.show,
            "DeleteTags": tags.delete,
        }

    @property
    def operations(self) -> frozenset[str]:
        """The names of the operations there are."""
        return frozenset(self._operations)

    def call(self, operation: str, request: object) -> dict[str, Any]:
        """Check a request (a decoded JSON document) and carry it out. Raises ApiError."""
        if operation not in self._operations:
            raise ApiError("UnknownOperationException", f"The Headgate engine has no SageMaker operation {operation}.")
        try:
            return self._operations[operation](check(request, self._shapes.request(operation)))
        except Unavailable as error:
            raise ApiError("InternalFailure", f"{error.message} {error.hint}".strip(), 500) from error
