"""The CDK's own command line, which brings templates into an account: npm's `aws-cdk`, pinned, fetched once.

It is not in the wheel of the CDK, and its newest version does not read what ours writes, so that one version is
installed into the user's cache when it is first needed. npm is node's own, and reads the user's settings (a registry of
the company's, a proxy) as always. Scripts of packages are not run.

What is called is said as values first; a dry run prints them.
"""

import shlex
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from headgate.core.files import filling
from headgate.core.progress import Progress
from headgate.errors import Unavailable
from headgate.infra.node import Node

VERSION = "2.1148.1"
PACKAGE = f"aws-cdk@{VERSION}"
INSTALL_SECONDS = 300
QUIET = {"CDK_DISABLE_CLI_TELEMETRY": "true", "CDK_DISABLE_VERSION_CHECK": "true"}


@dataclass(frozen=True, slots=True)
class Toolkit:
    """The command line in `folder`, run by `node`."""

    node: Node
    folder: Path

    @classmethod
    def of(cls, node: Node, environment: Mapping[str, str]) -> "Toolkit":
        """Where it is in the user's cache, or will be."""
        given = environment.get("XDG_CACHE_HOME", "")
        cache = Path(given) if Path(given).is_absolute() else Path.home() / ".cache"
        return cls(node, cache / "headgate" / f"aws-cdk-{VERSION}")

    @property
    def program(self) -> Path:
        """The script."""
        return self.folder / "node_modules" / "aws-cdk" / "bin" / "cdk"

    def install_command(self, folder: Path | None = None) -> list[str]:
        """What installs it."""
        quiet = ("--no-audit", "--no-fund", "--ignore-scripts", "--no-package-lock", "--loglevel=error")
        return self.node.npm_command("install", "--prefix", str(folder or self.folder), *quiet, PACKAGE)

    def command(self, verb: str, assembly: Path, *arguments: str) -> list[str]:
        """One call of it, on an assembly that is written already."""
        return [str(self.node.program), str(self.program), verb, "--app", str(assembly), "--no-notices", *arguments]


def install(toolkit: Toolkit, progress: Progress, environment: Mapping[str, str]) -> None:
    """Fetch it unless it is there. Raises Unavailable where npm cannot."""
    if toolkit.program.is_file():
        return
    progress(f"fetching {PACKAGE} (once)", None)
    toolkit.folder.parent.mkdir(parents=True, exist_ok=True)
    with filling(toolkit.folder) as folder:
        try:
            ran = subprocess.run(
                toolkit.install_command(folder),
                env=environment,
                capture_output=True,
                text=True,
                check=False,
                timeout=INSTALL_SECONDS,
            )
        except subprocess.TimeoutExpired:
            raise _not_fetched(f"npm did not end in {INSTALL_SECONDS} seconds") from None
        except OSError as error:
            raise _not_fetched(f"{toolkit.node.program}: {error.strerror}") from error
        if ran.returncode:
            raise _not_fetched(_reason(ran.stderr))


def run(command: Sequence[str], environment: Mapping[str, str], *, quiet: bool) -> int:
    """Run a call on this terminal. `quiet` keeps stdout for a result of ours: what it prints goes to stderr."""
    # 2 is stderr's descriptor: what is shown there stays visible.
    return subprocess.run(command, env={**environment, **QUIET}, stdout=2 if quiet else None, check=False).returncode


def shown(command: Sequence[str]) -> str:
    """A command as it would be typed."""
    return shlex.join(command)


def require(code: int, verb: str) -> None:
    """Raises Unavailable where a call failed; it has said why itself."""
    if code:
        raise Unavailable(f"cdk {verb} ended with exit code {code}.", hint="What it printed above says why.")


def _not_fetched(reason: str) -> Unavailable:
    return Unavailable(
        f"The CDK's command line ({PACKAGE}) cannot be fetched: {reason}",
        hint="It is fetched once, by npm: go online, or set a registry that you reach (`npm config set registry URL`). "
        "`headgate infra synth` needs none of it.",
    )


def _reason(output: str) -> str:
    """The line of npm's that says it, without its prefix."""
    lines = [line.removeprefix("npm error ").strip() for line in output.splitlines() if line.startswith("npm error ")]
    worded = [line for line in lines if line and not line.startswith(("code ", "errno ", "syscall ", "A complete log"))]
    return (worded or [output.strip() or "npm said nothing"])[0]
