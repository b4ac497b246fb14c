"""What is known of an endpoint, and what it answers."""

from collections.abc import Mapping
from dataclasses import dataclass, field

IN_PROGRESS = ("Creating", "Updating", "SystemUpdating", "RollingBack", "Deleting")
"""Statuses that pass by themselves."""
BROKEN = ("Failed", "UpdateRollbackFailed")
"""Statuses of an endpoint whose change failed, and was not taken back either."""


def endpoint_name(project: str, environment: str) -> str:
    """The one endpoint of a project in an environment."""
    return f"{project}-{environment}"


@dataclass(frozen=True, slots=True)
class VariantState:
    """One production variant as it runs. Weights are relative to their sum."""

    name: str
    weight: float
    desired_weight: float
    instances: int
    desired_instances: int


@dataclass(frozen=True, slots=True)
class Serverless:
    """Instead of instances: memory in MB, and how many requests are answered at the same time."""

    memory: int
    concurrency: int


@dataclass(frozen=True, slots=True)
class VariantTerms:
    """One production variant as an endpoint config asks for it."""

    name: str
    model: str
    instance_type: str
    instances: int
    weight: float
    serverless: Serverless | None = None


@dataclass(frozen=True, slots=True)
class EndpointState:
    """One endpoint as the control API describes it. `config_name` is the config in force, not the one it moves to."""

    name: str
    arn: str
    status: str
    config_name: str
    variants: tuple[VariantState, ...] = ()
    failure_reason: str = ""
    modified: float = 0.0
    """When it was last changed, in epoch seconds."""

    @property
    def settled(self) -> bool:
        """Whether the status stays as it is until somebody asks for a change."""
        return self.status not in IN_PROGRESS

    def runs(self, config: str) -> bool:
        """Whether this config is in force, and the endpoint whole."""
        return self.config_name == config and self.status not in BROKEN


@dataclass(frozen=True, slots=True)
class Answer:
    """What an endpoint answered: the body as sent, the variant that answered, and the headers in lower case."""

    body: bytes
    content_type: str
    variant: str
    headers: Mapping[str, str] = field(default_factory=dict)
