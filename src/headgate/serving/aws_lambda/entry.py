"""What Lambda imports: `headgate.serving.aws_lambda.entry.handler`, loaded and warm when the import is over."""

import os
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

STARTED = time.perf_counter()

from headgate.serving.aws_lambda.cors import Cors  # noqa: E402 the clock starts before the imports
from headgate.serving.aws_lambda.door import path_from  # noqa: E402
from headgate.serving.aws_lambda.handler import Handler  # noqa: E402
from headgate.serving.aws_lambda.metrics import Metrics  # noqa: E402
from headgate.serving.aws_lambda.start import started  # noqa: E402
from headgate.serving.load import load  # noqa: E402
from headgate.serving.logs import log_info  # noqa: E402
from headgate.serving.settings import Settings  # noqa: E402


def start(environment: Mapping[str, str]) -> Handler:
    """Load the model. Raises what `load` raises, and UsageError for settings."""
    settings = replace(Settings.from_environment(environment), model_dir=_model_dir(environment))
    path, cors = path_from(environment), Cors.from_environment(environment)
    predictor = load(settings.model_dir, threads=settings.threads, program=settings.program)
    made = Handler(predictor, settings, path=path, cors=cors, metrics=Metrics.from_environment(environment))
    took = round((time.perf_counter() - STARTED) * 1000)
    log_info("loaded", project=predictor.project, backend=predictor.backend, path=path, cold_start_ms=took)
    return made


def _model_dir(environment: Mapping[str, str]) -> Path:
    base = environment.get("SAGEMAKER_BASE_DIR")
    if not base:
        in_zip = Path(environment.get("LAMBDA_TASK_ROOT") or "/var/task") / "model"
        return in_zip if in_zip.is_dir() else Path("/opt/ml/model")
    return Path(base) / "model"


handler = started(lambda: start(os.environ))
