"""The model server's settings, all from the environment, in SageMaker's names where SageMaker has one.

    HEADGATE_BIND                         unix:/path/to.sock, host:port, or the address alone (127.0.0.1) of ...
    SAGEMAKER_BIND_TO_PORT                8080 (0: any free port; the log says which)
    SAGEMAKER_BASE_DIR                    /opt/ml; the package is unpacked in <base>/model
    SAGEMAKER_PROGRAM                     inference.py, the user's file in code/
    SAGEMAKER_MAX_PAYLOAD_IN_MB           6
    SAGEMAKER_DEFAULT_INVOCATIONS_ACCEPT  application/json
    HEADGATE_ENDPOINT, HEADGATE_VARIANT   where this server stands; the variant is stamped on answers
    HEADGATE_THREADS                      1, threads for one ONNX request
    HEADGATE_DRAIN_SECONDS                30, for what is in flight at SIGTERM
    SAGEMAKER_CONTAINER_LOG_LEVEL         20: 10 debug, 20 info, 30 warning, 40 error, 50 critical, or the name
    HEADGATE_QUEUE                        256 requests may be under way or wait for the model; more get 503
    SAGEMAKER_MODEL_SERVER_WORKERS        1, processes behind one address, or auto: one for each usable CPU
    SAGEMAKER_MODEL_SERVER_TIMEOUT        60 seconds for the model to answer
    HEADGATE_TRANSPORT                    native, or asgi: the same over uvicorn
    HEADGATE_HEAD_SECONDS                 10, for the head of a request to arrive
    HEADGATE_BODY_SECONDS                 20 without progress of a body; a body may take ten times that in all
    HEADGATE_MAX_CONNECTIONS              4096, less where fewer files may be open; more callers get 503
    HEADGATE_CAPTURE                      a folder or s3://bucket/prefix for requests and answers; none: off
    HEADGATE_CAPTURE_SAMPLING             100, percent of the requests
    HEADGATE_CAPTURE_MODE                 InputAndOutput, Input or Output
    HEADGATE_CAPTURE_CSV_TYPES            text/csv, content types that are kept as text
    HEADGATE_CAPTURE_JSON_TYPES           application/json,application/jsonlines
    HEADGATE_CAPTURE_REDACT               features whose values are not kept, separated by commas
    HEADGATE_CAPTURE_SPOOL                the folder for what waits to be sent to S3; one in the temporary folder

SAGEMAKER_BATCH changes nothing: batch transform sends the same requests, after GET /execution-parameters.
An empty value is the same as none.
"""

import os
import re
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from headgate.errors import UsageError
from headgate.serving.media import CSV, JSON

MEBIBYTE = 1_048_576


@dataclass(frozen=True, slots=True)
class UnixBind:
    """A Unix socket, for its owner alone."""

    path: Path

    def __str__(self) -> str:
        return f"unix:{self.path}"


@dataclass(frozen=True, slots=True)
class TcpBind:
    """A TCP port; 0 is any free one."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


@dataclass(frozen=True, slots=True)
class CaptureSettings:
    """`to` is a folder or an s3:// URL, empty for no capture; `sampling` in percent."""

    to: str = ""
    sampling: float = 100.0
    mode: str = "InputAndOutput"
    csv_types: tuple[str, ...] = (CSV,)
    json_types: tuple[str, ...] = (JSON, "application/jsonlines")
    redact: tuple[str, ...] = ()
    spool: Path = Path(tempfile.gettempdir()) / "headgate-capture"


@dataclass(frozen=True, slots=True)
class Settings:
    """`max_body` is in bytes."""

    bind: UnixBind | TcpBind = TcpBind("127.0.0.1", 8080)
    model_dir: Path = Path("/opt/ml/model")
    program: str = "inference.py"
    endpoint: str = ""
    variant: str = ""
    max_body: int = 6 * MEBIBYTE
    default_accept: str = JSON
    threads: int = 1
    drain_seconds: int = 30
    log_level: int = 20
    queue: int = 256
    timeout: int = 60
    transport: str = "native"
    head_seconds: int = 10
    body_seconds: int = 20
    max_connections: int = 4_096
    workers: int = 1
    capture: CaptureSettings = CaptureSettings()

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> "Settings":
        """Read the settings. Raises UsageError naming everything that is wrong."""
        reader = _Reader(environment)
        settings = cls(
            bind=reader.bind(),
            model_dir=Path(reader.text("SAGEMAKER_BASE_DIR", "/opt/ml")) / "model",
            program=reader.matching("SAGEMAKER_PROGRAM", "inference.py", r"[\w.-]+\.py", "the name of a file in code/"),
            endpoint=reader.matching("HEADGATE_ENDPOINT", "", _NAME, "an endpoint name"),
            variant=reader.matching("HEADGATE_VARIANT", "", _NAME, "a variant name"),
            max_body=reader.number("SAGEMAKER_MAX_PAYLOAD_IN_MB", 6, 1, 1024) * MEBIBYTE,
            default_accept=reader.matching(
                "SAGEMAKER_DEFAULT_INVOCATIONS_ACCEPT", JSON, r"[\w.+-]+/[\w.+-]+", "a media type"
            ),
            threads=reader.number("HEADGATE_THREADS", 1, 1, 256),
            drain_seconds=reader.number("HEADGATE_DRAIN_SECONDS", 30, 0, 3600),
            log_level=reader.level(),
            queue=reader.number("HEADGATE_QUEUE", 256, 1, 100_000),
            timeout=reader.number("SAGEMAKER_MODEL_SERVER_TIMEOUT", 60, 1, 3600),
            transport=reader.matching("HEADGATE_TRANSPORT", "native", "native|asgi", "native or asgi"),
            head_seconds=reader.number("HEADGATE_HEAD_SECONDS", 10, 1, 3600),
            body_seconds=reader.number("HEADGATE_BODY_SECONDS", 20, 1, 3600),
            max_connections=reader.number("HEADGATE_MAX_CONNECTIONS", 4_096, 1, 1_000_000),
            workers=reader.workers(),
            capture=reader.capture(),
        )
        if reader.problems:
            raise UsageError("; ".join(reader.problems), hint="Correct the environment of the model server.")
        return settings


