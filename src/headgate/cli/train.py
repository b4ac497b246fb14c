"""`headgate train`."""

from dataclasses import asdict

import click

from headgate.cli.command import Call, Command
from headgate.cli.extras import needs
from headgate.cli.output import Table, number


@click.command(cls=Command, example="headgate train\nheadgate train -C my-iris --json")
def command(call: Call) -> None:
    """Train a candidate and record the run.

    The run keeps the model, the held-out rows, their metrics, and what it was made from: the data's sha256, parameters,
    git commit and versions. Equal inputs give an equal model.
    """
    project = call.project
    with call.out.progress("train") as progress:
        progress("loading the libraries", None)
        with needs("Training", "train"):
            from headgate.training import train
        run = train(project, progress=progress)
    record = run.record
    call.out.show(
        {"run": run.id, "folder": str(run.folder), **asdict(record), "files": dict(run.files)},
        f"run {run.id}",
        f"{record.rows_train} rows to learn from, {record.rows_test} held out ({record.data_source})",
        Table(("metric", "value"), [(name, number(value)) for name, value in record.metrics.items()]),
        "Next: headgate check",
    )
