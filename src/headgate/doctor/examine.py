"""The examination, in order: the package, the running server, its end, and a second start with a wrong argument.

What cannot be looked at because something before it failed is skipped, and says so: a package that cannot be unpacked
has no server, a server that died answers nothing.
"""

import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

from headgate.core.progress import Progress, silent
from headgate.doctor import arguments, connections, ending, invocations, package, pickles, pins, readiness
from headgate.doctor.arguments import Launch
from headgate.doctor.check import Check, Finding, Report, Result, failed, ok, skipped
from headgate.doctor.drain import end, stamps
from headgate.doctor.limits import Limits
from headgate.doctor.package import Package, unpack
from headgate.doctor.sample import Sample
from headgate.doctor.server import Server, Site, running
from headgate.doctor.visit import Start, Visit, begin
from headgate.doctor.wire import NoAnswer
from headgate.errors import InvalidInput

Subject = TypeVar("Subject")

UNPACKED: Check[Path] = Check(
    "archive",
    "a tar.gz of plain files whose names stay inside the folder: SageMaker extracts it into /opt/ml/model",
    "SageMaker",
    "Pack it again: tar -czf model.tar.gz -C FOLDER . (no links, no absolute names, no `..`).",
    lambda path: ok("a folder, copied" if path.is_dir() else "unpacked"),
)
ON_PACKAGE = (*package.CHECKS, *pins.CHECKS, *pickles.CHECKS)
ON_RUNNING = (*readiness.CHECKS, *invocations.CHECKS, *connections.CHECKS)


class Examination:
    """One package and one command. Use `examine`."""

    def __init__(self, limits: Limits, *, quick: bool, progress: Progress) -> None:
        self._limits = limits
        self._quick = quick
        self._progress = progress
        self._results: list[Result] = []
        every = (*arguments.CHECKS, UNPACKED, *ON_PACKAGE, *ON_RUNNING, *ending.CHECKS)
        self._count = len(every)

    def report(self) -> Report:
        """What was found."""
        return Report(tuple(self._results))

    def package(self, path: Path, site: Site, *, foreign: bool, recorded: Mapping[str, str]) -> Package | None:
        """Unpack and look; None where it cannot be unpacked."""
        try:
            names = unpack(path, site.model)
        except InvalidInput as error:
            self._note(UNPACKED, failed(error.message))
            self._skip(ON_PACKAGE, "it could not be unpacked")
            return None
        self._each((UNPACKED,), path)
        found = Package(site.model, None if path.is_dir() else path, tuple(names), foreign, recorded)
        self._each(ON_PACKAGE, found)
        return found

    def served(self, site: Site, command: Sequence[str], sample: Sample | None) -> bool:
        """Start the server, look at it and stop it; whether it came up."""
        with _read_only(site.model), running(site, command) as server:
            before = stamps(site.model)
            self._progress("cold-start", len(self._results) / self._count)
            start = begin(server, sample, self._limits)
            if start.seconds is None:
                self._note(readiness.CHECKS[0], _never_came_up(server, start, self._limits))
                self._skip((*ON_RUNNING[1:], *ending.CHECKS), "the server did not come up")
                return False
            visit = Visit(server, start, sample, self._limits)
            self._each(ON_RUNNING, visit, server)
            self._progress("drain", len(self._results) / self._count)
            together = any(r.name == "ping-alive" and r.verdict == "ok" for r in self._results)
            self._each(ending.CHECKS, end(visit, before, together=together))
            return True

    def unserved(self) -> None:
        """Say that no server was started."""
        self._skip((*ON_RUNNING, *ending.CHECKS, *arguments.CHECKS), "there is no package to serve")

    def arguments(self, launch: Launch | None) -> None:
        """Look at the arguments; None where the server does not even come up with the right one."""
        if launch:
            self._each(arguments.CHECKS, launch)
        else:
            self._skip(arguments.CHECKS, "the server did not come up")

    def _each(self, checks: Sequence[Check[Subject]], subject: Subject, server: Server | None = None) -> None:
        for check in checks:
            self._progress(check.name, len(self._results) / self._count)
            if check.slow and self._quick:
                self._note(check, skipped("left out of a quick examination"))
            elif server and server.exit_code is not None:
                self._note(check, skipped("the server has died"))
            else:
                self._note(check, _look(check, subject, server))

    def _skip(self, checks: Sequence[Check[Any]], reason: str) -> None:
        for check in checks:
            self._note(check, skipped(reason))

    def _note(self, check: Check[Any], finding: Finding) -> None:
        self._results.append(Result.of(check, finding))


def examine(
    path: Path,
    *,
    command: Sequence[str] = (),
    sample: Sample | None = None,
    recorded: Mapping[str, str] | None = None,
    limits: Limits | None = None,
    quick: bool = False,
    progress: Progress = silent,
) -> Report:
    """Examine the package `path` (an archive or an unpacked folder), served by `command` or by our own server.

    `sample` is a valid request where the package has no schema to make one from; `recorded` the versions it was made
    with. Raises NotFound where there is no such archive, UsageError where the command cannot be started.
    """
    limits = limits or Limits()
    root = Path(tempfile.mkdtemp(prefix="hg-doctor-"))
    try:
        examination = Examination(limits, quick=quick, progress=progress)
        site = Site(root / "served")
        found = examination.package(path, site, foreign=bool(command), recorded=recorded or {})
        if found is None:
            examination.unserved()
            return examination.report()
        if sample is None and (schema := found.schema):
            sample = Sample.of(schema)
        came_up = examination.served(site, command, sample)
        launch = Launch(tuple(command), root / "argument", site.model, limits)
        examination.arguments(launch if came_up else None)
        return examination.report()
    finally:
        shutil.rmtree(root, ignore_errors=True)


def _look(check: Check[Subject], subject: Subject, server: Server | None) -> Finding:
    try:
        return check.look(subject)
    except NoAnswer as error:
        died = server and server.wait(0.1) is not None
        return failed(f"{error}; the server died: {server.last_words()}" if server and died else str(error))


def _never_came_up(server: Server, start: Start, limits: Limits) -> Finding:
    if server.exit_code is not None:
        return failed(
            f"the server ended with exit code {server.exit_code}: {server.last_words()}",
            "Read its last words; packages that it lacks belong in code/requirements.txt.",
        )
    if start.before:
        return failed(f"/ping said {start.before[-1]} for {limits.start:g} s; last words: {server.last_words()}")
    elsewhere = [f"{host}:{port}" for host, port in server.addresses()]
    if elsewhere:
        return failed(
            f"nobody listens on port {server.port}; the server listens on {', '.join(elsewhere)}",
            "Listen on $SAGEMAKER_BIND_TO_PORT (8080 where it is not set); {port} in the command is filled in too.",
        )
    return failed(f"no answer from /ping within {limits.start:g} s; last words: {server.last_words()}")


@contextmanager
def _read_only(folder: Path) -> Iterator[None]:
    """Take the right to write from everything in `folder`; root keeps it, and is found out by the files' stamps."""
    paths = [folder, *folder.rglob("*")]
    for path in paths:
        if not path.is_symlink():
            path.chmod(path.stat().st_mode & 0o555)
    try:
        yield
    finally:
        for path in paths:
            if path.is_dir() and not path.is_symlink():
                path.chmod(path.stat().st_mode | 0o200)
