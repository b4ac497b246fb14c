"""`headgate predict`."""

import json
import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from headgate.cli.command import Call, Command
from headgate.cli.extras import needs
from headgate.errors import Unavailable

if TYPE_CHECKING:
    from headgate.serving.codecs import Answer


@click.command(
    cls=Command,
    example="""headgate predict '{"sepal_length": 5.1, "sepal_width": 3.5, "petal_length": 1.4, "petal_width": 0.2}'
headgate predict @rows.csv
headgate predict - < rows.json""",
)
@click.argument("given", metavar="JSON|@FILE|-")
@click.option("--content-type", help="Content type of the input (default: application/json; text/csv for @FILE.csv).")
def command(call: Call, *, given: str, content_type: str | None) -> None:
    """Ask the packaged model, without a server.

    Takes the newest package and answers with the code that every server runs.
    """
    from headgate.cli.payload import read_payload
    from headgate.core.archive import extract
    from headgate.data.packages import Packages

    package = Packages(call.project.store).latest()
    package.verify()
    body, kind = read_payload(given, content_type)
    with tempfile.TemporaryDirectory(prefix="headgate-") as folder:
        model = Path(folder) / "model"
        extract(package.path, model)
        with needs("Predicting", "serve"), _prints_to_stderr():
            answer = _predict(model, body, kind)
    prediction: Any = json.loads(answer.body)
    document = {"package": package.digest, "run": package.record.run, "prediction": prediction}
    call.out.show(document, answer.body.decode().rstrip("\n"))


def _predict(model: Path, body: bytes, content_type: str) -> "Answer":
    from headgate.serving.failure import ModelFailure
    from headgate.serving.load import load

    try:
        return load(model).predict(body, content_type, "application/json")
    except ModelFailure as error:
        said = error.message if error.kind in error.message else f"{error.kind}: {error.message}"
        raise Unavailable(f"The model failed: {said}", hint=error.hint) from error


@contextmanager
def _prints_to_stderr() -> Iterator[None]:
    """stdout is for the answer alone: what the user's hooks print, past Python too, goes to stderr."""
    sys.stdout.flush()
    kept = os.dup(sys.stdout.fileno())
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    try:
        yield
    finally:
        sys.stdout.flush()
        os.dup2(kept, sys.stdout.fileno())
        os.close(kept)
