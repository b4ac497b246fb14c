"""Finished files to an object store.

Files are finished every few seconds, or at a size, and a thread of their own sends them under their keys, unique by
random names. A file is deleted when it has arrived, so that one may be sent twice and none is lost. While the store
does not take them they wait, up to a limit; the pauses between attempts grow to a minute.
"""

import os
import time
from collections.abc import Callable
from queue import SimpleQueue
from threading import Event, Thread
from typing import TYPE_CHECKING

from headgate.serving.capture.capture import SpoolFull
from headgate.serving.capture.spool import Files, Finished
from headgate.serving.logs import log_error
from headgate.serving.metrics import Gauge, Metrics

if TYPE_CHECKING:
    from obstore.store import ObjectStore

Put = Callable[[str, bytes], None]
"""Keeps bytes under a key. Raises OSError where they did not arrive."""

FILE_SECONDS = 5.0
FILE_BYTES = 4_194_304
CLOSE_SECONDS = 8.0
FIRST_PAUSE = 0.5
LONGEST_PAUSE = 60.0
LOG_SECONDS = 60.0


def put_into(url: str) -> Put:
    """A way into the bucket of an `s3://bucket/prefix`; credentials, region and endpoint come from `AWS_...`."""
    from obstore.store import from_url

    endpoint = os.environ.get("AWS_ENDPOINT_URL_S3") or os.environ.get("AWS_ENDPOINT_URL", "")
    if endpoint.startswith("http://"):  # who names one wants it; obstore asks for this besides
        os.environ.setdefault("AWS_ALLOW_HTTP", "true")
    # the pauses are ours; no client_options here: they would replace those of the environment
    return put_by(from_url(url, retry_config={"max_retries": 1}))


def put_by(store: "ObjectStore") -> Put:
    """A way into a store."""
    import obstore
    from obstore.exceptions import BaseError

    def put(key: str, data: bytes) -> None:
        try:
            obstore.put(store, key, data)
        except BaseError as error:
            raise OSError(" ".join(str(error).partition("Debug source:")[0].split())[:300]) from None

    return put


class Sending:
    """A destination of `Capture`. `files` hold what waits."""

    def __init__(
        self,
        files: Files,
        put: Put,
        metrics: Metrics,
        *,
        file_seconds: float = FILE_SECONDS,
        first_pause: float = FIRST_PAUSE,
        close_seconds: float = CLOSE_SECONDS,
    ) -> None:
        """The sending thread starts at once, with what earlier processes left."""
        self._files = files
        self._put = put
        self._metrics = metrics
        self._file_seconds = file_seconds
        self._first_pause = first_pause
        self._close_seconds = close_seconds
        self._waiting: SimpleQueue[Finished | None] = SimpleQueue()
        self._folder, self._size, self._begun = "", 0, 0.0
        # what came is counted by the writer and what went by the sender, so that neither needs a lock
        self._came = self._went = 0
        for file in files.adopt():
            self._came += file.size
            self._waiting.put(file)
        self._closing = Event()
        self._log_after = 0.0
        self._reason = "there was no time"
        self._sender = Thread(target=self._run, name="capture-sender", daemon=True)
        self._sender.start()

    def append(self, folder: str, lines: bytes) -> None:
        """Keep whole lines until they are sent. Raises OSError (SpoolFull), and then has kept none."""
        if self._came - self._went + len(lines) > self._files.limit:
            raise SpoolFull("the store does not take them, and the spool is full")
        if folder != self._folder or self._size >= FILE_BYTES:
            self._finish()
        self._files.append(folder, lines)
        if not self._size:
            self._folder, self._begun = folder, time.monotonic()
        self._size += len(lines)
        self._came += len(lines)
        self._metrics.set(Gauge.SPOOLED_BYTES, self._came - self._went)

    def tick(self) -> None:
        """Finish a file that is old enough."""
        if self._size and time.monotonic() - self._begun >= self._file_seconds:
            self._finish()

    def close(self) -> None:
        """Send what is left, for some seconds; what does not arrive waits for the next start, if it is in a folder."""
        self._finish()
        self._closing.set()
        self._waiting.put(None)
        self._sender.join(self._close_seconds)
        if self._came > self._went:
            log_error("capture was not sent", bytes=self._came - self._went, reason=self._reason)
        if not self._sender.is_alive():
            self._files.close()

    def _finish(self) -> None:
        file = self._files.finish()
        if file:
            self._waiting.put(file)
        # what is not in the finished file somebody deleted
        self._came -= self._size - (file.size if file else 0)
        self._size = 0

    def _run(self) -> None:
        while (file := self._waiting.get()) is not None:
            self._deliver(file)

    def _deliver(self, file: Finished) -> None:
        """Try until it arrives, or once more when the process ends."""
        pause = self._first_pause
        while not self._send(file):
            if self._closing.is_set():
                return
            self._closing.wait(pause)
            pause = min(2 * pause, LONGEST_PAUSE)
        self._went += file.size
        self._metrics.set(Gauge.SPOOLED_BYTES, self._came - self._went)

    def _send(self, file: Finished) -> bool:
        try:
            content = file.read()
            if content is not None:
                self._put(file.key, content)
            file.delete()
        except OSError as error:
            self._reason = str(error)
            if time.monotonic() >= self._log_after:
                self._log_after = time.monotonic() + LOG_SECONDS
                log_error("capture cannot be sent", reason=self._reason, bytes=self._came - self._went)
            return False
        return True
