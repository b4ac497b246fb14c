"""`headgate init`."""

import shlex
from pathlib import Path

import click

from headgate.cli.command import Call, Command


@click.command(cls=Command, project=False, example="headgate init iris my-iris\ncd my-iris && headgate train")
@click.argument("name")
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path))
def command(call: Call, *, name: str, folder: Path) -> None:
    """Write a new model project.

    NAME is a template: iris (scikit-learn's bundled data, XGBoost). DIR must not exist yet, or be empty.
    """
    from headgate.spec.template import write

    files = write(name, folder)
    call.out.show(
        {"template": name, "folder": str(folder.absolute()), "files": [str(file) for file in files]},
        *(f"wrote {file}" for file in files),
        f"Next: cd {shlex.quote(str(folder))} && headgate train",
    )
