"""The `headgate` group. Commands are imported when they are called, so that `--help` and errors come at once."""

import click

import headgate
from headgate.cli.lazy import LazyGroup

SECTIONS: dict[str, dict[str, str]] = {
    "Engine": {
        "up": "Start the engine on this machine.",
        "status": "Show the engine, its endpoints and open rollouts.",
        "env": "Print what stock AWS clients need to reach the engine.",
        "down": "Stop this project's endpoints, or the whole engine.",
    },
    "Model": {
        "init": "Write a new model project.",
        "train": "Train a candidate and record the run.",
        "check": "Test the newest run against the gates.",
        "package": "Pack the newest run into a model.tar.gz.",
        "predict": "Ask the packaged model, without a server.",
        "doctor": "Run SageMaker's container contract against a package.",
        "image": "Write what a container image is built from.",
    },
    "Version": {
        "register": "Register the package as a model version.",
        "approve": "Approve a model version for deployment.",
        "reject": "Reject a model version.",
        "pin": "Pin a version in deploy/ENVIRONMENT.yaml, for a commit.",
    },
    "Endpoint": {
        "rollout": "Roll a version out by evidence; a bad one goes back by itself.",
        "rollback": "Take the endpoint back to its last good version.",
        "deploy": "Put a model version behind the project's endpoint, all at once.",
        "invoke": "Ask an endpoint.",
        "load": "Let virtual users ask the endpoint, and see how it answers.",
        "logs": "Show what model servers, gateway and engine wrote.",
    },
    "Delivery": {
        "plan": "Show a rollout's time, limits and cost before it starts.",
        "ci": "Write the workflows that deliver the project.",
        "infra": "What a project needs on AWS: write it, compare it, make it, remove it.",
    },
}
"""Every command by purpose, with its one line of help. The module `headgate.cli.<name>` holds the command."""

EXIT_CODES = """\b
Exit codes:
  0   done
  1   the answer is no: a gate or a check failed, a rollout went back
  2   wrong use: a flag, headgate.yaml or an input
  3   no such endpoint, version, project or file
  4   the engine, a server or a store does not answer
  5   the present state forbids it
  6   an optional part is not installed
  70  a bug in Headgate; the traceback is saved
  130 interrupted
  141 the reader of the output has gone
"""


@click.group(
    cls=LazyGroup, sections=SECTIONS, epilog=EXIT_CODES, context_settings={"help_option_names": ["-h", "--help"]}
)
@click.version_option(headgate.__version__, message="headgate %(version)s")
def app() -> None:
    """From a data change to a rolled-out, watched, reversible model endpoint.

    Start with `headgate init iris DIR`. Each command explains itself: `headgate COMMAND --help`.
    """
