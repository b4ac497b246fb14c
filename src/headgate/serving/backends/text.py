"""Texts, by TF-IDF and a linear model, exactly as scikit-learn computes them and without any of it.

`text.json` says how a text becomes terms (scikit-learn's own rules and pattern of a token), and gives each term of the
vocabulary its idf and its weight for each score. A text costs a look-up per term and a few sums over those it has:
plain Python does that in a few microseconds, faster than the ONNX translation, which moreover replaces the pattern and
so answers differently for anything but plain English. Neither NumPy nor onnxruntime is loaded.

    value of a term   tf * idf, where tf is its count, 1 (binary), or 1 + log of its count (sublinear)
    score             intercept + (sum over terms of value * weight) / norm, where norm is the values' l1, l2, or 1

The label is the highest score's; where there is one score for two labels, the second's if it is above 0. `link` makes
scores probabilities. A model that has none (a support vector machine) answers with its label alone: a margin is not a
probability, and none is made up. Of a regressor the score is the value.

The time is linear in the length of the text, which the limit on bodies bounds: packaging admits only patterns of a
token that never look at a character more than a few times.
"""

import math
import re
import unicodedata
from collections.abc import Callable, Iterable, Sequence
from operator import mul
from pathlib import Path
from typing import Literal

import msgspec

from headgate.core.schema import InputSchema
from headgate.errors import InvalidInput
from headgate.serving.codecs import Prediction
from headgate.serving.validation import Value

Tokens = Callable[[str], Iterable[str]]


