"""Models, endpoint configs and endpoints: read, create, update, wait, delete.

`InService` alone is never success: SageMaker's own rollback ends `InService` too, on the old config. `wait` therefore
names the config that must be in force, and every other end is an error that says what is.
"""

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, cast

from headgate.core.endpoints import EndpointState, Serverless, VariantState, VariantTerms
from headgate.core.progress import Progress
from headgate.core.versions import ModelVersion
from headgate.errors import NotFound, Refused, Unavailable
from headgate.hosting.session import Connection, domain_errors

if TYPE_CHECKING:
    from mypy_boto3_sagemaker.literals import ProductionVariantInstanceTypeType
    from mypy_boto3_sagemaker.type_defs import (
        ContainerDefinitionTypeDef,
        DescribeEndpointOutputTypeDef,
        ProductionVariantOutputTypeDef,
        ProductionVariantTypeDef,
        TagTypeDef,
    )

POLL_SECONDS, AWS_POLL_SECONDS = 0.2, 2.0
WAIT_SECONDS = 900.0
SILENCE_SECONDS = 20.0
"""How long an engine that is being restarted may stay silent while we wait for an endpoint."""


class Endpoints:
    """The hosting half of the control API."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    # ---- read

    def describe(self, name: str) -> EndpointState:
        """One endpoint. Raises NotFound."""
        with domain_errors():
            return _state(self._connection.control.describe_endpoint(EndpointName=name))

    def find(self, name: str) -> EndpointState | None:
        """One endpoint, or None."""
        try:
            return self.describe(name)
        except NotFound:
            return None

    def list(self) -> list[EndpointState]:
        """All endpoints by name. One that goes while we look is left out."""
        with domain_errors():
            pages = self._connection.control.get_paginator("list_endpoints").paginate(
                PaginationConfig={"PageSize": 100}
            )
            names = sorted(summary["EndpointName"] for page in pages for summary in page["Endpoints"])
        return [state for state in map(self.find, names) if state]

    def tags(self, arn: str) -> dict[str, str]:
        """The tags of an ARN."""
        with domain_errors():
            pages = self._connection.control.get_paginator("list_tags").paginate(ResourceArn=arn)
            return {tag["Key"]: tag["Value"] for page in pages for tag in page["Tags"]}

    def config(self, name: str) -> tuple[VariantTerms, ...]:
        """The variants of an endpoint config, in its order. Raises NotFound."""
        with domain_errors():
            body = self._connection.control.describe_endpoint_config(EndpointConfigName=name)
        return tuple(
            VariantTerms(
                variant["VariantName"],
                variant.get("ModelName", ""),
                variant.get("InstanceType", ""),
                variant.get("InitialInstanceCount", 1),
                variant.get("InitialVariantWeight", 1.0),
                _serverless(variant),
            )
            for variant in body["ProductionVariants"]
        )

    # ---- change

    def create_model(
        self, name: str, version: ModelVersion, environment: Mapping[str, str], tags: Mapping[str, str]
    ) -> None:
        """A model of a version; no error when one of this name exists: names say what is in them, but for its tags.

        On AWS it is made from the registered package, which has to be Approved: what runs is what the registry says.
        """
        variables = dict(environment)
        registered: ContainerDefinitionTypeDef = {"ModelPackageName": version.arn, "Environment": variables}
        with _once(), domain_errors():
            if self._connection.environment:
                self._connection.control.create_model(
                    ModelName=name,
                    ExecutionRoleArn=self._connection.role,
                    Containers=[registered],
                    Tags=_tags(tags),
                )
                return
            self._connection.control.create_model(
                ModelName=name,
                ExecutionRoleArn=self._connection.role,
                PrimaryContainer={
                    "Image": version.image,
                    "ModelDataUrl": version.model_data_url,
                    "Environment": variables,
                },
                Tags=_tags(tags),
            )

    def create_config(self, name: str, variants: Sequence[VariantTerms], tags: Mapping[str, str]) -> None:
        """An endpoint config; no error when one of this name exists: names say what is in them, but for its tags."""
        with _once(), domain_errors():
            self._connection.control.create_endpoint_config(
                EndpointConfigName=name,
                ProductionVariants=[_variant(variant) for variant in variants],
                Tags=_tags(tags),
            )

    def create(self, name: str, config: str, tags: Mapping[str, str]) -> None:
        """Ask for a new endpoint."""
        with domain_errors():
            self._connection.control.create_endpoint(EndpointName=name, EndpointConfigName=config, Tags=_tags(tags))

    def update(self, name: str, config: str, *, retain_counts: bool = False) -> None:
        """Ask an endpoint to move to another config; `retain_counts` keeps the instance counts in force."""
        with domain_errors():
            if retain_counts:
                self._connection.control.update_endpoint(
                    EndpointName=name,
                    EndpointConfigName=config,
                    RetainAllVariantProperties=True,
                    ExcludeRetainedVariantProperties=[{"VariantPropertyType": "DesiredWeight"}],
                )
            else:
                self._connection.control.update_endpoint(EndpointName=name, EndpointConfigName=config)

    def set_weights(self, name: str, weights: Mapping[str, float]) -> None:
        """Ask for another split between the variants. Weights are relative to their sum."""
        with domain_errors():
            self._connection.control.update_endpoint_weights_and_capacities(
                EndpointName=name,
                DesiredWeightsAndCapacities=[
                    {"VariantName": variant, "DesiredWeight": weight} for variant, weight in weights.items()
                ],
            )

    def tag(self, arn: str, tags: Mapping[str, str]) -> None:
        """Add or overwrite some tags."""
        with domain_errors():
            self._connection.control.add_tags(ResourceArn=arn, Tags=_tags(tags))

    def untag(self, arn: str, keys: Sequence[str]) -> None:
        """Take tags away; no error for one that is not there."""
        with domain_errors():
            self._connection.control.delete_tags(ResourceArn=arn, TagKeys=keys)

    def delete(self, name: str) -> None:
        """Ask for an endpoint's end."""
        with domain_errors():
            self._connection.control.delete_endpoint(EndpointName=name)

    # ---- wait

    def wait(self, name: str, config: str, progress: Progress, *, seconds: float = WAIT_SECONDS) -> EndpointState:
        """Wait until the endpoint is InService on `config`.

        Raises Unavailable when it fails, and when `seconds` are over; Refused when it settles on another config.
        """
        state = self.settle(name, progress, seconds=seconds)
        if state is None:
            raise NotFound(f"Endpoint {name} was deleted while we waited for it.")
        because = f": {state.failure_reason}" if state.failure_reason else "."
        if state.status != "InService":
            raise Unavailable(
                f"Endpoint {name} is {state.status}{because}",
                hint=f"`headgate logs {name}` shows what the model server wrote.",
            )
        if state.config_name != config:
            raise Refused(
                f"Endpoint {name} went back to {state.config_name} instead of {config}{because}",
                hint=f"`headgate logs {name}` shows what the model server wrote.",
            )
        return state

    def wait_gone(self, name: str, progress: Progress, *, seconds: float = 300) -> None:
        """Wait until a deleted endpoint is gone."""
        state = self.settle(name, progress, seconds=seconds)
        if state is not None:
            raise Unavailable(
                f"Endpoint {name} is {state.status} instead of gone: {state.failure_reason or 'no reason given'}."
            )

    def settle(self, name: str, progress: Progress, *, seconds: float = WAIT_SECONDS) -> EndpointState | None:
        """Wait until the change that is under way is over, however it ends; None where there is no such endpoint."""
        deadline = time.monotonic() + seconds
        heard = time.monotonic()
        while True:
            try:
                state = self.find(name)
            except Unavailable:
                # The engine may be on its way back up; what it was doing goes on by itself.
                if time.monotonic() > heard + SILENCE_SECONDS:
                    raise
                progress("waiting for the engine to answer", None)
            else:
                heard = time.monotonic()
                if state is None or state.settled:
                    return state
                progress(state.status, None)
            if time.monotonic() > deadline:
                raise Unavailable(
                    f"Endpoint {name} did not settle within {seconds:g} seconds.",
                    hint="It may still: `headgate status`.",
                )
            time.sleep(AWS_POLL_SECONDS if self._connection.environment else POLL_SECONDS)