_NAME = r"[A-Za-z0-9](-*[A-Za-z0-9]){0,62}"
_ADDRESS = r"[0-9]{1,3}(\.[0-9]{1,3}){3}|\[[0-9A-Fa-f:.]+\]"
_MAX_SOCKET_PATH = 107
_DESTINATION = r"/[^\x00]*|s3://[a-z0-9][a-z0-9.-]{1,61}[a-z0-9](/[^\x00]*)?"
_PERCENT = r"100(\.0{1,9})?|[0-9]{1,2}(\.[0-9]{1,9})?"
_LEVELS = {"DEBUG": 10, "INFO": 20, "WARNING": 30, "WARN": 30, "ERROR": 40, "CRITICAL": 50}
_LEVEL = rf"(?i:{'|'.join(_LEVELS)}|[1-5]0)"
_MODES = "Input, Output or InputAndOutput"


class _Reader:
    """Reads values and collects what is wrong with them."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._environment = environment
        self.problems: list[str] = []

    def text(self, name: str, default: str) -> str:
        return self._environment.get(name) or default

    def matching(self, name: str, default: str, pattern: str, expected: str) -> str:
        value = self.text(name, default)
        if value != default and not re.fullmatch(pattern, value):
            self._refuse(name, expected, value)
        return value

    def number(self, name: str, default: int, low: int, high: int) -> int:
        value = self.text(name, str(default))
        if re.fullmatch(r"[0-9]{1,9}", value) and low <= int(value) <= high:
            return int(value)
        self._refuse(name, f"a whole number from {low} to {high}", value)
        return default

    def level(self) -> int:
        value = self.matching("SAGEMAKER_CONTAINER_LOG_LEVEL", "20", _LEVEL, "10 to 50 in tens, or debug to critical")
        value = value.upper()
        return int(value) if value.isdecimal() else _LEVELS.get(value, 20)

    def capture(self) -> CaptureSettings:
        default = CaptureSettings()
        to = self.matching("HEADGATE_CAPTURE", "", _DESTINATION, "a folder from / on, or s3://bucket/prefix")
        share = self.matching("HEADGATE_CAPTURE_SAMPLING", "100", _PERCENT, "a percentage from 0 to 100")
        mode = self.matching("HEADGATE_CAPTURE_MODE", default.mode, "Input|Output|InputAndOutput", _MODES)
        return CaptureSettings(
            to=to,
            sampling=float(share) if re.fullmatch(_PERCENT, share) else default.sampling,
            mode=mode,
            csv_types=self.names("HEADGATE_CAPTURE_CSV_TYPES") or default.csv_types,
            json_types=self.names("HEADGATE_CAPTURE_JSON_TYPES") or default.json_types,
            redact=self.names("HEADGATE_CAPTURE_REDACT"),
            spool=Path(self.text("HEADGATE_CAPTURE_SPOOL", str(default.spool))),
        )

    def names(self, name: str) -> tuple[str, ...]:
        """A list separated by commas."""
        return tuple(item.strip() for item in self.text(name, "").split(",") if item.strip())

    def workers(self) -> int:
        name = "SAGEMAKER_MODEL_SERVER_WORKERS"
        return len(os.sched_getaffinity(0)) if self.text(name, "1") == "auto" else self.number(name, 1, 1, 256)

    def bind(self) -> UnixBind | TcpBind:
        value = self.text("HEADGATE_BIND", "127.0.0.1")
        if re.fullmatch(_ADDRESS, value):
            return TcpBind(value.strip("[]"), self.number("SAGEMAKER_BIND_TO_PORT", 8080, 0, 65_535))
        if value.startswith("unix:/"):
            if len(value.encode()) - len("unix:") > _MAX_SOCKET_PATH:
                self._refuse("HEADGATE_BIND", f"a socket path of at most {_MAX_SOCKET_PATH} bytes", value)
            return UnixBind(Path(value.removeprefix("unix:")))
        host, _, port = value.rpartition(":")
        if host and re.fullmatch(r"[0-9]{1,5}", port) and int(port) <= 65_535:
            return TcpBind(host.strip("[]"), int(port))
        self._refuse("HEADGATE_BIND", "unix:/path/to.sock or host:port", value)
        return TcpBind("127.0.0.1", 8080)

    def _refuse(self, name: str, expected: str, value: str) -> None:
        self.problems.append(f"{name} should be {expected}, got {value!r}")
