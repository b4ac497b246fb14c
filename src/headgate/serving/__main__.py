"""`python -m headgate.serving serve`: the model server, as SageMaker starts it.

A start that fails ends with one line that says why and the exit code of the error; only the traceback of the user's own
code comes before it, as a log line.
"""

import os
import signal
import sys
import time

STARTED = time.perf_counter()

from headgate.errors import HeadgateError, UsageError  # noqa: E402 the clock starts before the imports
from headgate.serving.logs import configure_logging, log_error, lossy  # noqa: E402
from headgate.serving.settings import Settings  # noqa: E402

USAGE = "usage: python -m headgate.serving [serve]\n\nServes the model in $SAGEMAKER_BASE_DIR/model.\n"


def main(arguments: list[str]) -> int:
    """Run the server; the exit code."""
    if arguments in (["-h"], ["--help"]):
        sys.stdout.write(USAGE)
        return 0
    # process 1 of a container ignores SIGTERM unless it is handled, and loading can take minutes
    signal.signal(signal.SIGTERM, lambda *_: os._exit(0))  # SystemExit would pass through user code
    configure_logging(sys.stderr)
    try:
        settings = Settings.from_environment(os.environ)
        configure_logging(sys.stderr, settings.log_level)
        return _run(arguments, settings)
    except HeadgateError as error:
        if error.__cause__:
            log_error("start failed", error.__cause__)
        text = " ".join(f"headgate: {error.message} {error.hint}".split())
        sys.stderr.write(text + "\n")
        return error.exit_code
    except KeyboardInterrupt:
        return 130


def _run(arguments: list[str], settings: Settings) -> int:
    if arguments[:1] == ["train"]:
        raise UsageError("Training is another program.", hint="Run `python -m headgate.container train`.")
    if arguments[:1] != ["worker"] and arguments not in ([], ["serve"]):
        raise UsageError(f"Unknown arguments: {' '.join(arguments)}.", hint="The only command is `serve`.")
    if arguments[:1] != ["worker"] and settings.workers > 1:
        from headgate.serving.workers import supervise

        return supervise(settings)
    from headgate.serving.server import serve
    from headgate.serving.workers import Seat

    seat = Seat.from_arguments(arguments[1:]) if arguments[:1] == ["worker"] else None
    return serve(settings, started=STARTED, seat=seat)


if __name__ == "__main__":
    sys.stdout, sys.stderr = lossy(sys.stdout), lossy(sys.stderr)
    sys.exit(main(sys.argv[1:]))
