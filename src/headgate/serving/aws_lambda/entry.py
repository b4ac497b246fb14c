"""What Lambda imports: `headgate.serving.aws_lambda.entry.handler`, loaded and warm when the import is over."""

import logging
import os
import sys
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

STARTED = time.perf_counter()

from headgate.errors import HeadgateError, UsageError  # noqa: E402 the clock starts before the imports
from headgate.serving.aws_lambda.cors import Cors  # noqa: E402
from headgate.serving.aws_lambda.handler import ANY_PATH, Handler  # noqa: E402
from headgate.serving.load import load  # noqa: E402
from headgate.serving.logs import configure_logging, log_info  # noqa: E402
from headgate.serving.settings import Settings  # noqa: E402


def start(environment: Mapping[str, str]) -> Handler:
    """Load the model. Raises what `load` raises, and UsageError for settings; Lambda reports it as an init error."""
    configure_logging(sys.stderr)
    try:
        settings = replace(Settings.from_environment(environment), model_dir=_model_dir(environment))
        path, cors = _path(environment), Cors.from_environment(environment)
        predictor = load(settings.model_dir, threads=settings.threads, program=settings.program)
    except HeadgateError as error:  # the init error that Lambda keeps has no room for the hint
        sys.stderr.write(" ".join(f"headgate: {error.message} {error.hint}".split()) + "\n")
        raise
    made = Handler(predictor, settings, path=path, cors=cors)
    for sink in logging.getLogger().handlers:
        sink.addFilter(made.invocation)
    took = round((time.perf_counter() - STARTED) * 1000)
    log_info("loaded", project=predictor.project, backend=predictor.backend, path=path, cold_start_ms=took)
    return made


def _model_dir(environment: Mapping[str, str]) -> Path:
    base = environment.get("SAGEMAKER_BASE_DIR")
    if not base:
        in_zip = Path(environment.get("LAMBDA_TASK_ROOT") or "/var/task") / "model"
        return in_zip if in_zip.is_dir() else Path("/opt/ml/model")
    return Path(base) / "model"


def _path(environment: Mapping[str, str]) -> str:
    path = environment.get("HEADGATE_LAMBDA_PATH") or "/invocations"
    if path != ANY_PATH and (not path.startswith("/") or path.rpartition("/")[2] == "ping"):
        raise UsageError(f"HEADGATE_LAMBDA_PATH should be a path such as /invocations, or *, got {path!r}.")
    return path if path in (ANY_PATH, "/") else path.rstrip("/")


handler = start(os.environ)