@contextmanager
def _once() -> Iterator[None]:
    try:
        yield
    except Refused as error:
        if "already exist" not in error.message:
            raise


def _variant(terms: VariantTerms) -> "ProductionVariantTypeDef":
    if terms.serverless is not None:
        memory, concurrency = terms.serverless.memory, terms.serverless.concurrency
        return {
            "VariantName": terms.name,
            "ModelName": terms.model,
            "ServerlessConfig": {"MemorySizeInMB": memory, "MaxConcurrency": concurrency},
            "InitialVariantWeight": terms.weight,
        }
    return {
        "VariantName": terms.name,
        "ModelName": terms.model,
        "InitialInstanceCount": terms.instances,
        "InstanceType": cast("ProductionVariantInstanceTypeType", terms.instance_type),
        "InitialVariantWeight": terms.weight,
    }


def _serverless(variant: "ProductionVariantOutputTypeDef") -> Serverless | None:
    found = variant.get("ServerlessConfig")
    return Serverless(found["MemorySizeInMB"], found["MaxConcurrency"]) if found else None


def _tags(tags: Mapping[str, str]) -> "list[TagTypeDef]":
    return [{"Key": key, "Value": value} for key, value in tags.items()]


def _state(body: "DescribeEndpointOutputTypeDef") -> EndpointState:
    variants = tuple(
        VariantState(
            v["VariantName"],
            v.get("CurrentWeight", 0.0),
            v.get("DesiredWeight", 0.0),
            v.get("CurrentInstanceCount", 0),
            v.get("DesiredInstanceCount", 0),
        )
        for v in body.get("ProductionVariants", ())
    )
    return EndpointState(
        body["EndpointName"],
        body["EndpointArn"],
        body["EndpointStatus"],
        body.get("EndpointConfigName", ""),
        variants,
        body.get("FailureReason", ""),
        body["LastModifiedTime"].timestamp(),
    )
