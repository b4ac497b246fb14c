"""`headgate ci`: what delivers a project without anybody at a keyboard. One module a command."""

from headgate.cli.lazy import LazyGroup

COMMANDS = {
    "github": "Write the workflows of a GitHub repository.",
    "requirements": "Write what the workflows install, each file by its hash.",
}

command = LazyGroup(
    "ci",
    package="headgate.cli.ci",
    sections={"Commands": COMMANDS},
    help="Write the workflows that deliver the project.",
    epilog="See docs/ci.md for what they do.",
)
