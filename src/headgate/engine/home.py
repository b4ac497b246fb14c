"""`$HEADGATE_HOME`: where one engine per user keeps everything, and `engine.json`, by which clients find it."""

import json
import os
import secrets
import sys
from dataclasses import asdict, dataclass
from pathlib import Path

from headgate.core.digest import sha256
from headgate.core.files import private_folder, write_atomic, writing
from headgate.errors import InvalidInput

REGION = "us-east-1"
ACCOUNT = "000000000000"


@dataclass(frozen=True, slots=True)
class EngineFile:
    """The content of `engine.json` (0600). Ports and keys are chosen once and kept; `up` and `down` set `wanted`."""

    control_port: int
    gateway_port: int
    access_key: str
    secret_key: str
    region: str = REGION
    account: str = ACCOUNT
    wanted: bool = False

    @property
    def control_url(self) -> str:
        """For AWS_ENDPOINT_URL."""
        return f"http://127.0.0.1:{self.control_port}"

    @property
    def gateway_url(self) -> str:
        """For AWS_ENDPOINT_URL_SAGEMAKER_RUNTIME."""
        return f"http://127.0.0.1:{self.gateway_port}"


def new_keys() -> tuple[str, str]:
    """An access key and a secret in the form that stock clients accept."""
    return "AKIAHEADGATE" + secrets.token_hex(4).upper(), secrets.token_urlsafe(30)


class Home:
    """The paths below `$HEADGATE_HOME`. Only `make` creates anything."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.engine_file = path / "engine.json"
        self.database = path / "engine.db"
        self.evidence = path / "evidence.db"
        self.metrics = path / "metrics.db"
        self.store = path / "store"
        self.logs = path / "logs"
        self.gateway = path / "gateway"
        self.models = path / "models"
        self.environments = path / "environments"
        self.processes = path / "processes"
        self.supervisor_lock = path / "supervisor.lock"
        self.settings = path / "settings.toml"

    @classmethod
    def default(cls) -> "Home":
        """`$HEADGATE_HOME`, or a folder under the user's data folder."""
        given = os.environ.get("HEADGATE_HOME")
        if given:
            return cls(Path(given).expanduser().absolute())
        if sys.platform == "darwin":
            return cls(Path.home() / "Library" / "Application Support" / "headgate")
        data = os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share"
        return cls(Path(data) / "headgate")

    def make(self) -> None:
        """Create the folders, for their owner alone (0700)."""
        for folder in (
            self.path, self.store, self.logs, self.gateway, self.models, self.environments, self.processes, self.sockets
        ):  # fmt: skip
            private_folder(folder)

    @property
    def sockets(self) -> Path:
        """A short private folder for Unix sockets, whose paths are limited to 107 bytes.

        Not below XDG_RUNTIME_DIR: that is deleted when its user logs out, and is not set in every session. `make`
        refuses a folder that belongs to another user.
        """
        return Path("/tmp") / f"headgate-{os.getuid()}-{sha256(str(self.path).encode())[:8]}"

    def read(self) -> EngineFile | None:
        """`engine.json`, or None where there has never been an engine."""
        try:
            return EngineFile(**json.loads(self.engine_file.read_bytes()))
        except FileNotFoundError:
            return None
        except (ValueError, TypeError) as error:
            raise InvalidInput(
                f"{self.engine_file} is damaged: {error}.", hint="Delete it and run `headgate up`; endpoints are kept."
            ) from None

    def write(self, file: EngineFile) -> None:
        """Replace `engine.json`."""
        with writing(self.engine_file):
            write_atomic(self.engine_file, json.dumps(asdict(file), indent=1).encode(), mode=0o600)
