"""`headgate init`."""

import shlex
from pathlib import Path

import click

from headgate.cli.command import Call, Command

SIMULATOR = "simulate.py"
"""What wrote a template's rows, where nobody measured them."""


@click.command(cls=Command, project=False, example="headgate init iris my-iris\ncd my-iris && headgate train")
@click.argument("name")
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path))
def command(call: Call, *, name: str, folder: Path) -> None:
    """Write a new model project.

    NAME is a template: iris (scikit-learn's bundled data, XGBoost), or news-category (simulated headlines, TF-IDF and
    logistic regression). DIR must not exist yet, or be empty.
    """
    from headgate.spec.template import write

    files = write(name, folder)
    call.out.show(
        {"template": name, "folder": str(folder.absolute()), "files": [str(file) for file in files]},
        *(f"wrote {file}" for file in files),
        *(f"The rows beside {file} are simulated; it wrote them." for file in files if file.name == SIMULATOR),
        f"Next: cd {shlex.quote(str(folder))} && headgate train",
    )
