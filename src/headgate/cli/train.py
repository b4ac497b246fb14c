"""`headgate train`."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
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
    git commit and versions. Equal inputs give an equal model, unless the timeout ended the search.

    With `train/search` in headgate.yaml, Optuna first looks for better parameters. That may be stopped anywhere: the
    trials that are done are kept, and the next `headgate train` goes on from them.
    """
    project = call.project
    with call.out.progress("train") as progress:
        progress("loading the libraries", None)
        with needs("Training", "train"):
            from headgate.training import train
        with _kept_when_interrupted(call):
            run = train(project, progress=progress)
    record, naive = run.record, run.record.naive["metrics"]
    call.out.show(
        {"run": run.id, "folder": str(run.folder), **asdict(record), "files": dict(run.files)},
        f"run {run.id}",
        f"{record.rows_train} rows to learn from, {record.rows_test} held out ({record.data_source})",
        *(_searched(record.search) if record.search else ()),
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


@contextmanager
def _kept_when_interrupted(call: Call) -> Iterator[None]:
    try:
        yield
    except KeyboardInterrupt:
        if getattr(call.project.spec.train, "search", None):
            call.out.say("The trials that are done are kept; `headgate train` goes on from them.")
        raise


def _searched(search: Mapping[str, Any]) -> list[str]:
    """What a search came to, in lines."""
    from headgate.core.durations import text

    late = search["stopped_by"] == "timeout"
    until = f" until the timeout of {text(search['timeout'])}" if late else ""
    made = f"search: {search['trials']} of {search['asked']} trials{until}, {search['pruned']} given up early"
    another = ["Another training may find time for more or fewer of them, and give another model."] if late else []
    if search["best_trial"] is None:
        return [f"{made}; none came to its end, so the parameters of headgate.yaml were taken", *another]
    metric, folds = search["metric"], f"on {search['folds']} folds"
    first = f" (the first, with headgate.yaml's parameters: {number(search['first_value'])})"
    best = f"best: trial {search['best_trial']}, {metric} {number(search['best_value'])} {folds}"
    params = ", ".join(f"{name} {value:.4g}" for name, value in search["params"].items())
    return [made, *another, f"{best}{first}", f"parameters: {params}"]
