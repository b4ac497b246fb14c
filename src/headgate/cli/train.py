"""`headgate train`."""

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import click

from headgate.cli.baseline import naive_answer
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
    record, naive = run.record, run.record.naive["metrics"]
    call.out.show(
        {"run": run.id, "folder": str(run.folder), **asdict(record), "files": dict(run.files)},
        f"run {run.id}",
        f"{record.rows_train} rows to learn from, {record.rows_test} held out ({record.data_source})",
        *_chosen(record.cross_validation),
        f"to beat: {naive_answer(record)}",
        Table(
            ("metric", "value", "to beat"),
            [(name, number(value), number(naive.get(name))) for name, value in record.metrics.items()],
        ),
        "Next: headgate check",
    )


def _chosen(report: Mapping[str, Any]) -> list[Table | str]:
    """How a parameter was chosen on folds; nothing where none was."""
    if not report:
        return []
    scores: Mapping[str, Mapping[str, float]] = report["scores"]
    values = list(scores[report["metric"]])
    rows = [(value, *(number(scores[name][value]) for name in scores)) for value in values]
    name, chosen = report["parameter"], f"{report['chosen']:g}"
    return [
        f"{name} = {chosen} has the best {report['metric']} on {report['folds']} folds of the rows to learn from",
        Table((name, *scores), rows),
    ]
