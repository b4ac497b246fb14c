"""Runs inside a Python server while the doctor examines it, before the server's own code: writes down what was
unpickled and which files were opened for writing, one line each, into `$HEADGATE_DOCTOR_WITNESS`.

It imports nothing of Headgate, since the server may run in any environment, and raises nothing, since an exception of
an audit hook would be the server's. Another sitecustomize that this one hides is run afterwards.
"""

import importlib.util
import os
import sys
from importlib.machinery import PathFinder

_WRITING = os.O_WRONLY | os.O_RDWR


def _watch(path: str) -> None:
    notes = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    told: set[str] = set()

    def note(event: str, arguments: tuple[object, ...]) -> None:
        if event == "pickle.find_class":
            line = f"unpickled\t{arguments[0]}.{arguments[1]}\n"
        elif event == "open" and isinstance(arguments[2], int) and arguments[2] & _WRITING:
            name = arguments[0]
            if not isinstance(name, str | bytes):
                return  # a file descriptor
            line = f"wrote\t{os.path.abspath(os.fsdecode(name))}\n"  # noqa: PTH100 pathlib raises events of its own
        else:
            return
        if line not in told:
            told.add(line)
            os.write(notes, line.encode("utf-8", "backslashreplace"))

    sys.addaudithook(note)


def _run_hidden() -> None:
    here = os.path.dirname(os.path.abspath(__file__))  # noqa: PTH100, PTH120 before anything else is imported
    spec = PathFinder.find_spec("sitecustomize", [entry for entry in sys.path if entry != here])
    if spec and spec.loader:
        spec.loader.exec_module(importlib.util.module_from_spec(spec))


if "HEADGATE_DOCTOR_WITNESS" in os.environ:
    _watch(os.environ["HEADGATE_DOCTOR_WITNESS"])
    _run_hidden()
