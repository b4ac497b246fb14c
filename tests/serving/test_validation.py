"""What is refused, what is ignored, and what a caller is told."""

import json
from typing import Any

import pytest

from headgate.core.missing import MISSING
from headgate.core.schema import Feature, Policy
from headgate.errors import InvalidInput, PayloadTooLarge
from tests.serving.sums import sums

ECHO = Policy(echo=True)
COLOURS = tuple(f"colour {n}" for n in range(12))


def ask(document: Any, *features: Feature, policy: Policy = ECHO, content_type: str | None = None) -> Any:
    body = document if isinstance(document, bytes) else json.dumps(document).encode()
    return json.loads(sums(*features, policy=policy).predict(body, content_type, None).body)["request"]


def refuse(document: Any, *features: Feature, **how: Any) -> InvalidInput:
    with pytest.raises(InvalidInput) as caught:
        ask(document, *features, **how)
    return caught.value


def test_a_category_is_one_of_those_in_the_schema() -> None:
    colour = Feature("c", "string", categories=COLOURS)
    assert ask({"c": "colour 11"}, colour) == {"c": "colour 11"}
    error = refuse([{"c": "colour 3"}, {"c": "coluor 7"}], colour)
    listed = ", ".join(repr(c) for c in COLOURS[:10])
    assert error.message == f"row 2, feature 'c': expected one of {listed} or 2 more, got 'coluor 7'."
    assert error.hint == "Did you mean 'colour 7'?"
    assert refuse(b'c\n\n""\n', colour, content_type="text/csv").message.startswith("row 1, feature 'c': expected one")
    assert refuse({"c": 3}, colour).message == "row 1, feature 'c': expected a string, got 3."


@pytest.mark.parametrize("texts", [("False", "True"), ("true", "false"), ("TRUE", "FALSE")])
def test_where_the_categories_are_true_and_false_booleans_are_taken_for_them(texts: tuple[str, str]) -> None:
    job, other = Feature("job", "string", categories=texts), Feature("other", "string", categories=("True", "no"))
    said = {text.lower() == "true": text for text in texts}
    for truth, text in said.items():
        for document in ({"job": truth}, {"job": text}, [truth], {"job": [truth]}):
            answer = ask(document, job)
            assert (answer[0] if isinstance(answer, list) else answer) == {"job": text}
        for word in (str(truth), str(truth).lower(), str(truth).upper()):
            assert ask(f"job\n{word}\n".encode(), job, content_type="text/csv") == [{"job": text}]
    assert "expected one of" in refuse({"job": "tRUE"}, job).message  # JSON keeps its types, and text its case
    assert refuse({"other": True}, other).message == "row 1, feature 'other': expected a string, got True."


def test_the_hint_names_some_features_where_none_is_close() -> None:
    error = refuse({"qqq": 1}, *(Feature(f"f{n}") for n in range(30)))
    assert error.message == "row 1: unknown feature 'qqq'."
    assert error.hint.endswith("f18, f19 and 10 more.")
    assert refuse({}, *(Feature(f"f{n}") for n in range(30))).message.endswith("'f8', 'f9' and 20 more.")


def test_other_fields_are_ignored_where_the_policy_says_so() -> None:
    ignoring = Policy(extra="ignore", echo=True)
    expected = {"x": 1.0, "y": 2.0}
    assert ask({"z": "?", "x": 1, "y": 2}, policy=ignoring) == expected
    assert ask(b"y,z,x\n2,?,1\n", policy=ignoring, content_type="text/csv") == [expected]
    assert ask({"x": [1], "z": [None], "y": [2]}, policy=ignoring) == [expected]
    assert refuse({"x": 1, "z": 2}, policy=ignoring).message == "row 1: missing feature 'y'."
    assert refuse([[1, 2, 3]], policy=ignoring).message == "row 1: expected 2 values, got 3."


