"""What a rollout was started with, and never changes while it is open."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from headgate.core.endpoints import Serverless
from headgate.errors import InvalidInput
from headgate.rollout.plan import Step, from_json, to_json

Kind = Literal["rollout", "rollback"]
LAMBDA = "lambda"
"""The instance type in the terms of a rollout that moves the alias of a Lambda function."""


@dataclass(frozen=True, slots=True)
class Terms:
    """The content of a log's first entry.

    `config_before` is the endpoint config in force at the start (empty where there is no endpoint yet): the last good
    one, to which a roll-back returns. `pointer_before` is what the endpoint's last-good tag said. `canary_config` and
    `final_config` are the configs that the rollout makes; a rollback has the config to return to in `final_config`.
    """

    kind: Kind
    id: str
    project: str
    environment: str
    endpoint: str
    number: int
    generation: int
    version: int
    version_before: int
    config_before: str
    pointer_before: str
    canary_config: str
    final_config: str
    instance_type: str
    instances: int
    fallback: bool
    probe_refusable: bool
    """Whether the model has hooks of its own, which may not take a held-out row."""
    steps: tuple[Step, ...]
    reason: str = ""
    variables: Mapping[str, str] = field(default_factory=dict)
    """For the environment of the new model servers."""
    route: str = ""
    """The endpoint's own path at the gateway, once the new version is in force."""
    serverless: Serverless | None = None
    """On AWS, instead of instances."""
    tags: Mapping[str, str] = field(default_factory=dict)
    """The environment's own, for what the rollout makes."""

    @property
    def moves_alias(self) -> bool:
        """Whether a Lambda function answers, and not an endpoint."""
        return self.instance_type == LAMBDA

    @property
    def subject(self) -> str:
        """What is rolled out on, as people are told it: "endpoint iris-production"."""
        return f"{'function' if self.moves_alias else 'endpoint'} {self.endpoint}"

    def to_json(self) -> dict[str, Any]:
        """A JSON document; `from_json` reads it back."""
        return {**asdict(self), "steps": to_json(self.steps)}

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> "Terms":
        """Read what `to_json` wrote. Raises InvalidInput for anything else."""
        try:
            steps = from_json(document["steps"]) if document["steps"] else ()
            size = document.get("serverless")
            return cls(**{**document, "steps": steps, "serverless": Serverless(**size) if size else None})
        except (KeyError, TypeError) as error:
            raise InvalidInput(
                f"The first entry of the rollout's log is not one that this Headgate writes: {error}.",
                hint="Was it started by another version of Headgate? Finish it with that one.",
            ) from None
