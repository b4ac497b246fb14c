"""The input schema as a document."""

import json
from typing import Any

import pytest

from headgate.core.schema import Feature, InputSchema, Policy
from headgate.errors import InvalidInput

PLAIN = {
    "format": 1,
    "task": "classification",
    "target": "species",
    "features": [{"name": "x", "kind": "number", "nullable": False}],
    "labels": ["a", "b"],
}


def test_what_has_its_default_is_not_written() -> None:
    schema = InputSchema("classification", "species", (Feature("x"),), ("a", "b"))
    assert schema.to_json() == PLAIN
    assert InputSchema.from_json(PLAIN) == schema


def test_everything_comes_back() -> None:
    schema = InputSchema(
        "regression",
        "price",
        (Feature("colour", "string", True, ("red", "blue")), Feature("n", "integer"), Feature("b", "boolean")),
        policy=Policy(extra="ignore", nan="missing", echo=True, probabilities=True, max_rows=7, batch=3),
    )
    assert InputSchema.from_json(json.loads(json.dumps(schema.to_json()))) == schema


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"format": 2}, "format 2; this Headgate reads format 1"),
        ({"task": "ranking"}, "expected one of classification, regression, got 'ranking'"),
        ({"features": []}, "features should be there"),
        ({"features": [{"name": "x", "kind": "number"}] * 2}, "each with a name of its own"),
        ({"features": [{"name": "x", "kind": "number", "categories": ["1"]}]}, "only string features have categories"),
        ({"features": [{"name": "x", "kind": "string", "categories": [1]}]}, "categories should be text, got 1"),
        ({"features": 7}, "not an input schema"),
        ({"policy": {"extra": "drop"}}, "expected one of refuse, ignore, got 'drop'"),
        ({"policy": {"nan": True}}, "expected one of refuse, missing, got True"),
        ({"policy": {"echo": 1}}, "policy/echo should be true or false, got 1"),
        ({"policy": {"max_rows": 0}}, "policy/max_rows should be a whole number of at least 1, got 0"),
        ({"policy": {"batch": True}}, "policy/batch should be a whole number of at least 1, got True"),
        ({"policy": {"nulls": 1}}, "a key that this Headgate does not know: 'nulls'"),
    ],
)
def test_what_is_wrong_is_named(change: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidInput, match=message):
        InputSchema.from_json(PLAIN | change)
