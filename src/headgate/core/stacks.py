"""What is known of a CloudFormation stack."""

from collections.abc import Mapping
from dataclasses import dataclass, field

ANNOUNCED = "REVIEW_IN_PROGRESS"
NEVER_MADE = (ANNOUNCED, "CREATE_FAILED", "ROLLBACK_IN_PROGRESS", "ROLLBACK_COMPLETE", "ROLLBACK_FAILED")
"""Statuses of a stack whose first deployment did not end well. The next one begins anew, and is told everything."""


@dataclass(frozen=True, slots=True)
class StackState:
    """One stack as CloudFormation describes it. `id` is its ARN, which names it after its end as well."""

    name: str
    id: str
    status: str
    reason: str = ""
    tags: Mapping[str, str] = field(default_factory=dict)
    parameters: frozenset[str] = frozenset()
    """The names of those that it was told."""

    @property
    def empty(self) -> bool:
        """Whether a first deployment was announced and not begun: then nothing is in it, not even its tags."""
        return self.status == ANNOUNCED

    @property
    def gone(self) -> bool:
        """Whether it was deleted."""
        return self.status == "DELETE_COMPLETE"

    @property
    def changing(self) -> bool:
        """Whether somebody makes or changes it just now."""
        return self.status.endswith("_IN_PROGRESS") and self.status not in (ANNOUNCED, "DELETE_IN_PROGRESS")

    def knows(self, parameter: str) -> bool:
        """Whether the next deployment may leave this parameter out, as what was told before holds."""
        return self.status not in NEVER_MADE and parameter in self.parameters
