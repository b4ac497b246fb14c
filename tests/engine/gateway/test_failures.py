"""What is killed, hung or full costs no request, or one clear error."""

import json
import signal
import socket
import threading
import time

import pytest

from headgate.engine.gateway.values import Cluster
from tests.engine.gateway.calls import Answer, Load, call
from tests.engine.gateway.conftest import Rig, split, until
from tests.pace import within

pytestmark = pytest.mark.slow


def test_a_killed_server_that_comes_back_costs_no_request(rig: Rig) -> None:
    rig.cluster("stable")
    rig.gateway.set_routes(split(("stable", 1)))
    with Load(rig.port, pause=0.002).running() as load:
        for away in (0.0, 0.3, 1.0):
            load.wait_for(50)
            rig.processes.kill("stable")
            back = threading.Timer(away, rig.server, ["stable"])
            back.start()
            back.join()
        load.wait_for(50)
    assert load.failures == []


def test_large_bodies_are_sent_again_too(rig: Rig) -> None:
    rig.cluster("stable")
    rig.gateway.set_routes(split(("stable", 1)))
    with Load(rig.port, connections=2, body=bytes(4_000_000)).running() as load:
        for _ in range(3):
            load.wait_for(5)
            rig.processes.kill("stable")
            rig.server("stable")
        load.wait_for(5)
    assert load.failures == []


def test_one_of_two_replicas_killed_costs_no_request(rig: Rig) -> None:
    rig.cluster("pair", "one", "two")
    rig.gateway.set_routes(split(("pair", 1)))
    with Load(rig.port).running() as load:
        load.wait_for(200)
        rig.processes.kill("one")
        load.wait_for(1000)
        until(lambda: sorted(rig.admin.health()["pair"].values()) == [False, True])
        rig.server("one")
        until(lambda: all(rig.admin.health()["pair"].values()))
        load.wait_for(200)
    assert load.failures == []


def test_a_hung_replica_is_taken_out(rig: Rig) -> None:
    pair = rig.cluster("pair", "one", "two")
    rig.gateway.set_routes(split(("pair", 1)))
    rig.processes.send("one", signal.SIGSTOP)
    until(lambda: not rig.admin.health()["pair"][pair.addresses[0]], 20.0)
    assert {call(rig.port).json["server"] for _ in range(20)} == {"two"}
    rig.processes.send("one", signal.SIGCONT)
    until(lambda: rig.admin.health()["pair"][pair.addresses[0]])


def test_a_server_that_stays_away_is_a_model_error(rig: Rig) -> None:
    rig.cluster("stable")
    rig.cluster("pair", "one", "two")
    for cluster in ("stable", "pair"):
        rig.gateway.set_routes(split((cluster, 1)))
        for name in ("stable",) if cluster == "stable" else ("one", "two"):
            rig.processes.kill(name)
        began = time.monotonic()
        answer = call(rig.port)
        assert (answer.status, answer.headers["x-amzn-errortype"]) == (424, "ModelError")
        assert answer.json["OriginalStatusCode"] == 0
        assert "/aws/sagemaker/Endpoints/iris" in answer.json["LogStreamArn"]
        assert 1.0 < time.monotonic() - began < 15


def test_an_answer_of_500_is_asked_for_once(rig: Rig) -> None:
    rig.cluster("pair", "one", "two")
    rig.gateway.set_routes(split(("pair", 1)))
    for _ in range(20):
        assert call(rig.port, x_test="status=500").status == 424
    assert rig.admin.stats("cluster.pair.upstream_rq_total") == {"cluster.pair.upstream_rq_total": 20}


def test_a_killed_gateway_is_back_within_half_a_second(rig: Rig) -> None:
    rig.cluster("stable")
    rig.cluster("hung")
    rig.cluster("pair", "one", "two")
    rig.gateway.set_routes(split(("stable", 1)))
    rig.processes.send("hung", signal.SIGSTOP)
    with Load(rig.port).running() as load:
        for _ in range(3):
            load.wait_for(100)
            killed = time.monotonic()
            known = len(load.failures)
            rig.processes.kill("envoy")
            rig.start(wait=False)
            load.wait_for(100)
            assert max(at for at, _ in load.failures[known:]) < killed + within(0.5)
    assert rig.gateway.routes_in_force("iris") == {"stable": 1_000_000}


def test_a_change_waits_for_a_gateway_that_comes_back(rig: Rig) -> None:
    rig.cluster("stable")
    rig.cluster("canary")
    rig.gateway.set_routes(split(("stable", 1)))
    rig.processes.kill("envoy")
    back = threading.Timer(0.3, rig.start)
    back.start()
    rig.gateway.set_routes(split(("stable", 1), ("canary", 1)))
    back.join()
    assert rig.gateway.routes_in_force("iris") == {"stable": 500_000, "canary": 500_000}


def test_what_is_in_flight_is_answered_before_the_end(rig: Rig) -> None:
    rig.cluster("stable")
    rig.gateway.set_routes(split(("stable", 1)))
    answers: list[Answer] = []
    callers = [threading.Thread(target=lambda: answers.append(call(rig.port, x_test="sleep=1.5"))) for _ in range(8)]
    for caller in callers:
        caller.start()
    name = "cluster.stable.upstream_rq_active"
    until(lambda: rig.admin.stats(name) == {name: 8})
    assert not rig.gateway.drain_and_wait(0.1)
    assert rig.gateway.drain_and_wait(10.0)
    rig.processes.kill("envoy", signal.SIGTERM)
    for caller in callers:
        caller.join(10)
    assert [answer.status for answer in answers] == [200] * 8


def test_a_drained_gateway_takes_no_new_connections_under_load(rig: Rig) -> None:
    rig.cluster("stable")
    rig.gateway.set_routes(split(("stable", 1)))
    with Load(rig.port, headers="x-test: sleep=0.05\r\n").running() as load:
        assert rig.gateway.drain_and_wait(10.0)
        rig.processes.kill("envoy", signal.SIGTERM)
    assert load.answers > 0
    assert {reason for _, reason in load.failures if "ConnectionRefused" not in reason} == set()


def test_a_port_in_use_ends_envoy_with_the_reason(rig: Rig) -> None:
    rig.processes.kill("envoy")
    with socket.socket() as taken:
        taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        taken.bind(("127.0.0.1", rig.port))
        taken.listen()
        rig.start(wait=False)
        until(lambda: "Address already in use" in (rig.folder / "gateway.log").read_text())


def test_a_server_on_tcp_is_a_server(rig: Rig) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        listening.settimeout(10)
        serving = threading.Thread(target=_answer_twice, args=[listening])
        serving.start()
        address = f"127.0.0.1:{listening.getsockname()[1]}"
        rig.gateway.add_clusters([Cluster("tcp", (address,))], 5.0)
        rig.gateway.set_routes(split(("tcp", 1)))
        assert call(rig.port).body == b"{}"
        serving.join(10)
    assert json.dumps(rig.admin.health()) == json.dumps({"tcp": {address: True}})


def _answer_twice(listening: socket.socket) -> None:
    """`GET /ping`, then the call."""
    for _ in range(2):
        connection, _ = listening.accept()
        with connection:
            connection.recv(65_536)
            connection.sendall(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\n{}")
