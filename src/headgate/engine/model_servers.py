"""Model servers: fetch and extract their package, start the process, ask after its health, stop it.

A package is extracted once, by the digest of its archive, into `models/<digest>/model`, and shared by all instances of
it. An instance keeps its address for life, so that a replaced process needs no word to the gateway.
"""

import os
import secrets
import shutil
import socket
import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from headgate.core.archive import extract
from headgate.core.digest import sha256_file
from headgate.core.files import write_atomic
from headgate.engine.environments import READY, python_for, requirements_of
from headgate.engine.fleet import Variant
from headgate.engine.home import Home
from headgate.engine.http import accepts, request
from headgate.engine.images import Program, program
from headgate.engine.leftovers import clear
from headgate.engine.processes import Process, Processes
from headgate.engine.state import Instance
from headgate.errors import HeadgateError, InvalidInput, Unavailable

ArtifactOpener = Callable[[str], Path]
"""From a ModelDataUrl (`s3://bucket/key`) to a file on this machine; raises NotFound."""

STOP_SECONDS = 30.0
PREFIX = "model-"
TAIL_BYTES = 4096
INHERITED = ("PATH", "HOME", "LANG", "TZ", "TMPDIR", "PYTHONPATH", "LD_LIBRARY_PATH", "SSL_CERT_FILE")
"""The rest of the engine's environment may hold credentials and is kept from the model."""


