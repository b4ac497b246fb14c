"""`headgate predict`."""

import json
import tempfile
from pathlib import Path
from typing import Any

import click

from headgate.cli.command import Call, Command
from headgate.cli.extras import needs


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
    body, kind = read_payload(given, content_type)
    with tempfile.TemporaryDirectory(prefix="headgate-") as folder:
        model = Path(folder) / "model"
        extract(package.path, model)
        with needs("Predicting", "serve"):
            from headgate.serving.predictor import load

            answer = load(model).predict(body, kind, "application/json")
    prediction: Any = json.loads(answer.body)
    document = {"package": package.digest, "run": package.record.run, "prediction": prediction}
    call.out.show(document, answer.body.decode().rstrip("\n"))
