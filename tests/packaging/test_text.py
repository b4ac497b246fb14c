"""What the text backend is given, and which patterns of a token are linear in time."""

from typing import Any

import pytest
from sklearn.compose import make_column_transformer
from sklearn.ensemble import RandomForestClassifier
from sklearn.feature_extraction.text import CountVectorizer, TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from headgate.errors import InvalidInput
from headgate.packaging.text import is_linear_in_time, takes_texts, text_documents

TEXTS = ["a good film", "a bad film"]


@pytest.mark.parametrize(
    "pattern",
    [
        r"(?u)\b\w\w+\b",
        r"\w+",
        r"\S+",
        r"[^\s]+",
        r"(?u)\b[a-zA-Z]{2,}\b",
        r"\b\w[\w']+\b",
        r"\b[a-z]{3,15}\b",
        r"#\w+",
        r"\d",
    ],
)
def test_patterns_that_are_linear(pattern: str) -> None:
    assert is_linear_in_time(pattern)


@pytest.mark.parametrize(
    "pattern",
    [
        r"(\w+\s?)+x",  # years
        r"\w+@",  # the square of the text
        r"[a-z]+\b",  # the same, for want of an edge before
        r"\b\w+\b\w+",
        r"\w*\w*\w*x",
        r"(a|a)+",
        r".*x",
        r"(?=\w+x)",
        r"\w+?x",
        r"(?i)\w+",
    ],
)
def test_patterns_that_may_not_be(pattern: str) -> None:
    assert not is_linear_in_time(pattern)


@pytest.mark.parametrize(
    ("steps", "message"),
    [
        ([TfidfVectorizer(tokenizer=str.split, token_pattern=None), LogisticRegression()], "a tokenizer of its own"),
        ([TfidfVectorizer(preprocessor=str.lower), LogisticRegression()], "a preprocessor of its own"),
        ([TfidfVectorizer(analyzer=str.split), LogisticRegression()], "analyzer or strip_accents is a function"),
        ([TfidfVectorizer(token_pattern=r"\w+@?"), LogisticRegression()], "may take more than linear time"),
        ([TfidfVectorizer(), RandomForestClassifier(2)], "RandomForestClassifier is not a linear model"),
        ([CountVectorizer(), StandardScaler(with_mean=False), LogisticRegression()], "the pipeline is CountVectorizer"),
    ],
)
def test_what_is_no_data_is_refused(steps: list[Any], message: str) -> None:
    pipeline = make_pipeline(*steps).fit(TEXTS, [1, 0])
    assert takes_texts(pipeline)
    with pytest.raises(InvalidInput, match=message):
        text_documents(pipeline, "classification")


def test_tables_are_no_texts() -> None:
    table = make_pipeline(make_column_transformer((StandardScaler(), [0])), LogisticRegression())
    assert not takes_texts(table.fit([[1.0], [2.0]], [0, 1]))
    assert not takes_texts(LogisticRegression())
