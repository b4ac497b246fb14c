"""What all commands share: --json and -C, an example in the help, and the `Call` that each function receives."""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from headgate.cli.output import Output
from headgate.core.endpoints import endpoint_name
from headgate.errors import NotFound, UsageError

if TYPE_CHECKING:
    from headgate.engine.home import Home
    from headgate.hosting.session import Connection
    from headgate.spec import Project
    from headgate.wiring.targets import Target

env_option = click.option("--env", "environment", metavar="NAME", default=None, help="Environment of headgate.yaml.")
dry_run_option = click.option("--dry-run", is_flag=True, help="Say what would be done, and do nothing.")


@dataclass(frozen=True)
class Call:
    """One call of a command: where it speaks, and on which project it works."""

    out: Output
    folder: Path | None

    @cached_property
    def project(self) -> "Project":
        """The project in -C, or in the nearest folder upwards with a headgate.yaml. Raises NotFound and SpecError."""
        from headgate.spec import FILE_NAME, load

        if self.folder:
            return load(self.folder)
        try:
            here = Path.cwd()
        except FileNotFoundError:
            raise NotFound("The folder you are in was deleted.", hint="Go to another one, or pass -C DIR.") from None
        for folder in (here, *here.parents):
            if (folder / FILE_NAME).is_file():
                return load(folder)
        raise NotFound(
            f"There is no {FILE_NAME} in {here} or any folder above it.",
            hint="Go to the project's folder, pass -C DIR, or start one: `headgate init iris DIR`.",
        )

    def environment(self, name: str | None) -> str:
        """The name of an environment of the project: the one asked for, or the only one on this machine, or the only
        one at all. Raises UsageError.
        """
        known = self.project.spec.environments
        local = [each for each, environment in known.items() if environment.target == "local"]
        if name is None and len(local or known) == 1:
            return next(iter(local or known))
        if name is not None and name in known:
            return name
        said = f"headgate.yaml has no environment {name!r}." if name else "headgate.yaml has several environments."
        raise UsageError(said, hint=f"Choose one with --env: {', '.join(known)}.")

    def target(self, name: str | None) -> "Target":
        """An environment of the project, where it is: the one asked for, or the only one."""
        from headgate.wiring.targets import target_of

        return target_of(self.home, self.project, self.environment(name))

    def registry_target(self, name: str | None) -> "Target":
        """The environment whose registry is meant. Those on this machine share one, so that it need not be said."""
        environments = self.project.spec.environments
        local = [known for known, settings in environments.items() if settings.target == "local"]
        return self.target(name or (local[0] if local else None))

    def endpoint(self, environment: str | None) -> str:
        """The project's endpoint in an environment."""
        return endpoint_name(self.project.name, self.environment(environment))

    @property
    def home(self) -> "Home":
        """`$HEADGATE_HOME`."""
        from headgate.engine.home import Home

        return Home.default()

    def connect(self) -> "Connection":
        """The engine's API. Raises Unavailable when there is no engine."""
        from headgate.wiring.local import connect

        return connect(self.home)


class Command(click.Command):
    """A command whose function takes a `Call` and then its own options. `example` is shown in its help.

    `project`: whether it may work on a project, and so takes -C.
    """

    def __init__(self, *args: Any, example: str, project: bool = True, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.example = example
        self.params.append(click.Option(["--json", "as_json"], is_flag=True, help="Print one JSON document."))
        if project:
            folder = click.Option(
                ["-C", "--project", "project_folder"],
                type=click.Path(path_type=Path, file_okay=False),
                metavar="DIR",
                help="The project's folder (default: the nearest one upwards with a headgate.yaml).",
            )
            self.params.append(folder)

    def invoke(self, ctx: click.Context) -> Any:
        """Put `Call` in the place of the shared options."""
        shared = Output(as_json=ctx.params.pop("as_json")), ctx.params.pop("project_folder", None)
        ctx.params["call"] = Call(*shared)
        return super().invoke(ctx)

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        """The example, as typed."""
        with formatter.section("Example"):
            for line in self.example.splitlines():
                formatter.write(f"  {line}\n")
