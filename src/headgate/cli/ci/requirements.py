"""`headgate ci requirements`."""

import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import click

from headgate.cli.command import Call, Command, dry_run_option
from headgate.cli.output import Table

if TYPE_CHECKING:
    from headgate.images.pins import Pin

EXTRAS = "[serve,train]"


@click.command(cls=Command, example="headgate ci requirements")
@dry_run_option
def command(call: Call, *, dry_run: bool) -> None:
    """Write what the workflows install, each file by its hash.

    headgate-requirements.txt in the project's folder: this Headgate, and all that it needs in the versions that are
    installed here, for GitHub's runners. Where Headgate comes from its source tree or from a wheel and not from a
    package index, that wheel is put beside it. Commit both, and write them again to take another version.
    """
    from headgate.ci.project import REQUIREMENTS

    root = call.project.root
    file = root / REQUIREMENTS
    pins, wheel = ([], "") if dry_run else _written(call, root, file)
    document = {"file": str(file), "wheel": wheel, "requirements": {pin.name: pin.version for pin in pins}}
    call.out.show(
        {"project": call.project.name, **document, "dry_run": dry_run},
        *([Table(("requirement", "version"), [(pin.name, pin.version) for pin in pins])] if pins else []),
        f"{file} {'would be' if dry_run else 'is'} written.",
        *([f"{root / wheel} is, too."] if wheel else []),
        *([] if dry_run else ["Next: commit what was written."]),
    )


def _written(call: Call, root: Path, file: Path) -> "tuple[list[Pin], str]":
    """The requirements, and the name of the wheel beside them, if there is one."""
    import headgate
    from headgate.ci.workflows import PYTHON
    from headgate.core.files import write_atomic, writing
    from headgate.images.pins import keep_wheel, pin

    with tempfile.TemporaryDirectory(prefix="headgate-") as scratch, call.out.progress("requirements") as progress:
        progress("finding Headgate's wheel", None)
        wheel = keep_wheel(Path(scratch))
        progress("pinning what it needs", None)
        wanted = f"{wheel}{EXTRAS}" if wheel else f"headgate{EXTRAS}=={headgate.__version__}"
        pins = pin([wanted], None, "linux/amd64", wheel, python=PYTHON)
        with writing(file):
            if wheel:
                shutil.copyfile(wheel, root / wheel.name)
            write_atomic(file, "".join(each.line(".") for each in pins).encode())
    return pins, wheel.name if wheel else ""
