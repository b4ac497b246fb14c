"""The sections of an environment that say how a model is hosted and reached on AWS.

    hosting    what answers: a real-time endpoint, a serverless one, or a Lambda function with the model in its image
    front      the door for callers: API Gateway, who may pass, and how often
    alarms     what wakes somebody up

Locally they have no effect, as an instance type has none: the same file describes the laptop and the account.
"""

from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    ConfigDict,
    Field,
    SerializerFunctionWrapHandler,
    StringConstraints,
    model_serializer,
    model_validator,
)
from pydantic_core import PydanticCustomError

from headgate.spec.rollout import Bake, Percent
from headgate.spec.section import Section

KINDS = ("realtime", "serverless", "lambda")
Kind = Literal["realtime", "serverless", "lambda"]

Origin = Annotated[str, StringConstraints(pattern=r"^https://[A-Za-z0-9.-]+(:[0-9]{1,5})?$", max_length=200)]
Mail = Annotated[str, StringConstraints(pattern=r"^[^@\s]+@[^@\s]+$", max_length=254)]


class Realtime(Section):
    """A SageMaker endpoint on instances of its own, as `instances` says. It takes canaries and shadows."""


class Serverless(Section):
    """A SageMaker serverless endpoint: paid by the request, cold after a pause, one variant only."""

    memory: Literal[1024, 2048, 3072, 4096, 5120, 6144] = Field(default=2048, description="Memory in MB.")
    concurrency: int = Field(default=5, ge=1, le=200, description="How many requests it answers at the same time.")


class Function(Section):
    """A Lambda function whose image holds the model."""

    memory: int = Field(default=1024, ge=128, le=10_240, description="Memory in MB; processors come with it.")
    timeout: int = Field(default=20, ge=1, le=29, description="Seconds; API Gateway waits for 29.")
    concurrency: int = Field(
        default=10, ge=1, le=1000, description="How many requests it answers at the same time: the cap on its cost."
    )


class Hosting(Section):
    """What answers on AWS: exactly one of these keys."""

    model_config = ConfigDict(json_schema_extra={"minProperties": 1, "maxProperties": 1})

    realtime: Realtime | None = Field(default=None, description="Instances of its own; default.")
    serverless: Serverless | None = Field(default=None, description="Paid by the request.")
    function: Function | None = Field(default=None, alias="lambda", description="A Lambda function.")

    @property
    def kind(self) -> Kind:
        """Which of them."""
        return "serverless" if self.serverless else "lambda" if self.function else "realtime"

    @model_validator(mode="after")
    def _one(self) -> "Hosting":
        if sum(value is not None for value in (self.realtime, self.serverless, self.function)) != 1:
            raise PydanticCustomError("one_key", f"should have one key of {', '.join(KINDS)}")
        return self

    @model_serializer(mode="wrap")
    def _said(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """The one key that is there, as it is written."""
        return {
            {"function": "lambda"}.get(key, key): value for key, value in handler(self).items() if value is not None
        }


class Front(Section):
    """API Gateway in front of the model."""

    auth: Literal["api-key", "iam"] = Field(
        default="api-key", description="Who may pass: callers with a key, or with AWS credentials."
    )
    version: Annotated[str, StringConstraints(pattern=r"^v[1-9][0-9]{0,2}$")] = Field(
        default="v1", description="The first part of the path, so that a later one can differ."
    )
    origins: list[Origin] = Field(
        default=[], max_length=20, description="Web pages that may call it from a browser. Default: none."
    )
    rate: int = Field(default=20, ge=1, le=10_000, description="Requests a second, on average.")
    burst: int = Field(
        default=10,
        ge=1,
        le=5_000,
        description="How many may come at once. Those that the function behind it cannot take at the same time, by its "
        "`concurrency`, get a 500.",
    )
    concurrency: int = Field(
        default=10,
        ge=1,
        le=1000,
        description="How many requests the function between API Gateway and a SageMaker endpoint passes on at the same "
        "time: the cap on its cost. It has no effect with `hosting: {lambda: ...}`.",
    )


class Alarms(Section):
    """What wakes somebody up, and takes a new version back while it is watched."""

    errors: Percent = Field(
        default=1.0, json_schema_extra={"default": "1%"}, description="The share of requests that fail (5xx)."
    )
    latency_p99: int = Field(
        default=1000, ge=1, le=60_000, description="Milliseconds in which 99 of 100 requests are answered."
    )
    quiet: Bake | None = Field(
        default=None, description="How long there may be no request at all, such as `6h`. Default: for ever."
    )
    notify: list[Mail] = Field(default=[], max_length=10, description="Mail addresses; each has to confirm once.")


def account(value: str) -> str:
    """An account number. Raises PydanticCustomError."""
    if len(value) != 12 or not value.isdecimal() or not value.isascii():
        raise PydanticCustomError("account", "should be the account's 12 digits, in quotes")
    return value


Account = Annotated[str, AfterValidator(account)]
Region = Annotated[str, StringConstraints(pattern=r"^[a-z]{2}(-[a-z]+)+-[0-9]$")]
