"""A real engine on free ports, and what tests do with one: stock boto3, packages, steady load, kill -9."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config

from headgate.engine.home import Home
from headgate.engine.processes import Process, Processes, wait_for_exit
from headgate.engine.state import State
from headgate.engine.supervisor import Lock
from headgate.wiring import local
from tests.serving.models import write_archive, write_package

ROOT = Path(__file__).parents[2]
ROW = {"x": 1.0, "y": 2.0}


def until(condition: Callable[[], Any], seconds: float = 30.0, what: str = "") -> Any:
    """Poll until the condition holds, and return its value."""
    deadline = time.monotonic() + seconds
    while not (value := condition()):
        assert time.monotonic() < deadline, f"not within {seconds} s: {what or condition}"
        time.sleep(0.01)
    return value


def free_port() -> int:
    """A port that was free a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@dataclass
class Sum:
    """What a load sent. `failures`: when each was sent and when it failed, in epoch seconds, and with what."""

    sent: int
    failed: int
    variants: dict[str, int]
    failures: list[dict[str, Any]]

    def late(self, deaths: list[float], grace: float) -> list[dict[str, Any]]:
        """The failures that no death of the gateway excuses: neither under way at it, nor sent within `grace` of it."""
        assert len(self.failures) == self.failed, "not all failures were kept"
        return [
            f
            for f in self.failures
            if not any(f["sent"] <= died + grace and f["failed"] >= died - 0.05 for died in deaths)
        ]


