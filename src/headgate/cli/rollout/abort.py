"""`headgate rollout abort`."""

import click

from headgate.cli.command import Call, Command, dry_run_option, env_option
from headgate.cli.rollout.shared import document, open_one, require_forward, who
from headgate.pipeline.story import headline


@click.command(cls=Command, example='headgate rollout abort --reason "wrong training data" --watch')
@click.option("--reason", default="", help="Why; kept in the rollout's log.")
@click.option("--watch", is_flag=True, help="Follow it until it is back.")
@env_option
@dry_run_option
def command(call: Call, *, reason: str, watch: bool, environment: str | None, dry_run: bool) -> None:
    """Take an open rollout back.

    The canary loses its traffic at once, then the endpoint returns to the config from before.
    """
    rollout = open_one(call, environment)
    require_forward(call.target(environment), rollout, dry_run=dry_run)
    run = rollout.run()
    if dry_run:
        back = f"would take {run.terms.endpoint} back to {run.terms.config_before or 'nothing'}"
        call.out.show({**document(run), "dry_run": True}, f"{headline(run)}; {back}")
        return
    run = rollout.tell("abort", {"reason": " ".join(reason.split())[:1024]}, by=who())
    call.target(environment).told(rollout)
    if watch:
        from headgate.cli.rollout.watch import follow

        follow(call, rollout)
        return
    call.out.show({**document(run), "dry_run": False}, headline(run), "`headgate rollout watch` follows it.")
