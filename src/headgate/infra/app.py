"""The CDK app: headgate.yaml and the name of an environment in, CloudFormation templates out.

The same spec gives the same templates, byte for byte; nothing of the account, the clock or the machine goes in. There
is no file to upload, so that an account needs no bootstrap, and whoever deploys does so with their own credentials.

Importing the CDK takes seconds and starts a node process, so that it is imported in here and nowhere above.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from headgate.core.progress import Progress
from headgate.errors import MissingExtra, Refused
from headgate.infra import node
from headgate.infra.outline import Outline, outline
from headgate.infra.policies import roles
from headgate.infra.site import Site

if TYPE_CHECKING:
    import aws_cdk as cdk

LARGEST = 51_200
"""Bytes that CloudFormation takes of a template which is not in a bucket."""

CONTEXT = {
    "@aws-cdk/core:enablePartitionLiterals": True,
    "@aws-cdk/aws-apigateway:disableCloudWatchRole": True,
}


@dataclass(frozen=True, slots=True)
class Built:
    """One stack that was written."""

    outline: Outline
    template: Path


def synthesise(site: Site, folder: Path, environment: Mapping[str, str], progress: Progress) -> list[Built]:
    """Write the assembly into an empty folder. Returns the stacks, each after those that it needs.

    Raises MissingExtra where the CDK or node is not installed.
    """
    progress("starting the CDK", None)
    load(environment)
    progress(f"building the stacks of {site.prefix}", None)
    app = assemble(site, folder)
    assembly = app.synth()
    progress(f"writing {len(assembly.stacks)} templates", None)
    templates = {stack.id: Path(stack.template_full_path) for stack in assembly.stacks}
    built = [Built(stack, templates[stack.id]) for stack in outline(site)]
    for made in built:
        if made.template.stat().st_size > LARGEST:
            raise Refused(
                f"The template of {made.outline.name} is larger than {LARGEST:,} bytes.",
                hint="Shorten the lists of the environment (origins, tags, notify).",
            )
    return built


def load(environment: Mapping[str, str]) -> None:
    """Import the CDK with the node that belongs to it. Raises MissingExtra where either is not installed."""
    found = node.find(environment)
    # jsii reads this when it is imported, and takes `node` from the path otherwise, whichever that is.
    os.environ[node.VARIABLE] = str(found.program)
    os.environ.setdefault("JSII_SILENCE_WARNING_UNTESTED_NODE_VERSION", "1")
    try:
        import aws_cdk  # noqa: F401
    except ModuleNotFoundError as error:
        raise MissingExtra("Infrastructure", "aws") from error


def assemble(site: Site, folder: Path) -> "cdk.App":
    """The app, not yet written. The CDK must be loaded."""
    import aws_cdk as cdk

    from headgate.infra.stacks import base, delivery, front, function, github, machine, watch

    app = cdk.App(
        outdir=str(folder),
        analytics_reporting=False,
        tree_metadata=False,
        stack_traces=False,
        # cfn-lint holds the templates against the same rules, in our tests; here it would take ten seconds.
        builtin_cloud_formation_validation=False,
        default_stack_synthesizer=cdk.LegacyStackSynthesizer(),
        context=CONTEXT,
    )
    known = roles(site)
    made = {
        "base": base.build(app, site, known),
        "watch": watch.build(app, site),
        "delivery": delivery.build(app, site, known),
        "machine": machine.build(app, site, known),
        "function": function.build(app, site, known),
        "front": front.build(app, site, known),
        "github": github.build(app, site, known),
    }
    for planned in outline(site):
        for other in planned.after:
            stack, needed = made[planned.id], made[other]
            assert stack is not None
            assert needed is not None
            stack.add_stack_dependency(needed)
    return app
