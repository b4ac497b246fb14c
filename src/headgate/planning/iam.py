"""Permissions in plain words: what each role may do, to what, and under which condition.

Takes anything that has a role, actions, resources and conditions, such as the statements that `infra` makes its roles
of. A statement says its actions by what they do; an action that has no words of its own is said by its name.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Protocol

VERBS = {
    "Get": "read",
    "Describe": "look at",
    "List": "list",
    "Put": "write",
    "Create": "make",
    "Update": "change",
    "Delete": "delete",
    "Invoke": "call",
    "Start": "start",
    "Stop": "stop",
    "Send": "send",
    "Add": "add",
    "Publish": "publish",
    "Batch": "read",
    "Initiate": "begin",
    "Upload": "upload",
    "Complete": "complete",
    "Decrypt": "decrypt with",
    "Encrypt": "encrypt with",
    "Generate": "make",
    "Tag": "tag",
    "Untag": "untag",
    "Set": "set",
}
OWN = {
    "iam:PassRole": "hand the role on",
    "s3:GetObject": "read objects",
    "s3:PutObject": "write objects",
    "s3:DeleteObject": "delete objects",
    "s3:ListBucket": "list the bucket",
    "sagemaker:InvokeEndpoint": "ask the endpoint",
    "lambda:InvokeFunction": "call the function",
    "states:StartExecution": "start the state machine",
    "kms:Decrypt": "decrypt with the key",
    "kms:GenerateDataKey": "encrypt with the key",
    "ecr:GetAuthorizationToken": "log in to the image registry",
    "ecr:PutImage": "push images",
    "sns:Publish": "publish",
    "sts:AssumeRole": "take the role on",
}
SERVICES = {
    "cloudwatch": "CloudWatch",
    "ecr": "the image registry",
    "iam": "IAM",
    "kms": "KMS",
    "lambda": "Lambda",
    "logs": "logs",
    "s3": "S3",
    "sagemaker": "SageMaker",
    "sns": "SNS",
    "sqs": "SQS",
    "states": "Step Functions",
    "sts": "STS",
}
OPERATORS = {
    "StringEquals": "is",
    "StringLike": "is like",
    "ArnEquals": "is",
    "ArnLike": "is like",
    "Bool": "is",
    "StringNotEquals": "is not",
    "ForAnyValue:StringEquals": "has",
    "ForAllValues:StringEquals": "has only",
}


class Permission(Protocol):
    """What `in_words` reads of a statement."""

    @property
    def role(self) -> str: ...
    @property
    def actions(self) -> Sequence[str]: ...
    @property
    def resources(self) -> Sequence[str]: ...
    @property
    def conditions(self) -> Mapping[str, Mapping[str, str | Sequence[str]]]: ...


def in_words(statements: Iterable[Permission]) -> dict[str, list[str]]:
    """Role -> a sentence for each of its statements, both in the order given."""
    said: dict[str, list[str]] = {}
    for statement in statements:
        said.setdefault(statement.role, []).append(_sentence(statement))
    return said


def _sentence(statement: Permission) -> str:
    actions = _and([*dict.fromkeys(map(_action, statement.actions))])
    resources = _and([*dict.fromkeys(map(_resource, statement.resources))])
    conditions = [
        f"{key} {OPERATORS.get(operator, operator)} {_or(value)}"
        for operator, keys in statement.conditions.items()
        for key, value in keys.items()
    ]
    return f"may {actions}: {resources}{', only where ' + _and(conditions) if conditions else ''}"


def _action(action: str) -> str:
    """`sagemaker:UpdateEndpoint` is "change endpoints in SageMaker"; a wildcard is said as such."""
    if action == "*":
        return "do everything"
    if action in OWN:
        return OWN[action]
    service, _, name = action.partition(":")
    where = SERVICES.get(service, service)
    if "*" in action:
        return f"do everything in {where}" if name == "*" else f"do all of {name} in {where}"
    words = re.findall(r"[A-Z]+(?![a-z])|[A-Z][a-z0-9]*", name)
    verb = VERBS.get(words[0]) if words else None
    if verb is None:
        return action
    return " ".join([verb, *(word if word.isupper() else word.lower() for word in words[1:]), "in", where])


def _resource(resource: str) -> str:
    """The last parts of an ARN, which say what it is; the rest is the account and the region."""
    if resource == "*":
        return "everything in the account"
    parts = resource.split(":", 5)
    if len(parts) < 6 or parts[0] != "arn":
        return resource
    _, _, service, region, account, name = parts
    foreign = f" of account {account}" if account in ("*", "") and service not in ("s3",) else ""
    anywhere = " in any region" if region == "*" else ""
    return f"{SERVICES.get(service, service)} {name}{foreign}{anywhere}"


def _and(words: Sequence[str]) -> str:
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}" if words else "nothing"


def _or(value: str | Sequence[str]) -> str:
    values = [value] if isinstance(value, str) else [*value]
    return values[0] if len(values) == 1 else f"{', '.join(values[:-1])} or {values[-1]}"
