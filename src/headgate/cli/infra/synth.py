"""`headgate infra synth`."""

from dataclasses import asdict
from pathlib import Path

import click

from headgate.cli.command import Call, Command, env_option
from headgate.cli.infra.shared import folder_of, output_option, site_of, synthesised
from headgate.cli.output import Table


@click.command(cls=Command, example="headgate infra synth\nheadgate infra synth --env production --output templates")
@env_option
@output_option
def command(call: Call, *, environment: str | None, output: Path | None) -> None:
    """Write the CloudFormation templates; needs no account.

    One template for each stack, the same bytes for the same headgate.yaml. The folder is an assembly of the CDK's.
    """
    from headgate.infra.assembly import resources

    site = site_of(call, environment)
    folder = folder_of(call, site, output)
    told = [(stack.outline, resources(stack), stack.template) for stack in synthesised(call, site, folder)]
    call.out.show(
        {
            "environment": site.environment,
            "account": site.account,
            "region": site.region,
            "folder": str(folder),
            "stacks": [
                {**asdict(outline), "template": str(template), "resources": count} for outline, count, template in told
            ],
        },
        Table(
            ("stack", "resources", "needs", "parameters", "template"),
            [
                (
                    outline.name,
                    str(count),
                    ", ".join(outline.after) or "-",
                    ", ".join(outline.parameters) or "-",
                    template.name,
                )
                for outline, count, template in told
            ],
        ),
        f"{len(told)} templates for account {site.account} in {site.region}: {folder}",
    )