class ModelServers:
    """Everything about the processes behind one engine's endpoints, but not which of them there should be."""

    def __init__(self, home: Home, processes: Processes, open_artifact: ArtifactOpener) -> None:
        self._home = home
        self._processes = processes
        self._open = open_artifact
        self._unpacking = threading.Lock()

    def prepare(self, endpoint: str, variant: Variant) -> Path:
        """Make the base folder of a variant's instances: extracted package, virtual environment. May take minutes."""
        base = self._extracted(variant.model_data_url)
        self._program(endpoint, variant, base)
        return base

    def new_instance(self, endpoint: str, variant: Variant, base: Path) -> Instance:
        """An instance that does not exist yet, with an address of its own."""
        name = secrets.token_hex(5)
        ours = program(variant.image, self._home.settings).ours
        address = f"unix:{self._home.sockets}/{name}.sock" if ours else f"127.0.0.1:{_free_port()}"
        return Instance(name, endpoint, variant.name, variant.kind, str(base), address)

    def start(self, instance: Instance, variant: Variant) -> Process:
        """Start the process of an instance."""
        found = self._program(instance.endpoint, variant, Path(instance.base))
        return self._processes.start(
            _process_name(instance.id),
            found.argv,
            env=self._environment(instance, variant),
            log=self.log(instance),
            folder=Path(instance.base) / "model",
        )

    def process(self, instance: Instance) -> Process | None:
        """The live process of an instance, whoever started it."""
        return self._processes.find(_process_name(instance.id))

    def healthy(self, instance: Instance) -> bool:
        """Whether `/ping` answers 200 within SageMaker's two seconds."""
        try:
            return request(instance.address, "/ping", timeout=2.0)[0] == 200
        except Unavailable:
            return False

    def accepts(self, instance: Instance) -> bool:
        """Whether somebody listens at the address of an instance, be it hung."""
        return accepts(instance.address)

    def ask_to_stop(self, instance: Instance) -> None:
        """SIGTERM: answer what is in flight, then end."""
        self._processes.terminate(_process_name(instance.id))

    def kill(self, instance: Instance) -> None:
        """SIGKILL to the process and to what it started."""
        self._processes.kill(_process_name(instance.id))

    def forget(self, instance: Instance) -> None:
        """Forget an instance whose process has ended; its address is free afterwards."""
        self._processes.forget(_process_name(instance.id))
        if instance.address.startswith("unix:"):
            Path(instance.address.removeprefix("unix:")).unlink(missing_ok=True)

    def strangers(self, instance_ids: set[str]) -> list[str]:
        """The names of model servers that nobody remembers (the database was deleted)."""
        known = {_process_name(instance_id) for instance_id in instance_ids}
        return [name for name in self._processes.names() if name.startswith(PREFIX) and name not in known]

    def stop_strangers(self, names: list[str]) -> None:
        """SIGTERM, 30 seconds to answer what is in flight, SIGKILL."""
        self._processes.stop_all(names, grace=STOP_SECONDS)

    def clear_leftovers(self, instances: Callable[[], Sequence[Instance]]) -> None:
        """Remove old packages, environments and logs that no instance needs."""
        with self._unpacking:
            known = instances()
            clear(self._home, {Path(instance.base) for instance in known}, {instance.id for instance in known})

    def log(self, instance: Instance) -> Path:
        """Where an instance's output goes."""
        return self._home.logs / instance.endpoint / f"{instance.variant}-{instance.id}.log"

    def last_words(self, instance: Instance) -> str:
        """What an instance said last, at most 300 characters, as the end of a message; empty where it said nothing."""
        try:
            with self.log(instance).open("rb") as file:
                file.seek(max(0, file.seek(0, os.SEEK_END) - TAIL_BYTES))
                lines = file.read().decode(errors="replace").split("\n")
        except FileNotFoundError:
            return ""
        words = next((line.strip()[:300] for line in reversed(lines) if line.strip()), "")
        return f" It said: {words}" if words else ""

    def _extracted(self, url: str) -> Path:
        """The base folder of a package. Without READY its unpacking was cut short and is done again."""
        base = self._home.models / "none"
        if url:
            archive = self._open(url)
            base = self._home.models / sha256_file(archive)
        with self._unpacking:
            if not is_whole(base):
                shutil.rmtree(base, ignore_errors=True)
                base.mkdir(parents=True)
                self._fill(base / "model", url)
                write_atomic(base / READY, b"")
            os.utime(base)  # it is the newest now, and so not among what is cleared away
        return base

    def _fill(self, model: Path, url: str) -> None:
        if not url:
            model.mkdir()
            return
        try:
            extract(self._open(url), model)
        except HeadgateError as error:
            raise InvalidInput(f"{url}: {error.message}", hint=error.hint) from None
        for path in [*model.rglob("*"), model, model.parent]:
            if path.is_file():
                path.chmod(0o400)  # instances share it: code that writes to its own package should notice
            _sync(path)

    def _program(self, endpoint: str, variant: Variant, base: Path) -> Program:
        requirements = requirements_of(base)
        found = program(variant.image, self._home.settings)
        if not (found.ours and requirements.exists()):
            return found
        log = self._home.logs / endpoint / f"{variant.name}-requirements.log"
        python = python_for(requirements, self._home.environments, log)
        return program(variant.image, self._home.settings, python=python)

    def _environment(self, instance: Instance, variant: Variant) -> Mapping[str, str]:
        kept = {name: value for name, value in os.environ.items() if name in INHERITED or name.startswith("LC_")}
        place = {"HEADGATE_ENDPOINT": instance.endpoint, "HEADGATE_VARIANT": instance.variant}
        address = {"SAGEMAKER_BASE_DIR": instance.base, "PYTHONUNBUFFERED": "1"}
        if instance.address.startswith("unix:"):
            address["HEADGATE_BIND"] = instance.address
        else:
            address["SAGEMAKER_BIND_TO_PORT"] = instance.address.rpartition(":")[2]
        return {**kept, **variant.environment, **place, **address}


class ModelFailed(HeadgateError):
    """A model server does not start; the message becomes the endpoint's FailureReason."""


def is_whole(base: Path) -> bool:
    """Whether the package of a base folder is there, and was unpacked to the end."""
    return (base / READY).exists()


def _process_name(instance_id: str) -> str:
    return f"{PREFIX}{instance_id}"


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _sync(path: Path) -> None:
    fd = os.open(path, os.O_RDONLY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
