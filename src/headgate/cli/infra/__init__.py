"""`headgate infra`: what a project needs on AWS, as a CDK app. One module a command."""

from headgate.cli.lazy import LazyGroup

COMMANDS = {
    "synth": "Write the CloudFormation templates; needs no account.",
    "diff": "Show what would change in the account.",
    "deploy": "Make it so in the account.",
    "destroy": "Take an environment out of the account.",
}

command = LazyGroup(
    "infra",
    package="headgate.cli.infra",
    sections={"Commands": COMMANDS},
    help="What a project needs on AWS, as a CDK app read from headgate.yaml.",
    epilog="See docs/aws-infra.md for what is in the stacks.",
)
