"""The 20 newsgroups: 18,846 posts of 1993, by the group they were sent to.

scikit-learn's fetcher downloads them (14 MB) where there is internet. Headers, signatures and quotes are taken out:
they name the group, and a model that learns them knows nothing of the texts. What is left is kept as CSV in the
project's store; the fetcher's own cache would have to be unpickled, so it gets a folder that is thrown away.
"""

import csv
import importlib
import io
import tempfile
import warnings
from collections.abc import Callable
from http.client import HTTPException
from pathlib import Path
from typing import Any

from headgate.core.files import write_atomic, writing
from headgate.core.progress import Progress, silent
from headgate.errors import MissingExtra, Unavailable

FILE_NAME = "20newsgroups.csv"
MAX_CHARACTERS = 100_000
"""Of one post; some carry whole encoded files."""

Fetch = Callable[..., Any]


def keep_newsgroups(store: Path, *, fetch: Fetch | None = None, progress: Progress = silent) -> Path:
    """The file in `store`, without a header line: text, group. Downloaded first where it is not there.

    `fetch` is scikit-learn's `fetch_20newsgroups`, unless another one is given. Raises Unavailable without internet.
    """
    path = store / "data" / FILE_NAME
    if path.is_file():
        return path
    progress("downloading the 20 newsgroups", None)
    found = _download(fetch or _sklearns(), path)
    lines = io.StringIO(newline="")
    writer = csv.writer(lines, lineterminator="\n")
    for text, group in zip(found.data, found.target, strict=True):
        plain = " ".join(text.replace("\x00", " ").split())[:MAX_CHARACTERS]
        if plain:
            writer.writerow((plain, found.target_names[group]))
    with writing(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomic(path, lines.getvalue().encode(errors="replace"))
    return path


def _download(fetch: Fetch, path: Path) -> Any:
    with tempfile.TemporaryDirectory(prefix="headgate-") as scratch, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of trying again
        try:
            return fetch(
                data_home=scratch, subset="all", remove=("headers", "footers", "quotes"), shuffle=False, n_retries=1
            )
        except (OSError, HTTPException) as error:
            raise Unavailable(
                f"sklearn:20newsgroups cannot be downloaded: {error}.",
                hint=f"It needs the internet once. Copy {path} from a machine that has it, or name a CSV file under "
                "data/source.",
            ) from error


def _sklearns() -> Fetch:
    try:
        fetch: Fetch = importlib.import_module("sklearn.datasets").fetch_20newsgroups
    except ImportError:
        raise MissingExtra("A scikit-learn data set", "train") from None
    return fetch
