"""`headgate rollback`."""

import click

from headgate.cli.command import Call, Command, dry_run_option, env_option
from headgate.cli.rollout.shared import document, require_forward, who


@click.command(cls=Command, example='headgate rollback --dry-run\nheadgate rollback --reason "complaints from sales"')
@click.option("--reason", default="", help="Why; kept in the log.")
@click.option("--wait/--no-wait", default=True, help="Follow it until it is done (default), or return at once.")
@env_option
@dry_run_option
def command(call: Call, *, reason: str, wait: bool, environment: str | None, dry_run: bool) -> None:
    """Take the endpoint back to its last good version.

    That is the config in force before the last rollout or deployment, by the pointer on the endpoint; never "the newest
    other one". A second rollback goes forward again. A rollout that is under way is aborted instead; while a rollback
    is under way, there is no other.
    """
    from headgate.pipeline.start import place_of
    from headgate.pipeline.worlds import in_function, terms_back

    name, reason = call.environment(environment), " ".join(reason.split())[:1024]
    target = call.target(name)
    rollout = target.rollouts.open()
    if rollout is not None:
        require_forward(target, rollout, dry_run=dry_run)
        if not dry_run:
            rollout.tell("abort", {"reason": reason}, by=who())
            target.told(rollout)
        said = f"The rollout that is under way {'would be' if dry_run else 'is'} aborted."
        shown = {**document(rollout.run()), "dry_run": dry_run}
    else:
        reason = reason or f"{who()} asked for it."
        hooks = call.project.spec.package.code is not None
        place = place_of(call.project, name)
        function = in_function(call.project, name)
        terms = terms_back(place, target.connection, target.rollouts, reason, function=function, refusable=hooks)
        would = "would go" if dry_run else "goes"
        said = f"{terms.endpoint} {would} back from {terms.config_before} to {terms.final_config}."
        shown = {"endpoint": terms.endpoint, "from": terms.config_before, "to": terms.final_config, "dry_run": dry_run}
        if not dry_run:
            rollout = target.launch(terms, by=who())
    if rollout is None or dry_run or not wait:
        call.out.show(shown, said)
        return
    from headgate.cli.rollout.watch import follow

    follow(call, rollout)
