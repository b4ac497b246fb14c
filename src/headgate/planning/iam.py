"""Permissions in plain words: what each role may do, to what, and under which condition.

Takes anything that has a role, actions, resources and conditions, such as the statements that `infra` makes its roles
of. Actions that are one thing to people are said as one; an action that has no words is said by its name.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Protocol

VERBS = {
    "Add": "add",
    "Batch": "read",
    "Complete": "complete",
    "Create": "make",
    "Decrypt": "decrypt with",
    "Delete": "delete",
    "Describe": "look at",
    "Encrypt": "encrypt with",
    "Generate": "make",
    "Get": "read",
    "Initiate": "begin",
    "Invoke": "call",
    "List": "list",
    "Publish": "publish",
    "Put": "write",
    "Send": "send",
    "Set": "set",
    "Start": "start",
    "Stop": "stop",
    "Tag": "tag",
    "Untag": "untag",
    "Update": "change",
    "Upload": "upload",
}
TOGETHER: tuple[tuple[frozenset[str], str], ...] = (
    (
        frozenset({"ecr:InitiateLayerUpload", "ecr:UploadLayerPart", "ecr:CompleteLayerUpload", "ecr:PutImage"}),
        "push images",
    ),
    (
        frozenset({"ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"}),
        "pull images",
    ),
    (frozenset({"logs:CreateLogStream", "logs:PutLogEvents"}), "write to the log"),
    (frozenset({"kms:Decrypt", "kms:GenerateDataKey"}), "use the key"),
    (frozenset({"s3:PutObject", "s3:AbortMultipartUpload"}), "write objects"),
    (frozenset({"states:SendTaskSuccess", "states:SendTaskFailure"}), "answer a waiting task"),
    (frozenset({"lambda:TagResource", "lambda:UntagResource"}), "change tags"),
    (frozenset({"sagemaker:AddTags", "sagemaker:DeleteTags"}), "change tags"),
    (
        frozenset(f"logs:{verb}LogDelivery" for verb in ("Create", "Get", "Update", "Delete"))
        | {"logs:ListLogDeliveries"},
        "set up log deliveries",
    ),
    (
        frozenset(f"xray:{name}" for name in ("PutTraceSegments", "PutTelemetryRecords"))
        | {"xray:GetSamplingRules", "xray:GetSamplingTargets"},
        "write traces",
    ),
)
"""Actions that are one thing to people."""
OWN = {
    "*": "do everything",
    "ecr:GetAuthorizationToken": "log in to the image registry",
    "ecr:PutImage": "push images",
    "iam:PassRole": "hand the role on",
    "kms:Decrypt": "decrypt with the key",
    "kms:GenerateDataKey": "encrypt with the key",
    "lambda:GetAlias": "look at the alias",
    "lambda:GetFunction": "look at the function",
    "lambda:InvokeFunction": "call the function",
    "lambda:ListVersionsByFunction": "list the function's versions",
    "lambda:TagResource": "add tags",
    "lambda:UntagResource": "delete tags",
    "lambda:UpdateAlias": "move the alias",
    "lambda:UpdateFunctionCode": "change the function's code",
    "s3:AbortMultipartUpload": "break uploads off",
    "s3:DeleteObject": "delete objects",
    "s3:GetObject": "read objects",
    "s3:ListBucket": "list the bucket",
    "s3:PutObject": "write objects",
    "sagemaker:InvokeEndpoint": "ask the endpoint",
    "sagemaker:UpdateEndpointWeightsAndCapacities": "move traffic between variants",
    "states:SendTaskFailure": "answer a waiting task",
    "states:SendTaskSuccess": "answer a waiting task",
    "states:StartExecution": "start the state machine",
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


class Taken(Protocol):
    """What `taken_on_by` reads of a role's trust."""

    @property
    def service(self) -> str: ...
    @property
    def provider(self) -> str: ...
    @property
    def conditions(self) -> Mapping[str, Mapping[str, str | Sequence[str]]]: ...


def taken_on_by(trust: Taken) -> str:
    """Who takes a role on: `Lambda`, or `GitHub as repo:acme/iris:environment:production`."""
    if not trust.provider:
        name = trust.service.partition(".")[0]
        return SERVICES.get(name, name)
    subjects = [_or(value) for keys in trust.conditions.values() for key, value in keys.items() if key.endswith(":sub")]
    known = {"token.actions.githubusercontent.com": "GitHub"}
    issuer = trust.provider.partition("oidc-provider/")[2]
    return f"{known.get(issuer, issuer)} as {_or(subjects) if subjects else 'anybody'}"


def in_words(statements: Iterable[Permission]) -> dict[str, list[str]]:
    """Role -> a sentence for each of its statements, both in the order given."""
    said: dict[str, list[str]] = {}
    for statement in statements:
        said.setdefault(statement.role, []).append(_sentence(statement))
    return said


def _sentence(statement: Permission) -> str:
    resources = _and([*dict.fromkeys(map(_resource, statement.resources))])
    conditions = [
        f"{key} {OPERATORS.get(operator, operator)} {_or(value)}"
        for operator, keys in statement.conditions.items()
        for key, value in keys.items()
    ]
    where = f", only where {_and(conditions)}" if conditions else ""
    return f"may {_listed(_actions(statement.actions))}: {resources}{where}"


def _actions(actions: Sequence[str]) -> list[str]:
    """What is done, each verb once: `look at models and endpoints`."""
    left, said = [*dict.fromkeys(actions)], []
    for group, words in TOGETHER:
        if group <= {*left}:
            left = [action for action in left if action not in group]
            said.append(words)
    things: dict[str, list[str]] = {}
    for action in left:
        verb, thing = _action(action)
        things.setdefault(verb, []).extend([thing] if thing else [])
    said += [f"{verb} {_and([*dict.fromkeys(found)])}" if found else verb for verb, found in things.items()]
    return [*dict.fromkeys(said)]


def _action(action: str) -> tuple[str, str]:
    """What an action does, and to what: `sagemaker:UpdateEndpoint` changes endpoints. A wildcard is said as such."""
    if action in OWN:
        return OWN[action], ""
    service, _, name = action.partition(":")
    if "*" in action:
        where = SERVICES.get(service, service)
        return f"do everything in {where}" if name == "*" else f"do all of {name} in {where}", ""
    words = re.findall(r"[A-Z]+(?![a-z])|[A-Z][a-z0-9]*", name)
    verb = VERBS.get(words[0]) if words else None
    if verb is None or len(words) < 2:
        return action, ""
    return verb, _plural(" ".join(word if word.isupper() else word.lower() for word in words[1:]))


def _plural(thing: str) -> str:
    if thing.endswith(("s", "data")):
        return thing
    return f"{thing[:-1]}ies" if thing.endswith("y") else f"{thing}s"


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


def _listed(words: Sequence[str]) -> str:
    """As `_and`, but with commas alone where a part has an "and" of its own."""
    return ", ".join(words) if any(" and " in word for word in words) else _and(words)


def _or(value: str | Sequence[str]) -> str:
    values = [value] if isinstance(value, str) else [*value]
    return values[0] if len(values) == 1 else f"{', '.join(values[:-1])} or {values[-1]}"
