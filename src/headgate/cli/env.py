"""`headgate env`."""

import shlex

import click

from headgate.cli.command import Call, Command

UNSET = (
    "AWS_PROFILE", "AWS_DEFAULT_PROFILE", "AWS_SESSION_TOKEN",
    "AWS_ENDPOINT_URL_SAGEMAKER", "AWS_ENDPOINT_URL_CLOUDWATCH", "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS",
)  # fmt: skip
"""What would lead a stock client past the engine, were it left in the environment."""


@click.command(cls=Command, project=False, example='eval "$(headgate env)"\nheadgate env --shell fish | source')
@click.option("--shell", type=click.Choice(["sh", "fish"]), default="sh", show_default=True, help="Syntax to print.")
def command(call: Call, *, shell: str) -> None:
    """Print what stock AWS clients need to reach the engine.

    boto3 and the aws CLI read these variables. They point at the engine only in the shell that evaluates
    them; no file is written.
    """
    to = call.connect()
    variables = {
        "AWS_ENDPOINT_URL": to.control_url,
        "AWS_ENDPOINT_URL_SAGEMAKER_RUNTIME": to.runtime_url,
        "AWS_ACCESS_KEY_ID": to.access_key,
        "AWS_SECRET_ACCESS_KEY": to.secret_key,
        "AWS_REGION": to.region,
        "AWS_DEFAULT_REGION": to.region,
    }
    lines = {"sh": _sh, "fish": _fish}[shell](variables)
    call.out.show({"set": variables, "unset": list(UNSET)}, *lines)


def _sh(variables: dict[str, str]) -> list[str]:
    return [*(f"export {name}={shlex.quote(value)}" for name, value in variables.items()), f"unset {' '.join(UNSET)}"]


def _fish(variables: dict[str, str]) -> list[str]:
    # In fish's single quotes only \ and ' are special.
    quoted = {name: value.replace("\\", "\\\\").replace("'", "\\'") for name, value in variables.items()}
    return [*(f"set -gx {name} '{value}'" for name, value in quoted.items()), *(f"set -e {name}" for name in UNSET)]
