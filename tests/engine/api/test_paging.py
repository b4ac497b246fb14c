"""Paging is pure, so it is tested as such; that the lists use it is tested with each of them."""

import base64
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headgate.engine.api.errors import ApiError
from headgate.engine.api.paging import Body, list_page

SORT = {"Name": "Name", "CreationTime": "CreationTime"}


def bodies(count: int) -> list[Body]:
    return [{"Name": f"n{i:03}", "CreationTime": float(i // 2)} for i in range(count)]


def page(request: dict[str, Any], items: list[Body]) -> tuple[list[str], str | None]:
    found, token = list_page(request, items, SORT, name="Name")
    return [item["Name"] for item in found], token.get("NextToken")


def test_ten_come_first_and_the_newest_of_them_first() -> None:
    names, token = page({}, bodies(12))
    assert names == [f"n{i:03}" for i in range(11, 1, -1)]
    assert page({"NextToken": token}, bodies(12)) == (["n001", "n000"], None)


@given(
    count=st.integers(0, 40),
    size=st.integers(1, 15),
    sort_by=st.sampled_from(["Name", "CreationTime"]),
    order=st.sampled_from(["Ascending", "Descending"]),
)
def test_pages_put_together_are_the_list(count: int, size: int, sort_by: str, order: str) -> None:
    request: dict[str, Any] = {"MaxResults": size, "SortBy": sort_by, "SortOrder": order}
    seen, token = page(request, bodies(count))
    while token:
        more, token = page({**request, "NextToken": token}, bodies(count))
        assert 0 < len(more) <= size
        seen += more
    assert seen == sorted((b["Name"] for b in bodies(count)), reverse=order == "Descending")


def test_what_goes_and_comes_between_pages_hides_nothing() -> None:
    items = bodies(20)
    names, token = page({"MaxResults": 5}, items)
    items = [i for i in items if i["Name"] not in names] + [{"Name": "new", "CreationTime": 99.0}]
    assert page({"MaxResults": 5, "NextToken": token}, items)[0] == [f"n{i:03}" for i in range(14, 9, -1)]


def test_filters() -> None:
    assert page({"NameContains": "n00", "SortOrder": "Ascending"}, bodies(12))[0] == [f"n{i:03}" for i in range(10)]
    assert page({"CreationTimeAfter": 4.0, "CreationTimeBefore": 5}, bodies(12))[0] == ["n009", "n008"]


def forged(document: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(document).encode()).decode()


def test_a_token_of_another_list_or_of_nobody_is_refused() -> None:
    _, token = page({"MaxResults": 5, "NameContains": "n"}, bodies(12))
    assert token is not None
    fingerprint = json.loads(base64.urlsafe_b64decode(token))[0]
    wrong = [token, "x", "{}", "ü", "===", forged(1), forged([]), forged([fingerprint, 1]), forged(None)]
    for one in wrong:
        request = {"NextToken": one} if one == token else {"NextToken": one, "NameContains": "n"}
        with pytest.raises(ApiError, match="Invalid NextToken"):
            page(request, bodies(12))
    with pytest.raises(ApiError, match="Invalid NextToken"):
        page({"NextToken": forged([fingerprint, [{}, None]]), "NameContains": "n"}, bodies(12))
