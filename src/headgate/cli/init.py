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

    NAME is a template: iris (scikit-learn's bundled data, XGBoost), news-category (simulated headlines, TF-IDF and
    logistic regression) or student-score (a simulated CSV file with categories, XGBoost and a search for its
    parameters). DIR must not exist yet, or be empty.
    """
    from headgate.spec.template import about, write

    files = write(name, folder)
    told = about(name)
    call.out.show(
        {"template": name, "about": told, "folder": str(folder.absolute()), "files": [str(file) for file in files]},
        *(f"wrote {file}" for file in files),
        told,
        f"Next: cd {shlex.quote(str(folder))} && headgate train",
    )
