import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headgate.engine.api.control import Api
from headgate.engine.api.patterns import matches
from headgate.engine.api.service_model import Shapes
from headgate.engine.state import State

TAG = r"([\p{L}\p{Z}\p{N}_.:/=+\-@]*)"
METADATA = r"([\p{L}\p{Z}\p{N}_.:\/=+\-@]*)${1,128}"


@pytest.mark.parametrize("text", ["", "headgate:run", "Größe 1", "日本 語", "٣", "a-b@c"])
def test_what_a_tag_may_hold(text: str) -> None:
    assert matches(TAG, text)
    assert matches(METADATA, text)


@pytest.mark.parametrize("text", ["a{", "x\n", "€", "a*", "é!", "\ue000"])
def test_what_a_tag_may_not_hold(text: str) -> None:
    assert not matches(TAG, text)
    assert not matches(METADATA, text)


@given(st.characters(exclude_categories=["Cs"]), st.sampled_from("LMNPSZ"))
def test_a_category_holds_exactly_its_characters(character: str, category: str) -> None:
    pattern = rf"[\p{{{category}}}]"
    assert matches(pattern, character) == (unicodedata.category(character)[0] == category)


def test_a_whole_value_must_match() -> None:
    assert not matches("[a-z]+", "abc\n")
    assert not matches("[a-z]+", "abc1")


def test_every_pattern_that_a_request_can_meet_is_understood(state: State) -> None:
    """A newer service model with a pattern that `re` refuses must show here, not at a user's request."""
    api = Api(state, account="000000000000", region="us-east-1", wake=lambda _: None)
    shapes = Shapes("sagemaker")
    seen: set[str] = set()
    todo = [shapes.request(operation) for operation in sorted(api.operations)]
    while todo:
        shape = todo.pop()
        if shape.name in seen:
            continue
        seen.add(shape.name)
        if "pattern" in shape.metadata:
            matches(shape.metadata["pattern"], "x")
        todo += getattr(shape, "members", {}).values()
        todo += [getattr(shape, part) for part in ("member", "key", "value") if hasattr(shape, part)]
    assert len(seen) > 100
