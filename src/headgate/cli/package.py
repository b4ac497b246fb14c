"""`headgate package`."""

from collections.abc import Mapping
from typing import Any

import click

from headgate.cli.command import Call, Command
from headgate.cli.extras import needs
from headgate.cli.output import Table

SHOWN = 100
"""Characters of why an engine was refused; --json has all of them."""


@click.command(cls=Command, example="headgate package\nheadgate package --json")
def command(call: Call) -> None:
    """Pack the newest run into a model.tar.gz.

    The archive holds the model as ONNX (for texts: vocabulary and weights), the input schema and the digest of each
    file, in SageMaker's layout. It is made only when the model in it answers as the trained one does, on the held-out
    rows (the first 5,000, for scikit-learn's recipes) and on rows made to be difficult. Equal runs give equal bytes.
    """
    from headgate.data.runs import Runs

    project = call.project
    run = Runs(project.store).latest()
    with call.out.progress("package") as progress:
        progress("loading the libraries", None)
        with needs("Packaging", "train"):
            from headgate.packaging import package
        made = package(run, project, progress=progress)
    parity = made.record.parity
    document = {
        "package": made.digest,
        "path": str(made.path),
        "bytes": made.size,
        "run": run.id,
        "parity": dict(parity),
        "engines": [dict(engine) for engine in made.record.engines],
    }
    rows = [
        ("rows compared", f"{parity['rows']:,}"),
        ("held-out rows among them", f"{parity['real_rows']:,} of {run.record.rows_test:,}"),
        ("largest difference", f"{parity['difference']:.2g}"),
        ("allowed difference", f"{parity['tolerance']:.2g}"),
        *([("labels changed", f"{parity['labels_changed']}")] if made.record.task == "classification" else []),
    ]
    call.out.show(
        document,
        f"package {made.digest} ({made.size:,} bytes) of run {run.id}",
        str(made.path),
        Table(("the package against the trained model", ""), rows),
        Table(("engine", "1 row, us", "100 rows", "1,000 rows", ""), [_timed(e) for e in made.record.engines]),
        "Next: headgate predict, headgate register",
    )


def _timed(engine: Mapping[str, Any]) -> tuple[str, ...]:
    """How long an engine took that was tried, in requests of so many rows; or why it does not serve."""
    times = tuple(f"{micros * int(size):,.0f}" for size, micros in engine["micros_per_row"].items())
    refused = engine["refused"] if len(engine["refused"]) <= SHOWN else f"{engine['refused'][:SHOWN]}..."
    return engine["engine"], *(times or ("", "", "")), f"refused: {refused}" if refused else ""
