"""Lists: filtered, sorted, and cut into pages.

A page ends with a token that says where it ended (the sort key of its last item), not how many items came before: what
is created or deleted between two calls neither hides an item nor shows one twice. The token carries a digest of the
rest of the request, so that it is only taken with the request it was made for.
"""

import base64
import binascii
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from headgate.core.digest import digest_json
from headgate.engine.api.errors import invalid

DEFAULT_PAGE = 10

Body = dict[str, Any]


def list_page(
    request: Mapping[str, Any],
    bodies: Iterable[Body],
    sort_keys: Mapping[str, str],
    *,
    name: str,
    order: str = "Descending",
    tie: Callable[[Body], Any] | None = None,
) -> tuple[list[Body], dict[str, str]]:
    """One page of `bodies`, and `{"NextToken": …}` where there is more.

    `sort_keys` maps each value of SortBy to a member of the body; `name` is the member that NameContains looks at;
    `order` is the default of SortOrder; `tie` orders items of equal key, and no two items may tie there.
    """
    sort_by = sort_keys[request.get("SortBy", "CreationTime")]

    def position(body: Body) -> list[Any]:
        return [body[sort_by], tie(body) if tie else body[name]]

    descending = request.get("SortOrder", order) == "Descending"
    wanted = sorted((b for b in bodies if _is_wanted(b, request, name)), key=position, reverse=descending)
    fingerprint = fingerprint_of(request, "MaxResults")
    rest = _after(request.get("NextToken"), fingerprint, wanted, position, descending)
    page = rest[: request.get("MaxResults", DEFAULT_PAGE)]
    if len(page) == len(rest):
        return page, {}
    return page, {"NextToken": write_token(fingerprint, position(page[-1]))}


def summaries(page: Iterable[Body], members: Sequence[str]) -> list[Body]:
    """The given members of each body, where it has them."""
    return [{key: body[key] for key in members if key in body} for body in page]


def _is_wanted(body: Body, request: Mapping[str, Any], name: str) -> bool:
    if request.get("NameContains", "") not in body[name]:
        return False
    for time in ("CreationTime", "LastModifiedTime"):
        if f"{time}After" in request and body[time] < request[f"{time}After"]:
            return False
        if f"{time}Before" in request and body[time] >= request[f"{time}Before"]:
            return False
    return True


def fingerprint_of(request: Mapping[str, Any], *volatile: str) -> str:
    """What a token is good for: the request without NextToken and the members that may change from page to page."""
    return digest_json({k: v for k, v in request.items() if k != "NextToken" and k not in volatile})[:16]


def write_token(fingerprint: str, position: Sequence[Any]) -> str:
    """A token that says where a page ended."""
    return base64.urlsafe_b64encode(json.dumps([fingerprint, position]).encode()).decode()


def read_token(token: str, fingerprint: str) -> list[Any]:
    """Where the page ended. Raises ValueError unless `write_token` gave the token for the same fingerprint."""
    try:
        made_for, position = json.loads(base64.urlsafe_b64decode(token.encode()))
    except (ValueError, TypeError, RecursionError, binascii.Error):
        raise ValueError("not a token") from None
    if made_for != fingerprint or not isinstance(position, list):
        raise ValueError("a token for another request")
    return position


def _after(
    token: str | None,
    fingerprint: str,
    items: list[Body],
    position: Callable[[Body], list[Any]],
    descending: bool,
) -> list[Body]:
    if not token:
        return items
    refusal = invalid("Invalid NextToken: it is not one that this list gave for the same filters and order.")
    try:
        last = read_token(token, fingerprint)
        return [i for i in items if (position(i) < last if descending else position(i) > last)]
    except (ValueError, TypeError):
        raise refusal from None
