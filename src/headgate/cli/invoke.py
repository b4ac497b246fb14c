"""`headgate invoke`."""

import json
from typing import Any

import click

from headgate.cli.command import Call, Command, env_option
from headgate.core import names
from headgate.core.endpoints import Answer
from headgate.errors import UsageError


@click.command(
    cls=Command,
    example="""headgate invoke '{"sepal_length": 5.1, "sepal_width": 3.5, "petal_length": 1.4, "petal_width": 0.2}'
headgate invoke iris-production @rows.json --variant canary
cut -d, -f1-4 rows.csv | headgate invoke - --content-type text/csv""",
)
@click.argument("words", nargs=-1, required=True, metavar="[ENDPOINT] JSON|@FILE|-")
@click.option("--variant", default="", help="Ask this variant, whatever the weights.")
@click.option("--content-type", help="Content type of the input (default: application/json; text/csv for @FILE.csv).")
@env_option
def command(
    call: Call, *, words: tuple[str, ...], variant: str, content_type: str | None, environment: str | None
) -> None:
    """Ask an endpoint.

    Prints the answer; the variant that gave it is told on stderr. Without ENDPOINT, the project's own is asked.
    """
    from headgate.cli.payload import JSON, read_payload
    from headgate.hosting.runtime import Runtime

    if len(words) > 2:
        raise click.UsageError("Expected [ENDPOINT] and one input; quote the JSON, so that the shell keeps it whole.")
    body, kind = read_payload(words[-1], content_type)
    endpoint = words[0] if len(words) == 2 else call.endpoint(environment)
    own = len(words) == 1 or environment is not None
    connection = call.target(environment).connection if own else call.connect()
    if len(words) == 1 and _in_function(call, environment):
        from headgate.hosting.functions import ALIAS, Functions

        if variant or kind != JSON:
            raise UsageError("A Lambda function takes JSON, and no --variant: its alias chooses the version.")
        endpoint = names.function(call.project.name, call.environment(environment), "model")
        answer = Answer(Functions(connection).ask(endpoint, ALIAS, body), JSON, "")
    else:
        answer = Runtime(connection).invoke(endpoint, body, content_type=kind, variant=variant)
    if answer.variant and not call.out.as_json:
        call.out.say(f"variant: {answer.variant}")
    document = {
        "endpoint": endpoint,
        "variant": answer.variant,
        "content_type": answer.content_type,
        "headers": dict(answer.headers),
        "body": _parsed(answer),
    }
    call.out.show(document, answer.body.decode(errors="replace").rstrip("\n"))


def _in_function(call: Call, environment: str | None) -> bool:
    """Whether the environment's model is in a Lambda function."""
    found = call.project.spec.environments[call.environment(environment)]
    return found.target == "aws" and found.hosting.kind == "lambda"


def _parsed(answer: Answer) -> Any:
    """The body as JSON where it is, else as text."""
    try:
        return json.loads(answer.body)
    except ValueError:
        return answer.body.decode(errors="replace")
