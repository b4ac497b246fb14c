"""Model versions as the registry knows them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, get_args

from headgate.errors import InvalidInput

ApprovalStatus = Literal["PendingManualApproval", "Approved", "Rejected"]

METRIC_PREFIX = "metric."
"""Metrics are metadata whose key begins so."""
HELD_OUT = "held-out.sha256"
"""The metadata key that says on which rows the metrics were measured."""


@dataclass(frozen=True, slots=True)
class ModelVersion:
    """One version (SageMaker: model package) of a project (its group)."""

    project: str
    number: int
    arn: str
    status: ApprovalStatus
    description: str = ""
    image: str = ""
    model_data_url: str = ""
    environment: Mapping[str, str] = field(default_factory=dict)
    metadata: Mapping[str, str] = field(default_factory=dict)

    @property
    def metrics(self) -> dict[str, float]:
        """The metrics it was registered with."""
        return {
            k.removeprefix(METRIC_PREFIX): float(v) for k, v in self.metadata.items() if k.startswith(METRIC_PREFIX)
        }


def approval_status(text: str) -> ApprovalStatus:
    """Read a ModelApprovalStatus. Raises InvalidInput for one that does not exist."""
    for known in get_args(ApprovalStatus):
        if text == known:
            return known  # type: ignore[no-any-return]
    raise InvalidInput(f"The registry answered with an unknown approval status: {text!r}.")
