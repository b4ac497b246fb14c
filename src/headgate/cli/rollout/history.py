"""`headgate rollout history`."""

from datetime import datetime
from typing import Any

import click

from headgate.cli.command import Call, Command, env_option
from headgate.cli.output import Table
from headgate.cli.rollout.shared import chosen, document, rollouts
from headgate.pipeline.log import Entry
from headgate.pipeline.run import Run
from headgate.pipeline.story import headline, line, why


@click.command(cls=Command, example="headgate rollout history\nheadgate rollout history 3")
@click.argument("number", type=click.IntRange(min=1), required=False)
@env_option
def command(call: Call, *, number: int | None, environment: str | None) -> None:
    """List rollouts, or all entries of one.

    Each entry stands in the log with its time and author, and holds the digest of the one before.
    """
    if number is None:
        found = rollouts(call, environment)
        runs = [rollout.run() for rollout in map(found.get, found.numbers()) if rollout.log.read()]
        table = Table(("rollout", "started", "by", "version", "outcome", "why"), [_row(run) for run in runs])
        call.out.show([document(run) for run in runs], table if runs else "There has been no rollout.")
        return
    run = chosen(call, environment, number).run()
    width = max(8, *(len(entry.by) for entry in run.entries))
    entries = [f"{_time(entry.at)}  {entry.by:<{width}}  {line(entry)}" for entry in run.entries]
    call.out.show({**document(run), "entries": [_entry(entry) for entry in run.entries]}, headline(run), *entries)


def _row(run: Run) -> tuple[str, ...]:
    terms, first = run.terms, run.entries[0]
    version = f"{terms.version_before or '-'} -> {terms.version}"
    outcome = run.ended.outcome if run.ended else "open"
    return str(terms.number), _time(first.at), first.by, version, outcome, run.ended.why if run.ended else why(run)


def _entry(entry: Entry) -> dict[str, Any]:
    content = {name: value for name, value in entry.content.items() if name != "token"}  # whoever has it can approve
    return {"number": entry.number, "at": entry.at, "by": entry.by, "kind": entry.kind, "content": content}


def _time(epoch: float) -> str:
    return datetime.fromtimestamp(epoch).astimezone().strftime("%Y-%m-%d %H:%M:%S")
