"""What IAM would answer, for the few operators and principals that our policies use: same account, no boundaries.

An explicit deny in any policy wins; else an allow of the role's policy or of the thing's own is enough, but for keys,
whose own policy has to let the account's roles in first. Operators that are not here raise: a policy that is not
understood must not pass.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

Document = Mapping[str, Any]


@dataclass(frozen=True)
class Request:
    """Who (a role's ARN or a service) asks for what; `context` as IAM's condition keys."""

    principal: str
    action: str
    resource: str
    context: Mapping[str, str | list[str]] = field(default_factory=dict)


def decide(request: Request, identity: Iterable[Document], attached: Iterable[Document]) -> str:
    """`allow` or `deny`. `identity` are the role's policies, `attached` those of the thing that is asked for."""
    own = [s for document in identity for s in document["Statement"] if _applies(s, request)]
    things = [s for document in attached for s in document["Statement"]]
    others = [s for s in things if _names(s, request.principal) and _applies(s, request)]
    if any(statement["Effect"] == "Deny" for statement in [*own, *others]):
        return "deny"
    if request.action.startswith("kms:") and not others:
        return "deny"
    if request.action.startswith("kms:") and any(":root" in str(s["Principal"]) for s in others):
        return "allow" if own else "deny"
    return "allow" if own or others else "deny"


def matches(pattern: str, value: str) -> bool:
    """IAM's wildcards: * is any text, ? one character; names of actions have no case."""
    expression = re.escape(pattern).replace(r"\*", ".*").replace(r"\?", ".")
    return re.fullmatch(expression, value, re.DOTALL) is not None


def _names(statement: Document, principal: str) -> bool:
    said = statement["Principal"]
    if said == "*":
        return True
    if principal.startswith("arn:"):
        account = ":".join([*principal.split(":")[:5], "root"])
        return bool({principal, account} & {*_list(said.get("AWS", []))})
    return principal in _list(said.get("Service", []))


def _applies(statement: Document, request: Request) -> bool:
    if not any(matches(action.lower(), request.action.lower()) for action in _list(statement["Action"])):
        return False
    if not any(matches(resource, request.resource) for resource in _list(statement.get("Resource", "*"))):
        return False
    return all(
        _holds(operator, _list(wanted), request.context.get(key))
        for operator, keys in statement.get("Condition", {}).items()
        for key, wanted in keys.items()
    )


def _holds(operator: str, wanted: list[str], given: str | list[str] | None) -> bool:
    if operator == "Null":
        return (given is None) == (wanted == ["true"])
    if given is None:
        return False
    match operator:
        case "StringEquals" | "ArnEquals" | "Bool" | "ForAnyValue:StringEquals":
            return bool({*wanted} & {*_list(given)})
        case "StringLike" | "ArnLike":
            return any(matches(pattern, value) for pattern in wanted for value in _list(given))
    raise NotImplementedError(operator)


def _list(value: Any) -> list[str]:
    return value if isinstance(value, list) else [value]
