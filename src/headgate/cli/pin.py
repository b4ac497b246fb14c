"""`headgate pin`."""

from dataclasses import asdict

import click

from headgate.cli.command import Call, Command, dry_run_option, env_option


@click.command(cls=Command, example="headgate pin 3 --env production\nheadgate rollout start --env production --pinned")
@click.argument("version", type=click.IntRange(min=1))
@env_option
@dry_run_option
def command(call: Call, *, version: int, environment: str | None, dry_run: bool) -> None:
    """Pin a version in deploy/ENVIRONMENT.yaml, for a commit.

    Changes nothing else. Reviewed and merged, the file is the approval: `headgate rollout start --pinned`, which
    workflows run on a merge, rolls out exactly the package that it names.
    """
    from headgate.hosting.registry import Registry
    from headgate.pipeline.pin import Pin, path_of, write

    name = call.environment(environment)
    found = Registry(call.target(name).connection).version(call.project.name, version)
    pin = Pin.of(found)
    path = path_of(call.project.root, name)
    if not dry_run:
        write(call.project.root, name, pin)
    would = "would pin" if dry_run else "pins"
    call.out.show(
        {**asdict(pin), "file": str(path), "status": found.status, "dry_run": dry_run},
        f"{path} {would} version {version} of {call.project.name} ({found.status}).",
        *([] if dry_run else ["Next: commit it, and have it reviewed."]),
    )
