"""The recipe `text`: TF-IDF over words and runs of words, and logistic regression.

How far the weights may go (C) is chosen by the mean log_loss on folds. The vectoriser is fitted within each fold: one
that has seen the rows to be judged by knows which of their words matter. One thread: sums of floats depend on how they
are divided among threads, and for these matrices threads only get in each other's way.
"""

import warnings
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold
from sklearn.pipeline import Pipeline
from threadpoolctl import threadpool_limits

from headgate.core.progress import Progress
from headgate.data.fitted import Fitted
from headgate.errors import InvalidInput
from headgate.spec.train import TextParams
from headgate.training.metrics import score_classes

MAX_ITERATIONS = 1000
CHOSEN_BY = "log_loss"

Scores = Mapping[float, Mapping[str, float]]


def learn_texts(
    labels: tuple[str, ...],
    texts: Sequence[str],
    y: npt.NDArray[np.str_],
    *,
    params: TextParams,
    seed: int,
    progress: Progress,
) -> tuple[Fitted, dict[str, Any]]:
    """The model, and how C was chosen (empty where there was nothing to choose). Equal inputs, equal models.

    Raises InvalidInput where the texts share no terms, or a class has too few rows for folds.
    """
    rows = np.array(texts, object)
    chosen, report = params.C[0], {}
    with threadpool_limits(1), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of iterations that ended early: what they led to is judged like all else
        if len(params.C) > 1:
            scores = _cross_validate(labels, rows, y, params=params, seed=seed, progress=progress)
            chosen = min(scores, key=lambda C: (scores[C][CHOSEN_BY], C))
            report = _report(params, scores, chosen)
        progress("learning", None)
        vectorizer = _vectorizer(params)
        terms = _terms(vectorizer, rows)
        model = LogisticRegression(C=chosen, max_iter=MAX_ITERATIONS, random_state=seed).fit(terms, y)
    vectorizer.vocabulary_ = {term: int(column) for term, column in vectorizer.vocabulary_.items()}  # NumPy's, else
    vars(vectorizer).pop("_stop_words_id", None)  # an address in memory
    return Fitted(Pipeline([("tfidf", vectorizer), ("model", model)]), "classification", labels), report


def _cross_validate(
    labels: tuple[str, ...],
    rows: npt.NDArray[Any],
    y: npt.NDArray[np.str_],
    *,
    params: TextParams,
    seed: int,
    progress: Progress,
) -> Scores:
    """For each C the mean over the folds of each metric."""
    found: dict[float, list[Mapping[str, float | None]]] = {C: [] for C in sorted(set(params.C))}
    rounds = params.folds * len(found)
    for learn, judge in _folds(y, params.folds, seed):
        vectorizer = _vectorizer(params)
        terms, held = _terms(vectorizer, rows[learn]), vectorizer.transform(rows[judge])
        for C, scores in found.items():
            progress("choosing C", sum(map(len, found.values())) / rounds)
            model = LogisticRegression(C=C, max_iter=MAX_ITERATIONS, random_state=seed).fit(terms, y[learn])
            scores.append(score_classes(labels, y[judge], model.predict_proba(held)))
    return {C: _mean(scores) for C, scores in found.items()}


def _folds(y: npt.NDArray[np.str_], folds: int, seed: int) -> Iterator[tuple[npt.NDArray[Any], npt.NDArray[Any]]]:
    values, counts = np.unique(y, return_counts=True)
    if counts.min() < folds:
        rare = values[counts.argmin()]
        raise InvalidInput(
            f"Only {counts.min()} rows of class {str(rare)!r} are left to learn from, too few for {folds} folds.",
            hint="Give more rows, fewer train/params/folds, or one value of train/params/C, which needs no folds.",
        )
    yield from StratifiedKFold(folds, shuffle=True, random_state=seed).split(y, y)


def _vectorizer(params: TextParams) -> Any:
    return TfidfVectorizer(
        ngram_range=(1, params.ngram_max),
        min_df=params.min_df,
        max_features=params.max_features,
        sublinear_tf=params.sublinear,
    )


def _terms(vectorizer: Any, rows: npt.NDArray[Any]) -> Any:
    try:
        return vectorizer.fit_transform(rows)
    except ValueError as error:  # scikit-learn's two: no word at all, or none often enough
        raise InvalidInput(
            f"The texts to learn from have no terms in common: {str(error).rstrip('.')}.",
            hint="Look at data/features or data/text, and at train/params/min_df, in headgate.yaml.",
        ) from None


def _mean(scores: Sequence[Mapping[str, float | None]]) -> dict[str, float]:
    return {name: float(np.mean([np.nan if one[name] is None else one[name] for one in scores])) for name in scores[0]}


def _report(params: TextParams, scores: Scores, chosen: float) -> dict[str, Any]:
    by_metric = {name: {f"{C:g}": scores[C][name] for C in scores} for name in scores[chosen]}
    return {"parameter": "C", "folds": params.folds, "metric": CHOSEN_BY, "scores": by_metric, "chosen": chosen}
