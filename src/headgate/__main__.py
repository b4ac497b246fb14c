"""`python -m headgate` and the `headgate` command: the boundary where every error becomes words and an exit code.

Errors raised on purpose (`HeadgateError`) and wrong use (Click's) say what is wrong and what to do. A full disk or a
missing permission is the machine's news, not a bug. Whatever else arrives here is a bug: one line for the user, and the
traceback in a file. With --json the error is a JSON document on stdout, so that a script reads one place only.
"""

import errno
import io
import os
import sys
from pathlib import Path

import click

from headgate.errors import HeadgateError, NotFound, Refused, Unavailable

BUG = 70
INTERRUPTED = 130
READER_GONE = 141
"""What a shell shows for a program that SIGPIPE ended; 1 would say that a gate failed."""


def main() -> None:
    """Run the command line and leave with its exit code."""
    _open_closed_streams()
    if isinstance(sys.stdout, io.TextIOWrapper):  # a label may have letters that the locale has not
        sys.stdout.reconfigure(errors="backslashreplace")
    code = 0
    try:
        code = run(sys.argv[1:])
        sys.stdout.flush()
    except OSError as error:
        # The reader of stdout has gone (`| head`), or its disk is full. What is left in the buffer goes nowhere, or
        # Python would complain about it once more at its end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        if isinstance(error, BrokenPipeError):
            code = code or READER_GONE
        elif not code:  # else it was told already
            code = Unavailable.exit_code
            click.echo(f"error: The result cannot be written: {error.strerror}.", err=True)
    sys.exit(code)


def _open_closed_streams() -> None:
    """Where a stream was closed (`>&-`) Python has None. In this order each gets its own number back: a file that took
    the number of a closed stdout would receive what is printed."""
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, os.fdopen(os.open(os.devnull, os.O_RDWR), mode))


def run(args: list[str], group: click.Group | None = None) -> int:
    """Run one command of `group` (default: all of Headgate's) and return its exit code; no error leaves it."""
    as_json = "--json" in args[: args.index("--")] if "--" in args else "--json" in args
    try:
        return _call(args, group)
    except click.exceptions.NoArgsIsHelpError as error:
        click.echo(error.ctx.get_help() if error.ctx else "", err=True)
        return error.exit_code
    except click.ClickException as error:
        return _report(as_json, "UsageError", error.format_message(), _usage_hint(error), error.exit_code)
    except HeadgateError as error:
        return _report(as_json, type(error).__name__, error.message, error.hint, error.exit_code)
    except (KeyboardInterrupt, click.Abort):
        return _report(as_json, "Interrupted", "Interrupted.", "", INTERRUPTED)
    except SystemExit:  # called as we call it, Click ends a process only where the reader of its output has gone
        return READER_GONE
    except Exception as error:  # noqa: BLE001 - the outermost boundary
        known = _explain(error) if isinstance(error, OSError) else None
        if known:
            return _report(as_json, type(known).__name__, known.message, known.hint, known.exit_code)
        hint = f"This is a bug. The traceback is in {_save_traceback(error)}; please report it."
        return _report(as_json, "InternalError", f"Internal error: {type(error).__name__}: {error}", hint, BUG)


def _call(args: list[str], group: click.Group | None) -> int:
    if group is None:  # imported here, so that an interrupt while it loads is caught too
        from headgate.cli.app import app

        group = app
    result = group.main(args, prog_name="headgate", standalone_mode=False)
    return result if isinstance(result, int) else 0


def _usage_hint(error: click.ClickException) -> str:
    context = error.ctx if isinstance(error, click.UsageError) else None
    return f"See `{context.command_path} --help`." if context else ""


def _explain(error: OSError) -> HeadgateError | None:
    """What the machine refused, in words; None for an OSError that nobody foresaw."""
    path = error.filename or ""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        where = f" while writing {path}" if path else ""
        return Unavailable(f"The disk is full{where}.", hint="Free some space and run the command again.")
    if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS) or isinstance(error, PermissionError):
        return Refused(
            f"No permission: {path or error}.", hint="Check who owns it (`ls -ld`), or choose another folder."
        )
    if path and error.errno in (errno.ENOENT, errno.ENOTDIR, errno.EISDIR):
        return NotFound(f"{path}: {error.strerror}.")
    return None


def _report(as_json: bool, kind: str, message: str, hint: str, code: int) -> int:
    if as_json:
        import json

        click.echo(json.dumps({"error": {"type": kind, "message": message, "hint": hint}}, indent=2))
        return code
    click.echo(f"{click.style('error:', fg='red')} {message}", err=True)
    if hint:
        click.echo(f"  hint: {hint}", err=True)
    return code


def _save_traceback(error: Exception) -> Path:
    """Write the traceback below $HEADGATE_HOME, or into the temporary folder where that cannot be written."""
    import tempfile
    import traceback

    from headgate.engine.home import Home

    text = "".join(traceback.format_exception(error))
    logs = Home.default().logs
    folder = logs if logs.is_dir() and os.access(logs, os.W_OK) else None
    fd, name = tempfile.mkstemp(prefix="headgate-crash-", suffix=".txt", dir=folder)
    with os.fdopen(fd, "w", encoding="utf-8", errors="backslashreplace") as file:
        file.write(f"headgate {' '.join(sys.argv[1:])}\n\n{text}")
    return Path(name)


if __name__ == "__main__":
    main()
