"""`headgate infra synth`."""

from pathlib import Path

import click

from headgate.cli.command import Call, Command, env_option
from headgate.cli.infra.shared import output_option, site_of, synthesised
from headgate.cli.output import Table


@click.command(cls=Command, example="headgate infra synth\nheadgate infra synth --env production --output templates")
@env_option
@output_option
def command(call: Call, *, environment: str | None, output: Path | None) -> None:
    """Write the CloudFormation templates; needs no account.

    One template for each stack, the same bytes for the same headgate.yaml. The folder is an assembly of the CDK's.
    """
    from headgate.infra.assembly import summary

    site = site_of(call, environment)
    folder, built = synthesised(call, site, output)
    told = [(stack, *summary(stack)) for stack in built]
    call.out.show(
        {
            "environment": site.environment,
            "account": site.account,
            "region": site.region,
            "folder": str(folder),
            "stacks": [
                {
                    "id": stack.id,
                    "name": stack.name,
                    "template": str(stack.template),
                    "after": list(stack.after),
                    "resources": resources,
                    "parameters": parameters,
                }
                for stack, resources, parameters in told
            ],
        },
        Table(
            ("stack", "resources", "needs", "parameters", "template"),
            [
                (stack.name, str(count), ", ".join(stack.after) or "-", ", ".join(names) or "-", stack.template.name)
                for stack, count, names in told
            ],
        ),
        f"{len(built)} templates for account {site.account} in {site.region}: {folder}",
    )