class RunningEngine:
    """One engine in a home of its own."""

    def __init__(self, folder: Path) -> None:
        self.home = Home(folder)

    def start(self) -> None:
        """Start it, on free ports the first time."""
        new = self.home.read() is None
        ports = (free_port(), free_port()) if new else (None, None)
        local.start(self.home, *ports)

    def replace_supervisor(self, module: str, *killed: str) -> None:
        """Kill the supervisor and what else is named; start that of a test's module (`supervise HOME`) instead."""
        for name in ("supervisor", *killed):
            self.kill(name)
        processes = Processes(self.home.processes)
        processes.start(
            "substitute",
            [sys.executable, "-m", module, "supervise", str(self.home.path)],
            env={**os.environ, "PYTHONPATH": f"{ROOT}:{ROOT}/src"},
            log=self.home.logs / "supervisor.log",
            folder=ROOT,
        )
        processes.forget("substitute")  # a supervisor stops all that is on record: it would wait for itself

    def stop(self) -> None:
        """Stop it and check that nothing of it is left."""
        local.stop(self.home)
        processes = Processes(self.home.processes)
        left = [process for name in processes.names() if (process := processes.find(name))]
        assert left == [], (self.home.logs / "supervisor.log").read_text()[-2000:]
        assert not self.home.sockets.exists()

    def client(self, service: str) -> Any:
        """A stock boto3 client."""
        file = self.home.read()
        assert file is not None
        url = file.gateway_url if service == "sagemaker-runtime" else file.control_url
        session: Any = boto3.Session(file.access_key, file.secret_key, region_name=file.region)
        return session.client(
            service, endpoint_url=url, config=Config(read_timeout=70, retries={"total_max_attempts": 1})
        )

    @cached_property
    def sagemaker(self) -> Any:
        """The control plane."""
        return self.client("sagemaker")

    @cached_property
    def runtime(self) -> Any:
        """The gateway."""
        return self.client("sagemaker-runtime")

    def put_linear(self, name: str, *, bias: float = 0.0) -> str:
        """Put a small linear model into the engine's store; returns its URL."""

        def write(path: Path) -> None:
            write_archive(path, write_package(self.home.path / "packages" / name, bias=bias))

        return self.put_archive(name, write)

    def put_archive(self, name: str, write: Callable[[Path], object]) -> str:
        """Put a package into the engine's store; returns its URL."""
        folder = self.home.store / "headgate-local" / "tests" / name
        folder.mkdir(parents=True, exist_ok=True)
        write(folder / "model.tar.gz")
        return f"s3://headgate-local/tests/{name}/model.tar.gz"

    def create_model(self, name: str, url: str = "", image: str = "headgate-serving", **environment: str) -> None:
        """CreateModel."""
        container: dict[str, Any] = {"Image": image, "Environment": environment}
        if url:
            container["ModelDataUrl"] = url
        self.sagemaker.create_model(
            ModelName=name, PrimaryContainer=container, ExecutionRoleArn="arn:aws:iam::000000000000:role/test"
        )

    def create_config(self, name: str, *variants: tuple[str, str, float], count: int = 1) -> None:
        """CreateEndpointConfig; variants are (name, model, weight)."""
        self.sagemaker.create_endpoint_config(
            EndpointConfigName=name,
            ProductionVariants=[
                {
                    "VariantName": variant,
                    "ModelName": model,
                    "InitialInstanceCount": count,
                    "InstanceType": "ml.m5.large",
                    "InitialVariantWeight": weight,
                }
                for variant, model, weight in variants
            ],
        )

    def describe(self, endpoint: str) -> dict[str, Any]:
        """DescribeEndpoint."""
        return dict(self.sagemaker.describe_endpoint(EndpointName=endpoint))

    def settled(self, endpoint: str, seconds: float = 60.0) -> dict[str, Any]:
        """Wait until no change is under way."""
        return dict(
            until(
                lambda: (d := self.describe(endpoint))["EndpointStatus"] in ("InService", "Failed") and d,
                seconds,
                f"{endpoint} settles",
            )
        )

    def deploy(self, endpoint: str, package: str = "one", **environment: str) -> None:
        """A one-variant endpoint on a small model."""
        self.deploy_archive(endpoint, self.put_linear(package), package, **environment)

    def deploy_archive(self, endpoint: str, url: str, package: str = "one", **environment: str) -> None:
        """A one-variant endpoint on the package at `url`."""
        self.create_model(f"{endpoint}-{package}", url, **environment)
        self.create_config(f"{endpoint}-{package}", ("stable", f"{endpoint}-{package}", 1.0))
        self.sagemaker.create_endpoint(EndpointName=endpoint, EndpointConfigName=f"{endpoint}-{package}")
        assert self.settled(endpoint)["EndpointStatus"] == "InService"

    def front_door(self, endpoint: str) -> dict[str, str]:
        """The environment of a front door before an endpoint, as Lambda would set it."""
        file = self.home.read()
        assert file is not None
        return {
            "HEADGATE_ENDPOINT": endpoint,
            "AWS_ENDPOINT_URL_SAGEMAKER_RUNTIME": file.gateway_url,
            "AWS_REGION": file.region,
            "AWS_ACCESS_KEY_ID": file.access_key,
            "AWS_SECRET_ACCESS_KEY": file.secret_key,
        }

    def delete(self, endpoint: str) -> None:
        """DeleteEndpoint, and wait until it is gone."""
        self.sagemaker.delete_endpoint(EndpointName=endpoint)
        until(lambda: endpoint not in self.endpoints(), what=f"{endpoint} is gone")

    def endpoints(self) -> list[str]:
        """The names of all endpoints."""
        return [e["EndpointName"] for e in self.sagemaker.list_endpoints(MaxResults=100)["Endpoints"]]

    def invoke(self, endpoint: str, row: object = ROW, **options: Any) -> tuple[Any, str]:
        """The answer and the variant it came from."""
        answer = self.runtime.invoke_endpoint(
            EndpointName=endpoint, Body=json.dumps(row), ContentType="application/json", **options
        )
        return json.loads(answer["Body"].read()), answer["InvokedProductionVariant"]

    def process(self, name: str) -> Process:
        """A live process of this engine."""
        supervisor = Lock(self.home.supervisor_lock).holder()
        found = supervisor if name == "supervisor" else Processes(self.home.processes).find(name)
        assert found is not None, f"{name} does not run"
        return found

    def models(self, endpoint: str) -> list[Process]:
        """The live model servers of an endpoint."""
        state = State(self.home.database)
        try:
            found = [Processes(self.home.processes).find(f"model-{i.id}") for i in state.instances(endpoint)]
        finally:
            state.close()
        return [process for process in found if process is not None]

    def rows(self, endpoint: str) -> int:
        """How many instances the engine remembers for an endpoint."""
        state = State(self.home.database)
        try:
            return len(state.instances(endpoint))
        finally:
            state.close()

    def kill(self, name: str) -> float:
        """kill -9, and wait until it is dead. Returns the time of death (epoch seconds)."""
        return kill(self.process(name))

    @contextmanager
    def load(
        self, endpoint: str, *, rate: float = 200.0, clients: int = 50, rows: list[object] | None = None
    ) -> Iterator[Callable[[], Sum]]:
        """Steady load from a process of its own while the block runs; call what it yields for the sum, at the end."""
        file = self.home.read()
        assert file is not None
        requests = self.home.path / f"rows-{endpoint}.json"
        requests.write_text(json.dumps(rows or [ROW]))
        url = f"{file.gateway_url}/endpoints/{endpoint}/invocations"
        paced = ["--rate", str(rate), "--clients", str(clients)]
        argv = [sys.executable, str(ROOT / "demo" / "load.py"), url, "--rows", str(requests), *paced]
        with subprocess.Popen(argv, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout is not None
            first = process.stdout.readline()  # traffic flows
            assert json.loads(first)["sent"] > 0

            def total() -> Sum:
                process.terminate()
                out, _ = process.communicate(timeout=90)
                found = json.loads(out.splitlines()[-1])
                return Sum(found["sent"], found["failed"], found["variants"], found["failures"])

            try:
                yield total
            finally:
                if process.poll() is None:
                    process.kill()
                    process.communicate()


def kill(process: Process) -> float:
    """kill -9, and wait until it is dead. Returns the time of death (epoch seconds)."""
    os.kill(process.pid, signal.SIGKILL)
    died = time.time()
    assert wait_for_exit(process, 5)
    return died
