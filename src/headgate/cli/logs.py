"""`headgate logs`."""

import os
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import BinaryIO

import click

from headgate.cli.command import Call, Command, env_option
from headgate.errors import NotFound, UsageError

SERVICES = ("engine", "gateway", "supervisor")
POLL_SECONDS = 0.25


@click.command(
    cls=Command,
    example="""headgate logs
headgate logs iris-production --variant stable --follow
headgate logs --of engine --lines 20""",
)
@click.argument("endpoint", required=False)
@click.option("--variant", help="Only this variant's model servers.")
@click.option("--of", "service", type=click.Choice(SERVICES), help="A part of the engine instead of an endpoint.")
@click.option("-f", "--follow", is_flag=True, help="Go on as lines are written, until Ctrl-C.")
@click.option("-n", "--lines", type=click.IntRange(0), default=50, show_default=True, help="Lines of each file.")
@env_option
def command(
    call: Call,
    *,
    endpoint: str | None,
    variant: str | None,
    service: str | None,
    follow: bool,
    lines: int,
    environment: str | None,
) -> None:
    """Show what model servers, gateway and engine wrote.

    Without ENDPOINT and --of, the project's own endpoint. Needs no running engine.
    """
    if service and (endpoint or variant):
        raise UsageError("--of names a part of the engine; it goes with neither ENDPOINT nor --variant.")
    if follow and call.out.as_json:
        raise UsageError("--json prints one document; it does not go with --follow.")
    if endpoint and endpoint != Path(endpoint).name:
        raise NotFound(f"{endpoint!r} is not the name of an endpoint.", hint="`headgate status` lists endpoints.")
    folder = call.home.logs if service else call.home.logs / (endpoint or call.endpoint(environment))

    def files() -> list[Path]:
        if service:
            return sorted(folder.glob(f"{service}*.log"))
        # <variant>-<instance>.log, where a variant may have hyphens of its own and an instance has none
        return sorted(f for f in folder.glob("*.log") if variant in (None, f.stem.rpartition("-")[0]))

    found = files()
    if not found and not follow:
        raise NotFound(f"There are no such logs in {folder}.", hint="`headgate status` lists endpoints and variants.")
    reading: dict[Path, BinaryIO] = {file: file.open("rb") for file in found}
    tails = {file: _decoded(deque(stream, lines)) for file, stream in reading.items()}
    text = [line for file, tail in tails.items() for line in _labelled(file, tail, alone=len(found) == 1)]
    call.out.show({file.name: tail for file, tail in tails.items()}, *text)
    if follow:
        _follow(call, files, reading)
    for stream in reading.values():
        stream.close()


def _decoded(lines: Iterable[bytes]) -> list[str]:
    return [line.decode(errors="replace").rstrip("\n") for line in lines]


def _labelled(file: Path, lines: list[str], *, alone: bool) -> list[str]:
    return lines if alone else [f"{file.stem}: {line}" for line in lines]


def _follow(call: Call, files: Callable[[], list[Path]], reading: dict[Path, BinaryIO]) -> None:
    """New lines of all files, also of those that come later, until the user has seen enough."""
    while True:
        for path in files():
            if path not in reading:
                reading[path] = path.open("rb")
            call.out.lines(_labelled(path, _decoded(_complete(reading[path])), alone=len(reading) == 1))
        time.sleep(POLL_SECONDS)


def _complete(stream: BinaryIO) -> Iterator[bytes]:
    """The whole lines that are there now; half a line waits for its other half. A file cut short starts anew."""
    if os.fstat(stream.fileno()).st_size < stream.tell():
        stream.seek(0)
    while True:
        at = stream.tell()
        line = stream.readline()
        if not line.endswith(b"\n"):
            stream.seek(at)
            return
        yield line
