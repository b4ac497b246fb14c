"""`headgate down`."""

from contextlib import suppress

import click

from headgate.cli.command import Call, Command, dry_run_option
from headgate.errors import Refused


@click.command(cls=Command, example="headgate down\nheadgate down --all")
@click.option("--all", "everything", is_flag=True, help="Stop the engine too, with the endpoints of all projects.")
@dry_run_option
def command(call: Call, *, everything: bool, dry_run: bool) -> None:
    """Stop this project's endpoints, or the whole engine.

    Without --all, the project's rollouts are aborted, its endpoints are deleted, and the engine goes on. With --all,
    the engine stops; `headgate up` brings its endpoints back as they were. Versions and packages stay in both cases.
    """
    if everything:
        _stop_engine(call, dry_run)
    else:
        _delete_endpoints(call, dry_run)


def _stop_engine(call: Call, dry_run: bool) -> None:
    from headgate.wiring.local import stop

    if not dry_run:
        with call.out.progress("down") as progress:
            progress("stopping gateway, model servers and engine", None)
            stop(call.home)
    said = "would be stopped" if dry_run else "is stopped"
    call.out.show({"stopped": "engine", "dry_run": dry_run}, f"The engine {said}. `headgate up` brings it back.")


def _delete_endpoints(call: Call, dry_run: bool) -> None:
    from headgate.hosting.deployment import owned_by
    from headgate.hosting.endpoints import Endpoints

    project = call.project.name
    endpoints = Endpoints(call.connect())
    names = [state.name for state in owned_by(endpoints, project)]
    if not dry_run:
        _abort_rollouts(call)
        with call.out.goes_on_when_interrupted(), call.out.progress("down") as progress:
            for name in names:
                endpoints.settle(name, progress)  # one that is changing cannot be deleted
                endpoints.delete(name)
            for name in names:
                endpoints.wait_gone(name, progress)
    said = "would be deleted" if dry_run else "deleted"
    lines = [f"{name}: {said}" for name in names] or [f"Project {project} has no endpoints."]
    call.out.show({"deleted": names, "dry_run": dry_run}, *lines)


def _abort_rollouts(call: Call) -> None:
    from headgate.cli.rollout.shared import who

    for environment, settings in call.project.spec.environments.items():
        if settings.target != "local":
            continue
        rollout = call.target(environment).rollouts.open()
        if rollout is not None:
            with suppress(Refused):  # it ended at this moment
                rollout.tell("abort", {"reason": "headgate down"}, by=who())
