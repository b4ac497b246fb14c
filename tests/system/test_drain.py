"""What is on its way is answered: bodies that arrive slowly across an update, and requests in flight at `down`."""

import json
import os
import signal
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from headgate.engine.gateway.admin import Admin
from tests.system.engine import RunningEngine, until
from tests.system.test_endpoint import write_code
from tests.system.test_update import two_versions, update

pytestmark = pytest.mark.slow

BODY = json.dumps({"x": 1.0, "y": 2.0}).encode()


@contextmanager
def upload(engine: RunningEngine, endpoint: str) -> Iterator[socket.socket]:
    """A request of which all but the last byte of the body was sent."""
    file = engine.home.read()
    assert file is not None
    with socket.create_connection(("127.0.0.1", file.gateway_port), timeout=30) as caller:
        head = f"POST /endpoints/{endpoint}/invocations HTTP/1.1\r\nhost: localhost\r\ncontent-length: {len(BODY)}\r\n"
        caller.sendall(f"{head}content-type: application/json\r\n\r\n".encode() + BODY[:-1])
        active = "http.gateway.downstream_rq_active"
        until(lambda: Admin(engine.home.sockets / "admin.sock").stats(active)[active])
        yield caller


def test_a_body_that_arrives_slowly_is_answered_by_the_fleet_it_was_sent_to(own_engine: RunningEngine) -> None:
    two_versions(own_engine, "slowly")
    with upload(own_engine, "slowly") as caller:
        update(own_engine, "slowly", "slowly-two")
        updated = time.monotonic()
        until(lambda: time.monotonic() > updated + 6)
        caller.sendall(BODY[-1:])
        assert caller.recv(12) == b"HTTP/1.1 200"
    until(lambda: len(own_engine.models("slowly")) == 1, 10)


def test_an_endpoint_is_deleted_once_its_slow_request_is_answered(own_engine: RunningEngine) -> None:
    own_engine.deploy("leaving")
    with upload(own_engine, "leaving") as caller:
        own_engine.sagemaker.delete_endpoint(EndpointName="leaving")
        began = time.monotonic()
        until(lambda: time.monotonic() > began + 4)
        assert own_engine.describe("leaving")["EndpointStatus"] == "Deleting"
        caller.sendall(BODY[-1:])
        assert caller.recv(12) == b"HTTP/1.1 200"
    until(lambda: own_engine.endpoints() == [], 10)


def test_down_answers_what_is_in_flight_and_refuses_the_rest(own_engine: RunningEngine) -> None:
    source = (
        "import time\ndef model_fn(model_dir): return None\n"
        "def predict_fn(data, model):\n    time.sleep(1)\n    return {'answer': 1}\n"
    )
    url = own_engine.put_archive("sleepy", lambda path: write_code(path, source))
    own_engine.create_model("sleepy", url)
    own_engine.create_config("sleepy", ("stable", "sleepy", 1), count=2)
    own_engine.sagemaker.create_endpoint(EndpointName="sleepy", EndpointConfigName="sleepy")
    assert own_engine.settled("sleepy")["EndpointStatus"] == "InService"
    own_engine.deploy("quick")
    answers: list[object] = []
    callers = [threading.Thread(target=lambda: answers.append(own_engine.invoke("sleepy")[0])) for _ in range(4)]
    with own_engine.load("quick") as total:
        for caller in callers:
            caller.start()
        admin = Admin(own_engine.home.sockets / "admin.sock")
        until(lambda: sum(admin.stats_like("^cluster.sleepy/.*upstream_rq_active$").values()) == 4)
        own_engine.stop()
        found = total()
    for caller in callers:
        caller.join(10)
    assert answers == [{"answer": 1}] * 4
    assert found.failed > 0
    assert [f for f in found.failures if "refused" not in str(f)] == []


@pytest.mark.proof
def test_down_ends_in_time_when_models_hang(own_engine: RunningEngine) -> None:
    """None of them hears SIGTERM; together they have the time of one."""
    own_engine.create_model("stubborn", own_engine.put_linear("stubborn"))
    own_engine.create_config("stubborn", ("stable", "stubborn", 1), count=3)
    own_engine.sagemaker.create_endpoint(EndpointName="stubborn", EndpointConfigName="stubborn")
    assert own_engine.settled("stubborn")["EndpointStatus"] == "InService"
    for process in own_engine.models("stubborn"):
        os.kill(process.pid, signal.SIGSTOP)
    began = time.monotonic()
    own_engine.stop()
    assert time.monotonic() - began < 45
