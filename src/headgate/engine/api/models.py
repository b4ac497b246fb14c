"""Models: what a container is started with.

A model made from a registered version keeps a private copy of what that version serves: deleting or rejecting the
version later does not take away the model, nor the way back to it.
"""

from collections.abc import Callable
from typing import Any, Protocol

from headgate.engine.api.arns import Arns
from headgate.engine.api.errors import existing, invalid, missing, unsupported
from headgate.engine.api.paging import list_page, summaries
from headgate.engine.api.tags import Tags
from headgate.engine.state import State

KIND = "model"
SERVED = "_Served"
"""The private member of a stored model: the container that runs, with the registered version's members filled in."""

Container = dict[str, Any]


class ApprovedContainers(Protocol):
    """The registry, as far as a model needs it."""

    def approved_container(self, reference: str) -> Container:
        """The container of a registered version (name, `group/1` or ARN). Raises ApiError if it is not approved."""


class Models:
    """The model operations."""

    def __init__(
        self, state: State, arns: Arns, tags: Tags, registry: ApprovedContainers, now: Callable[[], float]
    ) -> None:
        self._state = state
        self._arns = arns
        self._tags = tags
        self._registry = registry
        self._now = now

    def create(self, request: dict[str, Any]) -> dict[str, Any]:
        """CreateModel."""
        name, arn = request["ModelName"], self._arns.of(KIND, request["ModelName"])
        if request.get("EnableNetworkIsolation"):
            raise unsupported("EnableNetworkIsolation", "Model servers are processes of this machine; leave it out.")
        container = _only_container(request)
        with self._state.transaction():
            if taken := self._state.resource_taken(KIND, name):
                raise existing(KIND, self._arns.of(KIND, taken))
            body = {key: value for key, value in request.items() if key != "Tags"}
            if "Containers" in body:
                body["Containers"] = [_with_mode(container)]
            else:
                body["PrimaryContainer"] = _with_mode(container)
            created = self._now()
            body |= {"ModelArn": arn, "CreationTime": created, SERVED: self._served(container)}
            body.setdefault("EnableNetworkIsolation", False)
            self._state.put_resource(KIND, name, created, body)
            self._tags.store(arn, request.get("Tags", []))
        return {"ModelArn": arn}

    def describe(self, request: dict[str, Any]) -> dict[str, Any]:
        """DescribeModel."""
        return {key: value for key, value in self._stored(request["ModelName"]).items() if key != SERVED}

    def summarise(self, request: dict[str, Any]) -> dict[str, Any]:
        """ListModels."""
        sort_keys = {"Name": "ModelName", "CreationTime": "CreationTime"}
        page, token = list_page(request, self._state.resources(KIND), sort_keys, name="ModelName")
        return {"Models": summaries(page, ("ModelName", "ModelArn", "CreationTime")), **token}

    def delete(self, request: dict[str, Any]) -> dict[str, Any]:
        """DeleteModel. Allowed while an endpoint runs the model: the endpoint has a copy."""
        with self._state.transaction():
            self._stored(request["ModelName"])
            self._state.delete_resource(KIND, request["ModelName"])
            self._tags.forget(self._arns.of(KIND, request["ModelName"]))
        return {}

    def require(self, name: str) -> None:
        """Raises ApiError if there is no such model."""
        self._stored(name)

    def container(self, name: str) -> Container:
        """What a server of this model is started with: Image, and where given ModelDataUrl or Source, Environment."""
        served: Container = self._stored(name)[SERVED]
        return served

    def _stored(self, name: str) -> dict[str, Any]:
        body = self._state.resource(KIND, name)
        if body is None:
            raise missing(KIND, self._arns.of(KIND, name))
        return body

    def _served(self, container: Container) -> Container:
        if "ModelPackageName" in container:
            if spare := container.keys() & {"Image", "ModelDataUrl", "ModelDataSource"}:
                raise invalid(f"A container takes ModelPackageName or {', '.join(sorted(spare))}, not both.")
            package = self._registry.approved_container(container["ModelPackageName"])
            environment = package.get("Environment", {}) | container.get("Environment", {})
            container = package | {"Environment": environment}
        if "Image" not in container:
            raise invalid("A container takes Image or ModelPackageName; neither was given.")
        model_data_url(container)
        members = ("Image", "ModelDataUrl", "ModelDataSource", "Environment")
        return {key: container[key] for key in members if key in container}


def model_data_url(container: Container) -> str:
    """Where the model.tar.gz of a container is, or nothing for an image that brings its model."""
    if "ModelDataSource" not in container:
        return str(container.get("ModelDataUrl", ""))
    if "ModelDataUrl" in container:
        raise invalid("A container takes ModelDataUrl or ModelDataSource, not both.")
    source = container["ModelDataSource"].get("S3DataSource", {})
    if source.get("S3DataType") != "S3Object" or source.get("CompressionType") != "Gzip":
        raise unsupported(
            "A ModelDataSource other than S3DataSource with S3DataType S3Object and CompressionType Gzip",
            "Give one model.tar.gz.",
        )
    return str(source["S3Uri"])


def _with_mode(container: Container) -> Container:
    return {**container, "Mode": container.get("Mode", "SingleModel")}


def _only_container(request: dict[str, Any]) -> Container:
    several = request.get("Containers", [])
    if bool(several) == ("PrimaryContainer" in request):
        raise invalid("Give either PrimaryContainer or Containers with one entry.")
    if len(several) > 1:
        raise unsupported("A model of several containers", "Give one container.")
    container: Container = several[0] if several else request["PrimaryContainer"]
    if container.get("Mode") == "MultiModel" or "MultiModelConfig" in container:
        raise unsupported("Mode MultiModel", "Give each model an endpoint variant of its own.")
    for member in ("AdditionalModelDataSources", "InferenceSpecificationName"):
        if container.get(member):
            raise unsupported(f"{member} in a container", "Give one Image and one ModelDataUrl.")
    return container
