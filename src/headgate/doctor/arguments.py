"""The argument with which a container is started: `serve`, put behind the image's ENTRYPOINT."""

from dataclasses import dataclass
from pathlib import Path

from headgate.doctor.check import Check, Finding, ok, skipped, warning
from headgate.doctor.limits import Limits
from headgate.doctor.server import OWN, SERVE, Site, running
from headgate.doctor.visit import begin

UNKNOWN = "headgate-doctor-unknown"


@dataclass(frozen=True, slots=True)
class Launch:
    """A command to start, in a folder of its own, with a package that can be served. Empty: our server."""

    command: tuple[str, ...]
    folder: Path
    model: Path
    limits: Limits


def look_at_serve(launch: Launch) -> Finding:
    """Whether it was started with `serve`."""
    if launch.command and SERVE not in launch.command:
        return warning("the command was started without `serve`, and would get it on SageMaker")
    return ok("started with `serve`")


def look_at_unknown_argument(launch: Launch) -> Finding:
    """The same start with another argument."""
    if SERVE not in (command := launch.command or OWN):
        return skipped("the command takes no `serve`")
    site = Site(launch.folder)
    site.model.symlink_to(launch.model)
    limits = Limits(start=launch.limits.refusal)
    with running(site, [UNKNOWN if word == SERVE else word for word in command]) as server:
        start = begin(server, None, limits)
        code = server.exit_code
        if code:
            return ok(f"refused with exit code {code}")
        if start.seconds is not None:
            return warning(f"{UNKNOWN!r} started the server too")
        return warning(
            f"{UNKNOWN!r} was not refused within {launch.limits.refusal:g} s" if code is None else "exit code 0"
        )


CHECKS: tuple[Check[Launch], ...] = (
    Check(
        "argument", "the container is started as `IMAGE serve`", "SageMaker",
        "Let the ENTRYPOINT take the argument `serve`, if only to ignore it.", look_at_serve,
    ),
    Check(
        "argument-unknown", "an argument that is neither `serve` nor `train` is refused", "Headgate",
        "Compare the argument and end with an error: a training job must not start a server.",
        look_at_unknown_argument, slow=True,
    ),
)  # fmt: skip
