"""`headgate rollout status`."""

import click

from headgate.cli.command import Call, Command, env_option
from headgate.cli.rollout.shared import chosen, document, marks
from headgate.pipeline.story import headline, line, why


@click.command(cls=Command, example="headgate rollout status\nheadgate rollout status --json")
@env_option
def command(call: Call, *, environment: str | None) -> None:
    """Show where the newest rollout stands.

    Needs no running engine: what happened stands in the project's store.
    """
    run = chosen(call, environment).run()
    evidence = [f"  {line(entry)}" for entry in run.entries if entry.kind == "look"][-1:]
    call.out.show(
        document(run),
        headline(run),
        *marks(run),
        *evidence,
        why(run),
        *_stalled(call, environment, open_=not run.ended),
    )


def _stalled(call: Call, environment: str | None, *, open_: bool) -> list[str]:
    """What to say where nobody takes the rollout on."""
    from headgate.wiring.local import status

    if call.project.spec.environments[call.environment(environment)].target != "local":
        return []
    running = status(call.home)["running"]
    return ["The engine does not run, so nothing moves: `headgate up`."] if open_ and not running else []
