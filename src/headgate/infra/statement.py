"""IAM as values: who may do what to which things, and why where it is more than one thing.

The roles of `policies` are made of these. The CDK's roles are built from them, and whoever wants to say them in words
reads the same values: there is no second source. None of the CDK's `grant` methods is used: they give more than is
asked for.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

HOUR = 3600

Conditions = Mapping[str, Mapping[str, str | tuple[str, ...]]]
"""Operator -> condition key -> value or values, as IAM has them."""


@dataclass(frozen=True, slots=True)
class Statement:
    """What one role may do. `why` is there where a resource ends in a wildcard, or is one."""

    role: str
    sid: str
    actions: tuple[str, ...]
    resources: tuple[str, ...]
    conditions: Conditions = field(default_factory=dict)
    why: str = ""

    @property
    def wildcards(self) -> tuple[str, ...]:
        """The resources that stand for more than one thing."""
        return tuple(resource for resource in self.resources if "*" in resource)

    def document(self) -> dict[str, Any]:
        """As a policy document has it."""
        return {
            "Sid": self.sid,
            "Effect": "Allow",
            "Action": list(self.actions),
            "Resource": list(self.resources),
            **({"Condition": plain(self.conditions)} if self.conditions else {}),
        }


@dataclass(frozen=True, slots=True)
class Trust:
    """Who may take a role on: an AWS service, or a workflow through an OIDC provider."""

    service: str = ""
    provider: str = ""
    conditions: Conditions = field(default_factory=dict)

    def document(self) -> dict[str, Any]:
        """The role's trust policy."""
        principal = {"Federated": self.provider} if self.provider else {"Service": self.service}
        action = "sts:AssumeRoleWithWebIdentity" if self.provider else "sts:AssumeRole"
        said: dict[str, Any] = {"Effect": "Allow", "Principal": principal, "Action": action}
        return policy([said | ({"Condition": plain(self.conditions)} if self.conditions else {})])


@dataclass(frozen=True, slots=True)
class Role:
    """One role: its name on AWS, what it is for, who takes it on, and what it may do then."""

    key: str
    name: str
    purpose: str
    trust: Trust
    statements: tuple[Statement, ...]
    longest: int = HOUR
    """For how many seconds it may be taken on at a time."""

    def document(self) -> dict[str, Any]:
        """The role's one policy."""
        return policy([statement.document() for statement in self.statements])


def policy(statements: list[dict[str, Any]]) -> dict[str, Any]:
    """A policy document."""
    return {"Version": "2012-10-17", "Statement": statements}


def plain(conditions: Conditions) -> dict[str, dict[str, str | list[str]]]:
    """Conditions as JSON has them."""
    return {
        operator: {key: value if isinstance(value, str) else list(value) for key, value in keys.items()}
        for operator, keys in conditions.items()
    }
