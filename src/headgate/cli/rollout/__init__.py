"""`headgate rollout`: a version promoted by evidence, or rolled back by itself. One module a command."""

from headgate.cli.lazy import LazyGroup

COMMANDS = {
    "start": "Roll a version out, step by step.",
    "status": "Show where the newest rollout stands.",
    "watch": "Follow a rollout until it ends.",
    "why": "Say why the last decision was taken.",
    "abort": "Take an open rollout back.",
    "history": "List rollouts, or all entries of one.",
}

command = LazyGroup(
    "rollout",
    package="headgate.cli.rollout",
    sections={"Commands": COMMANDS},
    help="Roll a version out by evidence; a bad one goes back by itself.",
    epilog="See docs/judging.md for how a canary is judged.",
)