@pytest.mark.parametrize("bad", [b"NaN", b"nan"])
def test_nan_is_missing_where_the_policy_says_so(bad: bytes) -> None:
    policy = Policy(nan="missing", echo=True)
    features = (Feature("x"), Feature("y", "integer", nullable=True))
    csv: dict[str, Any] = {"policy": policy, "content_type": "text/csv"}
    assert ask(b"1," + bad, *features, **csv) == [{"x": 1.0, "y": None}]
    assert ask(b'{"x":1,"y":NaN}', *features, policy=policy) == {"x": 1.0, "y": None}
    assert refuse(bad + b",1", *features, **csv).message == "row 1, feature 'x': a value is required."
    assert "expected a finite number within float32, got nan" in refuse(b'{"x":1,"y":NaN}', *features).message
    for infinity in (b"inf", b"1e999", b"-Infinity"):
        assert "row 1, feature 'y': expected" in refuse(b"1," + infinity, *features, **csv).message


@pytest.mark.parametrize("word", sorted({*MISSING, "NA", "NaN", " None "}))
def test_a_missing_number_in_csv_is_written_as_in_the_files_that_are_learnt_from(word: str) -> None:
    features = (Feature("x"), Feature("y", nullable=True), Feature("t", "string", nullable=True, categories=("None",)))
    csv: dict[str, Any] = {"policy": Policy(echo=True), "content_type": "text/csv"}
    assert ask(f"1,{word},\n".encode(), *features, **csv) == [{"x": 1.0, "y": None, "t": None}]
    assert ask(b"1,2,None\n", *features, **csv) == [{"x": 1.0, "y": 2.0, "t": "None"}]
    assert refuse(f"{word},1,\n".encode(), *features, **csv).message == "row 1, feature 'x': a value is required."
    if word:
        said = refuse({"x": 1, "y": word, "t": None}, *features).message
        assert said == f"row 1, feature 'y': expected a number, got {word!r}."


def test_half_a_surrogate_pair_is_no_text() -> None:
    text = Feature("t", "string")
    assert ask(b'{"t":"\\ud83d\\ude00"}', text) == {"t": "\U0001f600"}
    error = refuse(b'{"t":"\\ud83d"}', text)
    assert error.message == "row 1, feature 't': expected whole characters, got '\\ud83d'."


def test_several_problems_are_told_at_once() -> None:
    error = refuse([{"x": "a", "y": True}, {"x": 1, "y": 2}, {"x": 1}, 7])
    assert error.message.splitlines() == [
        "row 1, feature 'x': expected a number, got 'a'.",
        "row 1, feature 'y': expected a number, got True.",
        "row 3: missing feature 'y'.",
        "row 4: expected an object or a list, got 7.",
    ]
    assert error.hint == "The features are: x, y."


def test_no_more_than_ten_problems_are_told() -> None:
    lines = refuse([["a", "b"]] * 50_000).message.splitlines()
    assert len(lines) == 11
    assert lines[-1] == "There may be more."
    wide = refuse([["a"] * 50], *(Feature(f"f{n}") for n in range(50))).message.splitlines()
    assert len(wide) == 11


@pytest.mark.parametrize("content_type", ["text/csv", "application/jsonlines"])
def test_more_rows_than_the_policy_allows(content_type: str) -> None:
    row = b"1,2\n" if content_type == "text/csv" else b"[1,2]\n"
    policy = Policy(max_rows=3, echo=True)
    assert len(ask(row * 3, policy=policy, content_type=content_type)) == 3
    with pytest.raises(PayloadTooLarge, match="The request has 4 rows; the limit is 3"):
        ask(row * 4, policy=policy, content_type=content_type)


def test_integers_keep_their_digits() -> None:
    features = (Feature("n", "integer"),)
    for body, kind in (
        (b"9007199254740993", "text/csv"),
        (b'{"n":9007199254740993}', None),
        (b"[9007199254740993]", None),
    ):
        assert "9007199254740993" in json.dumps(ask(body, *features, content_type=kind))
    assert ask(b"2.0", *features, content_type="text/csv") == [{"n": 2}]
    assert refuse(b"1_0", *features, content_type="text/csv").message.endswith("expected an integer, got '1_0'.")
