"""`headgate doctor`."""

import signal
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import click

from headgate.cli.command import Call, Command
from headgate.cli.output import Table
from headgate.errors import GateFailed, MissingExtra, NotFound

if TYPE_CHECKING:
    from headgate.data.packages import Package, Packages
    from headgate.doctor import Report, Sample


class CommandWithServer(Command):
    """What follows `--` is a command of its own, so that the package before it may be left out."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Put the words after `--` into the parameter `server`."""
        at = args.index("--") if "--" in args else len(args)
        rest = super().parse_args(ctx, args[:at])
        ctx.params["server"] = tuple(args[at + 1 :])
        return rest

    def collect_usage_pieces(self, ctx: click.Context) -> list[str]:
        """The usage line, with what may follow."""
        return [*super().collect_usage_pieces(ctx), "[-- COMMAND...]"]


@click.command(
    cls=CommandWithServer,
    example="""headgate doctor
headgate doctor model.tar.gz --json
headgate doctor model.tar.gz --sample '{"x": 1.5}' -- python server.py serve""",
)
@click.argument("package", required=False)
@click.option("--sample", metavar="JSON|@FILE", help="A valid request, for a package without a schema.")
@click.option("--content-type", help="Content type of the sample (default: application/json; text/csv for @FILE.csv).")
@click.option("--quick", is_flag=True, help="Leave out large bodies and the second start.")
def command(
    call: Call,
    *,
    package: str | None,
    sample: str | None,
    content_type: str | None,
    quick: bool,
    server: tuple[str, ...],
) -> None:
    """Run SageMaker's container contract against a package.

    Needs neither docker nor AWS. PACKAGE is a model.tar.gz, an unpacked folder, or the beginning of a package's digest;
    without it the project's newest package is taken. The package is served as in a container: by Headgate, or by the
    COMMAND after `--`, which must listen on $SAGEMAKER_BIND_TO_PORT and serve $SAGEMAKER_BASE_DIR/model ({port} and
    {model_dir} in it are filled in). Exits with 1 if a check fails; warnings are allowed.
    """
    from headgate.doctor import examine

    _check_installed(server)
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # as Ctrl-C does: the server must not outlive the doctor
    path, recorded = _find(call, package)
    with call.out.progress("doctor") as progress:
        report = examine(
            path,
            command=server,
            sample=_sample(sample, content_type),
            recorded=recorded,
            quick=quick,
            progress=progress,
        )
    document = {"package": str(path), "command": list(server), **report.to_json()}
    call.out.show(document, *_parts(path, report))
    if not report.passed:
        raise click.exceptions.Exit(GateFailed.exit_code)


def _check_installed(server: tuple[str, ...]) -> None:
    from importlib.util import find_spec

    if not server and find_spec("onnxruntime") is None:
        raise MissingExtra("The model server", "serve")


def _find(call: Call, given: str | None) -> tuple[Path, Mapping[str, str]]:
    """The package, and the versions that it was trained with, where they are known."""
    if given is not None and (path := Path(given)).exists():
        return path, {}
    from headgate.data.packages import Packages
    from headgate.data.runs import Runs

    packages = Packages(call.project.store)
    found = packages.latest() if given is None else _by_digest(packages, given)
    try:
        return found.path, Runs(call.project.store).load(found.record.run).record.versions
    except NotFound:
        return found.path, {}


def _by_digest(packages: "Packages", beginning: str) -> "Package":
    digests = [entry.name for entry in packages.folder.glob(f"{beginning}*/")] if beginning.isalnum() else []
    if len(digests) != 1:
        several = f"{len(digests)} packages begin" if digests else "There is no such file, and no package begins"
        raise NotFound(
            f"{several} with {beginning!r}.", hint="Name a model.tar.gz, an unpacked folder or a package's digest."
        )
    return packages.load(digests[0])


def _sample(given: str | None, content_type: str | None) -> "Sample | None":
    if given is None:
        return None
    from headgate.cli.payload import read_payload
    from headgate.doctor import Sample

    return Sample(*read_payload(given, content_type))


def _parts(path: Path, report: "Report") -> list[str | Table]:
    rows = [(result.verdict, result.name, result.seen) for result in report.results]
    parts: list[str | Table] = [str(path), Table(("verdict", "check", "seen"), rows)]
    for result in report.results:
        if result.remedy:
            parts.append(
                f"\n{result.verdict}: {result.name}\n"
                f"  expected ({result.source}): {result.expected}\n"
                f"  seen: {result.seen}\n"
                f"  remedy: {result.remedy}"
            )
    counts = ", ".join(f"{report.count(verdict)} {verdict}" for verdict in ("ok", "warning", "failed", "skipped"))
    return [*parts, f"\n{counts}. " + ("The contract holds." if report.passed else "The contract is broken.")]
