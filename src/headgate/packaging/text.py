"""From a fitted scikit-learn pipeline over texts to `text.json`, which the text backend answers from.

A pipeline is taken where it is a vectoriser of counts or TF-IDF and a linear model, with nothing of the user's own in
between: a tokenizer, a preprocessor or an analyzer that is a function cannot be written down as data.

A token's pattern is the user's, and texts come from strangers, so only patterns are taken that need time linear in the
text: single characters or classes, the last of which may repeat, between word edges or without. `\\b\\w\\w+\\b`,
`\\w+`, `[a-z]{2,}` and `\\b\\w[\\w']+\\b` are such; in them a repetition is last, so there is nothing to go back for
but the edge, and the edge before makes sure that a run is gone back over a bounded number of times. `(\\w+\\s?)+x` can
take years, and `\\w+@` the square of the length: they are refused.
"""

import re
from typing import Any, Literal

import msgspec
import numpy as np

from headgate.core.schema import Task
from headgate.errors import InvalidInput
from headgate.serving.backends.text import TextDocument, Vectorizer

LINKS: tuple[Literal["sigmoid", "softmax"], ...] = ("sigmoid", "softmax")

_ONE = r"(?:\\[wWdDsS]|\[\^?(?:\\.|[^\]\\\[])+\]|[^\W_]|[-_#@'/:])"
_PATTERN = re.compile(rf"(?:\(\?u\))?(?P<edge>\\b)?{_ONE}{{1,20}}(?:[+*]|\{{\d{{1,2}},?\d{{0,3}}\}})?(?(edge)(?:\\b)?)")


def text_documents(estimator: Any, task: Task) -> dict[str, bytes]:
    """`text.json` by the link that makes scores probabilities; which one is right, parity finds out.

    Raises InvalidInput saying what of the pipeline the text backend cannot do.
    """
    vectorizer, weighting, model = _parts(estimator)
    described = _describe(vectorizer, weighting)
    weights, intercepts = _linear(model)
    idf = weighting.idf_ if weighting is not None and weighting.use_idf else np.ones(len(vectorizer.vocabulary_))
    terms = {
        str(term): (float(idf[column]), *(float(row[column]) for row in weights))
        for term, column in sorted(vectorizer.vocabulary_.items())
    }
    has_probabilities = task == "classification" and hasattr(model, "predict_proba")
    return {
        link or "scores": msgspec.json.encode(TextDocument(described, terms, intercepts, link)) + b"\n"
        for link in (LINKS if has_probabilities else (None,))
    }


def is_linear_in_time(pattern: str) -> bool:
    """Whether finding all matches of `pattern` takes time linear in the text."""
    return _PATTERN.fullmatch(pattern) is not None


def takes_texts(estimator: Any) -> bool:
    """Whether it is a pipeline that begins with a vectoriser of texts."""
    steps: Any = getattr(estimator, "steps", None)
    return bool(steps) and hasattr(steps[0][1], "vocabulary_")


def _parts(estimator: Any) -> tuple[Any, Any, Any]:
    """Vectoriser, its TF-IDF weighting (None: counts as they are), linear model."""
    steps = [step for _, step in estimator.steps if step not in (None, "passthrough")]
    if len(steps) == 2:
        return steps[0], steps[0] if hasattr(steps[0], "sublinear_tf") else None, steps[1]
    if len(steps) == 3 and hasattr(steps[1], "sublinear_tf"):
        return steps[0], steps[1], steps[2]
    names = ", ".join(type(step).__name__ for step in steps)
    raise InvalidInput(f"the pipeline is {names}; a vectoriser, perhaps TfidfTransformer, and a linear model can be.")


def _describe(vectorizer: Any, weighting: Any) -> Vectorizer:
    for name in ("tokenizer", "preprocessor"):
        if getattr(vectorizer, name) is not None:
            raise InvalidInput(f"the vectoriser has a {name} of its own.")
    if callable(vectorizer.analyzer) or callable(vectorizer.strip_accents):
        raise InvalidInput("the vectoriser's analyzer or strip_accents is a function.")
    if vectorizer.input != "content":
        raise InvalidInput("the vectoriser reads files.")
    if vectorizer.analyzer == "word" and not is_linear_in_time(vectorizer.token_pattern):
        raise InvalidInput(
            f"the token pattern {vectorizer.token_pattern!r} may take more than linear time; single characters or "
            r"classes of which the last may repeat are taken, such as (?u)\b\w\w+\b."
        )
    return Vectorizer(
        analyzer=vectorizer.analyzer,
        lowercase=vectorizer.lowercase,
        strip_accents=vectorizer.strip_accents,
        token_pattern=vectorizer.token_pattern,
        ngram_range=tuple(vectorizer.ngram_range),
        stop_words=tuple(sorted(vectorizer.get_stop_words() or ())),
        binary=vectorizer.binary,
        sublinear_tf=weighting.sublinear_tf if weighting is not None else False,
        norm=weighting.norm if weighting is not None else None,
    )


def _linear(model: Any) -> tuple[Any, tuple[float, ...]]:
    """Weights [scores, terms] and intercepts [scores]."""
    if hasattr(model, "feature_log_prob_"):  # naive Bayes of counts is linear in them
        return model.feature_log_prob_, tuple(map(float, model.class_log_prior_))
    if not hasattr(model, "coef_"):
        raise InvalidInput(f"{type(model).__name__} is not a linear model.")
    weights = np.atleast_2d(model.coef_)
    intercepts = np.broadcast_to(np.atleast_1d(model.intercept_), len(weights))
    return weights, tuple(map(float, intercepts))