class Vectorizer(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How a text becomes terms, and what a term counts. The words are those of scikit-learn's TfidfVectorizer."""

    analyzer: Literal["word", "char", "char_wb"] = "word"
    lowercase: bool = True
    strip_accents: Literal["ascii", "unicode"] | None = None
    token_pattern: str = r"(?u)\b\w\w+\b"
    ngram_range: tuple[int, int] = (1, 1)
    stop_words: tuple[str, ...] = ()
    binary: bool = False
    sublinear_tf: bool = False
    norm: Literal["l1", "l2"] | None = "l2"


class TextDocument(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The content of text.json. `terms`: for each its idf, then its weight for each of the scores."""

    vectorizer: Vectorizer
    terms: dict[str, tuple[float, ...]]
    intercepts: tuple[float, ...]
    link: Literal["sigmoid", "softmax"] | None
    format: Literal[1] = 1


class TextModel:
    """A loaded text model. Its schema has one feature, the text."""

    def __init__(self, path: Path, schema: InputSchema) -> None:
        """Raises InvalidInput where the file is damaged or does not fit the schema."""
        try:
            document = msgspec.json.decode(path.read_bytes(), type=TextDocument)
            self._terms_of = analyzer(document.vectorizer)
        except (msgspec.MsgspecError, re.error) as error:
            raise InvalidInput(f"{path.name} is not a text model: {error}.", hint="Package the model again.") from None
        _check_fit(document, schema, path.name)
        self._labels = schema.labels
        self._vectorizer = document.vectorizer
        self._terms = document.terms
        self._intercepts = document.intercepts
        self._probabilities = {"sigmoid": _sigmoid, "softmax": _softmax, None: None}[document.link]

    def run(self, rows: Sequence[Sequence[Value | None]], *, probabilities: bool = False) -> list[Prediction]:
        """One prediction for each text; a missing one is empty."""
        return [self._answer(str(row[0] or ""), probabilities) for row in rows]

    def _answer(self, text: str, probabilities: bool) -> Prediction:
        scores = self._scores(text)
        if not self._labels:
            return {"value": scores[0]}
        best = scores.index(max(scores)) if len(scores) > 1 else int(scores[0] > 0)
        label = self._labels[best]
        if self._probabilities is None:
            return {"label": label}
        found = self._probabilities(scores)
        if not probabilities:
            return {"label": label, "probability": found[best]}
        by_label = dict(zip(self._labels, found, strict=True))
        return {"label": label, "probability": found[best], "probabilities": by_label}

    def _scores(self, text: str) -> list[float]:
        counts: dict[str, int] = {}
        terms = self._terms
        for term in self._terms_of(text):
            if term in terms:
                counts[term] = counts.get(term, 0) + 1
        if not counts:
            return list(self._intercepts)
        idf, *weights = zip(*[terms[term] for term in counts], strict=True)
        values = list(map(mul, self._frequencies(counts), idf))
        scale = 1.0
        if self._vectorizer.norm:
            scale = math.hypot(*values) if self._vectorizer.norm == "l2" else sum(map(abs, values))
        sums = (sum(map(mul, values, column)) for column in weights)
        return [intercept + total / scale for intercept, total in zip(self._intercepts, sums, strict=True)]

    def _frequencies(self, counts: dict[str, int]) -> Iterable[float]:
        if self._vectorizer.binary:
            return [1.0] * len(counts)
        if self._vectorizer.sublinear_tf:
            return [1.0 + math.log(count) for count in counts.values()]
        return counts.values()


def _check_fit(document: TextDocument, schema: InputSchema, name: str) -> None:
    if [feature.kind for feature in schema.features] != ["string"]:
        raise InvalidInput(f"{name} takes one text; schema.json has other features.", hint="Package the model again.")
    scores, labels = len(document.intercepts), len(schema.labels)
    if scores != (1 if labels in (0, 2) else labels) and (labels, scores) != (2, 2):
        raise InvalidInput(f"{name} has {scores} scores, schema.json {labels} labels.", hint="Package the model again.")
    if any(len(weights) != 1 + scores for weights in document.terms.values()):
        raise InvalidInput(f"{name} has terms without all their weights.", hint="Package the model again.")


def analyzer(vectorizer: Vectorizer) -> Tokens:
    """What makes a text into terms. Raises re.error for a pattern that is none."""
    least, most = vectorizer.ngram_range
    prepare = _preparation(vectorizer)
    if vectorizer.analyzer == "char":
        return lambda text: _character_grams(_SPACES.sub(" ", prepare(text)), least, most)
    if vectorizer.analyzer == "char_wb":
        return lambda text: _grams_in_words(_SPACES.sub(" ", prepare(text)), least, most)
    find = re.compile(vectorizer.token_pattern).findall
    stop = frozenset(vectorizer.stop_words)
    if not stop and (least, most) == (1, 1):
        return lambda text: find(prepare(text))
    return lambda text: _word_grams([word for word in find(prepare(text)) if word not in stop], least, most)


def _preparation(vectorizer: Vectorizer) -> Callable[[str], str]:
    strip = {"unicode": _strip_accents, "ascii": _strip_to_ascii, None: None}[vectorizer.strip_accents]
    if strip is None:
        return str.lower if vectorizer.lowercase else str
    return (lambda text: strip(text.lower())) if vectorizer.lowercase else strip


_SPACES = re.compile(r"\s\s+")


def _strip_accents(text: str) -> str:
    if text.isascii():
        return text
    return "".join(c for c in unicodedata.normalize("NFKD", text) if not unicodedata.combining(c))


def _strip_to_ascii(text: str) -> str:
    return unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode()


def _word_grams(words: list[str], least: int, most: int) -> list[str]:
    """Runs of `least` to `most` words, joined by a space."""
    grams: list[str] = []
    for length in range(least, most + 1):
        grams += words if length == 1 else map(" ".join, zip(*(words[at:] for at in range(length)), strict=False))
    return grams


def _character_grams(text: str, least: int, most: int) -> list[str]:
    return [text[at : at + n] for n in range(least, most + 1) for at in range(len(text) - n + 1)]


def _grams_in_words(text: str, least: int, most: int) -> list[str]:
    """Runs of characters that do not cross a word's edge, at which a space stands."""
    grams: list[str] = []
    for word in text.split():
        padded = f" {word} "
        for length in range(least, most + 1):
            if len(padded) <= length:
                grams.append(padded)  # a short word counts once
                break
            grams += [padded[at : at + length] for at in range(len(padded) - length + 1)]
    return grams


def _sigmoid(scores: list[float]) -> list[float]:
    """One score: the second class's. More: each class against the rest, made to sum to 1."""
    if len(scores) == 1:
        second = _logistic(scores[0])
        return [1 - second, second]
    each = [_logistic(score) for score in scores]
    total = sum(each)
    return [p / total for p in each] if total else [1 / len(each)] * len(each)


def _logistic(score: float) -> float:
    if score < 0:
        grown = math.exp(score)
        return grown / (1 + grown)
    return 1 / (1 + math.exp(-score))


def _softmax(scores: list[float]) -> list[float]:
    """One score stands for two, itself and its opposite."""
    pair = scores if len(scores) > 1 else [-scores[0], scores[0]]
    highest = max(pair)
    each = [math.exp(score - highest) for score in pair]
    total = sum(each)
    return [p / total for p in each]
