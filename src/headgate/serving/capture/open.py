"""From settings to a running capture."""

from collections.abc import Sequence
from pathlib import Path

from headgate.serving.capture.capture import Capture
from headgate.serving.capture.files import HourlyFiles
from headgate.serving.capture.record import Encoder
from headgate.serving.capture.redaction import Redactor
from headgate.serving.metrics import Metrics
from headgate.serving.settings import Settings


def open_capture(settings: Settings, metrics: Metrics, features: Sequence[str] = ()) -> Capture | None:
    """The capture that the settings ask for, or None; `features` are the schema's names, in order.

    It starts a thread: not before a fork.
    """
    wanted = settings.capture
    if not wanted.to or not wanted.sampling:
        return None
    redactor = Redactor(wanted.redact, features) if wanted.redact else None
    encoder = Encoder(wanted, redactor.input if redactor else None, redactor.output if redactor else None)
    place = f"{settings.endpoint or 'local'}/{settings.variant or 'default'}"
    return Capture(encoder, HourlyFiles(Path(wanted.to) / place), metrics, sampling=wanted.sampling)
