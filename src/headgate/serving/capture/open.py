"""From settings to a running capture."""

from collections.abc import Sequence
from pathlib import Path

from headgate.core.digest import sha256
from headgate.serving.capture.capture import Capture, Destination
from headgate.serving.capture.files import HourlyFiles
from headgate.serving.capture.record import Encoder
from headgate.serving.capture.redaction import Redactor
from headgate.serving.logs import log_error, log_info
from headgate.serving.metrics import Metrics
from headgate.serving.settings import CaptureSettings, Settings


def open_capture(settings: Settings, metrics: Metrics, features: Sequence[str] = ()) -> Capture | None:
    """The capture that the settings ask for, or None; `features` are the schema's names, in order.

    It starts threads: not before a fork.
    """
    wanted = settings.capture
    if not wanted.to or not wanted.sampling:
        return None
    unknown = sorted(set(wanted.redact) - set(features))
    if unknown and features:  # they may be extra fields, or misspelt
        log_info("capture redacts names that are no features", names=unknown)
    redactor = Redactor(wanted.redact, features) if wanted.redact else None
    encoder = Encoder(wanted, redactor.input if redactor else None, redactor.output if redactor else None)
    place = f"{settings.endpoint or 'local'}/{settings.variant or 'default'}"
    remote = wanted.to.startswith("s3://")
    destination = _bucket(wanted, place, metrics) if remote else HourlyFiles(Path(wanted.to) / place)
    return Capture(encoder, destination, metrics, sampling=wanted.sampling)


def _bucket(wanted: CaptureSettings, place: str, metrics: Metrics) -> Destination:
    from headgate.serving.capture.sending import Sending, put_into
    from headgate.serving.capture.spool import FolderFiles, MemoryFiles

    files: FolderFiles | MemoryFiles
    try:
        files = FolderFiles(wanted.spool / sha256(wanted.to.encode())[:16], place)
    except OSError as error:
        log_error("capture has no spool", folder=str(wanted.spool), reason=error.strerror)
        files = MemoryFiles(place)
    return Sending(files, put_into(wanted.to), metrics)
