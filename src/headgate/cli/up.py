"""`headgate up`."""

import click

from headgate.cli.command import Call, Command


@click.command(cls=Command, project=False, example="headgate up\nheadgate up --port 7070 --gateway-port 7071")
@click.option(
    "--port", type=click.IntRange(1, 65535), help="Port of the control API (default: chosen once, then kept)."
)
@click.option("--gateway-port", type=click.IntRange(1, 65535), help="Port of the gateway (default: chosen once).")
def command(call: Call, *, port: int | None, gateway_port: int | None) -> None:
    """Start the engine on this machine.

    Needs no project. Does nothing when the engine runs already.
    """
    from headgate.wiring.local import start

    with call.out.progress("up") as progress:
        progress("starting engine and gateway", None)
        file = start(call.home, control_port=port, gateway_port=gateway_port)
    document = {"home": str(call.home.path), "control_url": file.control_url, "gateway_url": file.gateway_url}
    call.out.show(
        document,
        f"The engine is up: control API {file.control_url}, gateway {file.gateway_url}.",
        'For stock AWS clients: eval "$(headgate env)"',
    )
