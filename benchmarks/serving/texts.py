"""The text model: TF-IDF and a logistic regression of scikit-learn's, packaged as it is for Headgate.

The texts are made of invented words, some of them typical of one label or the other, drawn from one seed.
"""

import tarfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline

from benchmarks.serving.model import SEED
from headgate.packaging.estimator import package_estimator

WORDS, LENGTH = 5_000, 30
LABELS = ("bad", "good")
LEARNT, ASKED = 2_000, 256


@dataclass(frozen=True, slots=True)
class Texts:
    """`base` is SAGEMAKER_BASE_DIR of the unpacked package; scikit-learn's labels of the texts to ask."""

    base: Path
    texts: list[str]
    labels: list[str]


def make(folder: Path) -> Texts:
    """Train and package into `folder`."""
    random = np.random.default_rng(SEED)
    learnt, labels = draw(random, LEARNT)
    asked, _ = draw(random, ASKED)
    pipeline = make_pipeline(TfidfVectorizer(), LogisticRegression()).fit(learnt, labels)
    package = package_estimator(
        pipeline, asked, project="texts", target="label", task="classification", store=folder / "texts-store"
    )
    base = folder / "texts"
    with tarfile.open(package.path) as archive:
        archive.extractall(base / "model", filter="data")
    return Texts(base, asked, [str(label) for label in pipeline.predict(asked)])


def words() -> list[str]:
    """The language: the same for all texts."""
    random = np.random.default_rng(SEED)
    letters = np.array(list("abcdefghiklmnoprstuvz"))
    return ["".join(random.choice(letters, size)) for size in random.integers(3, 10, WORDS)]


def draw(random: np.random.Generator, count: int) -> tuple[list[str], list[str]]:
    """Texts of 30 words and their labels."""
    lexicon = words()
    kinds = random.integers(0, 2, count)
    texts = [" ".join(lexicon[at] for at in (random.beta(1, 4 + kind, LENGTH) * WORDS).astype(int)) for kind in kinds]
    return texts, [LABELS[kind] for kind in kinds]
