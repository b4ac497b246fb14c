"""A virtual environment for a package's `code/requirements.txt`, keyed by the file's digest and built once.

It sees the packages of the engine's own environment behind its own, so that the serving runtime is there and the user's
pins win. A build that was cut short has no `.ready` and is built again. The lock is handed down to pip: should the
engine be killed, the next one waits until the orphaned pip has finished.
"""

import fcntl
import shutil
import site
import subprocess
import sys
from pathlib import Path

from headgate.core.digest import sha256
from headgate.core.files import write_atomic
from headgate.errors import InvalidInput

BUILD_SECONDS = 900
READY = ".ready"
"""In a folder that was made to the end."""


def requirements_of(base: Path) -> Path:
    """Where an unpacked package says what its code needs."""
    return base / "model" / "code" / "requirements.txt"


def environment_of(base: Path, environments: Path) -> Path | None:
    """The folder of the environment that an unpacked package runs in, or None where it needs none of its own."""
    requirements = requirements_of(base)
    return _folder(requirements, environments) if requirements.exists() else None


def _folder(requirements: Path, environments: Path) -> Path:
    return environments / sha256(requirements.read_bytes() + sys.version.encode())[:16]


def python_for(requirements: Path, environments: Path, log: Path) -> Path:
    """The Python with which the code beside `requirements` runs. Raises InvalidInput with pip's last words."""
    folder = _folder(requirements, environments)
    python = folder / "bin" / "python"
    environments.mkdir(mode=0o700, exist_ok=True)
    with folder.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (folder / READY).exists():
            shutil.rmtree(folder, ignore_errors=True)
            _build(folder, python, requirements, log, lock.fileno())
            write_atomic(folder / ".ready", b"")
    return python


def _build(folder: Path, python: Path, requirements: Path, log: Path, lock: int) -> None:
    install = ["-m", "pip", "install", "--no-input", "--disable-pip-version-check", "-r", requirements.name]
    _run([sys.executable, "-m", "venv", str(folder)], requirements.parent, log, lock)
    _run([str(python), *install], requirements.parent, log, lock)
    (library,) = (folder / "lib").glob("python*/site-packages")
    lines = [f"import site; site.addsitedir({path!r})" for path in site.getsitepackages()]
    (library / "_headgate.pth").write_text("\n".join(lines) + "\n")


def _run(argv: list[str], folder: Path, log: Path, lock: int) -> None:
    log.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with log.open("ab") as output:
        try:
            done = subprocess.run(
                argv, cwd=folder, stdin=subprocess.DEVNULL, stdout=output, stderr=output,
                timeout=BUILD_SECONDS, check=False, pass_fds=(lock,),
            )  # fmt: skip
        except subprocess.TimeoutExpired:
            raise InvalidInput(
                f"code/requirements.txt was not installed within {BUILD_SECONDS} s.", hint=f"See {log}."
            ) from None
    if done.returncode:
        said = [line for line in log.read_text(errors="replace").splitlines() if line.startswith("ERROR:")]
        reason = said[-1].removeprefix("ERROR: ") if said else f"exit code {done.returncode}"
        raise InvalidInput(f"code/requirements.txt could not be installed: {reason}", hint=f"See {log}.")
