"""One engine, one moto, one address in front of both; one project whose endpoint is called all the time."""

import logging
from collections.abc import Iterator

import httpx
import pytest
from moto.server import ThreadedMotoServer

from tests.delivery.cloud import Cloud
from tests.delivery.front import Front
from tests.system.engine import RunningEngine
from tests.system.rollouts import engine_alone


@pytest.fixture(scope="package")
def alone() -> Iterator[RunningEngine]:
    """An engine for these tests alone."""
    with engine_alone() as engine:
        yield engine


@pytest.fixture(scope="package")
def front(alone: RunningEngine) -> Iterator[Front]:
    """ "AWS", and this process's variables that lead there."""
    file = alone.home.read()
    assert file is not None
    logging.getLogger("werkzeug").setLevel(logging.WARNING)
    moto = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    moto.start()
    host, port = moto.get_host_and_port()
    front = Front(file, f"http://{host}:{port}")
    url = f"http://127.0.0.1:{front.port}"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MOTO_PORT", str(front.port))
        patch.setenv("AWS_ENDPOINT_URL", url)
        patch.setenv("AWS_ACCESS_KEY_ID", "AKIACLOUD")
        patch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
        patch.setenv("AWS_DEFAULT_REGION", file.region)
        patch.setenv("AWS_CONFIG_FILE", "/dev/null")
        patch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/dev/null")
        httpx.post(f"{url}/moto-api/reset").raise_for_status()  # its state is the process's
        httpx.post(f"{url}/moto-api/config", json={"stepfunctions": {"execute_state_machine": True}}).raise_for_status()
        try:
            yield front
        finally:
            front.close()
            moto.stop()


@pytest.fixture(scope="package")
def endpoint(alone: RunningEngine, front: Front) -> Iterator[Cloud]:
    """A project with an endpoint under load; at the end no caller may have seen an error."""
    cloud = Cloud(alone, front, "cloud")
    cloud.deploy()
    with cloud.load(rate=80, clients=200) as total:
        yield cloud
        assert (found := total()).failed == 0, found.failures[:3]
    assert front.iam.denied == [], "roles need rights that the templates do not give them"


@pytest.fixture
def cloud(endpoint: Cloud) -> Iterator[Cloud]:
    """The project; a rollout that a failed test left open is taken back."""
    endpoint.say()
    yield endpoint
    endpoint.front.down = False
    rollout = endpoint.rollouts.open()
    if rollout is not None:
        rollout.tell("abort", {"reason": "the next test"}, by="tester")
        while endpoint.delivery.tick_of(rollout)() is not None:
            pass
