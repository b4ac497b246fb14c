"""What Lambda imports for the front door: `headgate.wiring.front_door.handler`, with its client made."""

import os
import time
from collections.abc import Mapping

STARTED = time.perf_counter()

from headgate.hosting.front_door import FrontDoor, FrontSettings, runtime_client  # noqa: E402 the clock comes first
from headgate.serving.aws_lambda.start import started  # noqa: E402
from headgate.serving.logs import log_info  # noqa: E402


def start(environment: Mapping[str, str]) -> FrontDoor:
    """Read the settings and make the client. Raises UsageError."""
    settings = FrontSettings.from_environment(environment)
    made = FrontDoor(settings, runtime_client(environment, settings.seconds))
    took = round((time.perf_counter() - STARTED) * 1000)
    log_info("ready", endpoint=settings.endpoint, path=settings.path, cold_start_ms=took)
    return made


handler = started(lambda: start(os.environ))
