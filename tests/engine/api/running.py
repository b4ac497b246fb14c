"""A control API that really runs: uvicorn in a thread, SQLite in a temporary folder, stock boto3 as the client."""

import http.client
import json
import socket
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.config import Config
from botocore.credentials import Credentials
from botocore.exceptions import ClientError

from headgate.engine.api.control import Api
from headgate.engine.api.metrics import Metrics
from headgate.engine.api.protocols import Services
from headgate.engine.api.server import ControlApp, server
from headgate.engine.metrics.observed import ObservedMetrics
from headgate.engine.metrics.store import MetricStore
from headgate.engine.state import State
from tests.engine.metrics.memory import MemoryEvidence

ACCESS_KEY, SECRET_KEY, REGION, ACCOUNT = "AKIAHEADGATETEST", "not/a+secret", "us-east-1", "000000000000"
ARN = f"arn:aws:sagemaker:{REGION}:{ACCOUNT}:"
MODEL_DATA = "s3://headgate-local/iris/1/model.tar.gz"

Answer = tuple[int, dict[str, str], bytes]


@cache
def boto_session() -> boto3.Session:
    """One session for all tests: it reads the service model once."""
    return boto3.Session()


@dataclass
class Running:
    """A running control API. `woken` records the endpoints that the reconciler was woken for."""

    port: int
    state: State
    woken: list[str]
    evidence: MemoryEvidence

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def client(self, service: str = "sagemaker", *, url: str = "", **keys: str) -> Any:
        keys = {"aws_access_key_id": ACCESS_KEY, "aws_secret_access_key": SECRET_KEY, "region_name": REGION} | keys
        config = Config(retries={"total_max_attempts": 1}, parameter_validation=False)
        make: Any = boto_session().client
        return make(service, endpoint_url=url or self.url, config=config, **keys)

    def send(self, method: str, path: str, headers: Mapping[str, str], body: bytes = b"") -> Answer:
        """One plain HTTP request; answers status, headers (lower case) and body."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        try:
            connection.request(method, path, body, dict(headers))
            response = connection.getresponse()
            return response.status, {k.lower(): v for k, v in response.getheaders()}, response.read()
        finally:
            connection.close()

    def signed(self, operation: str, body: bytes, service: str = "sagemaker", **more: str) -> dict[str, str]:
        """The headers of a signed request."""
        headers = {
            "Content-Type": "application/x-amz-json-1.1",
            "X-Amz-Target": f"SageMaker.{operation}",
            "Host": f"127.0.0.1:{self.port}",
        } | {name.replace("_", "-"): value for name, value in more.items()}
        request = AWSRequest("POST", f"http://{headers['Host']}/", headers, body)
        SigV4Auth(Credentials(ACCESS_KEY, SECRET_KEY), service, REGION).add_auth(request)
        return dict(request.headers.items())

    def call(self, operation: str, document: object) -> tuple[int, dict[str, Any]]:
        """A signed call that no client has checked; answers status and document."""
        body = document if isinstance(document, bytes) else json.dumps(document).encode()
        status, _, answer = self.send("POST", "/", self.signed(operation, body), body)
        return status, json.loads(answer)

    def reconcile(self, name: str) -> None:
        """Play the reconciler: take the endpoint where it wants to be, at once."""
        row = self.state.endpoint(name)
        assert row is not None
        if row.status == "Deleting":
            self.state.delete_endpoint(name)
            return
        assert row.target is not None
        self.state.put_endpoint(replace(row, status="InService", active=row.target, target=None))

    def deploy(self, client: Any, name: str = "iris", config: str = "config-1") -> None:
        """An endpoint in service."""
        client.create_endpoint(EndpointName=name, EndpointConfigName=config)
        self.reconcile(name)


class Front:
    """One real server for many tests: it serves the application of the test that runs."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.app: Any = None

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        await self.app(scope, receive, send)


@contextmanager
def served() -> Iterator[Front]:
    """Start the server, and stop it at the end."""
    bound = socket.create_server(("127.0.0.1", 0))
    front = Front(bound.getsockname()[1])
    uvicorn_server = server(front)
    thread = threading.Thread(target=uvicorn_server.run, kwargs={"sockets": [bound]})
    thread.start()
    try:
        yield front
    finally:
        uvicorn_server.should_exit = True
        uvicorn_server.force_exit = True
        thread.join(20)
        bound.close()
        assert not thread.is_alive()


@contextmanager
def services(
    folder: Path, evidence: MemoryEvidence, wake: Callable[[str], None] = lambda _: None
) -> Iterator[tuple[Api, Metrics, State]]:
    """What a control port serves, with databases of its own."""
    state, store = State(folder / "engine.db"), MetricStore(folder / "metrics.db")
    api = Api(state, account=ACCOUNT, region=REGION, wake=wake)
    yield api, Metrics(ObservedMetrics(evidence), store), state
    store.close()
    state.close()


@contextmanager
def running(front: Front, folder: Path, now: Callable[[], datetime] = lambda: datetime.now(UTC)) -> Iterator[Running]:
    """A control API with a database of its own, behind the server."""
    woken: list[str] = []
    evidence = MemoryEvidence()
    with services(folder, evidence, woken.append) as (api, metrics, state):
        engine = Running(front.port, state, woken, evidence)
        front.app = ControlApp(Services(api, metrics), ACCESS_KEY, SECRET_KEY, REGION, engine.port, now=now)
        yield engine
        front.app = None


def refusal(call: Callable[..., object], **arguments: Any) -> tuple[str, str]:
    """The code and message with which a call is refused."""
    with pytest.raises(ClientError) as caught:
        call(**arguments)
    error = caught.value.response["Error"]
    return error["Code"], error["Message"]


def variant(name: str = "stable", model: str = "model-1", **more: Any) -> dict[str, Any]:
    """A production variant as clients send it."""
    sent = {"VariantName": name, "ModelName": model, "InitialInstanceCount": 1, "InstanceType": "ml.m5.large"}
    return sent | more


def make_model(client: Any, name: str = "model-1", **more: Any) -> str:
    """Create a model; answers its ARN."""
    container = {"Image": "headgate", "ModelDataUrl": MODEL_DATA, "Environment": {"A": "1"}}
    made = client.create_model(ModelName=name, PrimaryContainer=container, **more)
    return str(made["ModelArn"])


def make_config(client: Any, name: str = "config-1", *variants: dict[str, Any], **more: Any) -> str:
    """Create an endpoint config; answers its ARN."""
    sent = list(variants) or [variant()]
    made = client.create_endpoint_config(EndpointConfigName=name, ProductionVariants=sent, **more)
    return str(made["EndpointConfigArn"])
