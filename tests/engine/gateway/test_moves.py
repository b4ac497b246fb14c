"""The ordered moves on a real Envoy, most of them under load."""

import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from headgate.engine.gateway.admin import Admin
from headgate.engine.gateway.gateway import Gateway
from headgate.engine.gateway.values import Cluster, EndpointRoutes, VariantRoute
from headgate.errors import Refused, Unavailable
from tests.engine.gateway.calls import Load, call
from tests.engine.gateway.conftest import ACCOUNT, Rig, split, until

pytestmark = pytest.mark.slow


def test_two_hundred_weight_changes_under_load_lose_nothing(rig: Rig) -> None:
    rig.cluster("stable")
    rig.cluster("canary")
    rig.gateway.set_routes(split(("stable", 1)))
    with Load(rig.port).running() as load:
        for i in range(200):
            weight = (i * 37) % 101
            rig.gateway.set_routes(split(("stable", 100 - weight), ("canary", weight)))
        rig.gateway.set_routes(split(("stable", 63), ("canary", 37)))
        load.wait_for(100)
    assert load.failures == []
    assert min(load.variants["stable"], load.variants["canary"]) > 100
    assert rig.gateway.routes_in_force("iris") == {"stable": 630_000, "canary": 370_000}


def test_new_clusters_replace_old_ones_under_load(rig: Rig) -> None:
    rig.cluster("v0")
    rig.gateway.set_routes(split(("v0", 1)))
    with Load(rig.port).running() as load:
        for i in range(1, 11):
            old, new = f"v{i - 1}", f"v{i}"
            rig.cluster(new)
            rig.gateway.set_routes(split((new, 1)))
            until(lambda old=old: rig.gateway.drained(old))  # type: ignore[misc]
            rig.gateway.remove_clusters([old])
            rig.processes.kill(old)
            load.wait_for(50)
    assert load.failures == []
    assert load.variants["v10"] >= 50
    assert [cluster.name for cluster in rig.gateway.clusters()] == ["v10"]
    until(lambda: list(rig.admin.health()) == ["v10"])


def test_other_endpoints_come_and_go_beside_the_load(rig: Rig) -> None:
    rig.cluster("stable")
    rig.gateway.set_routes(split(("stable", 1)))
    with Load(rig.port).running() as load:
        for i in range(20):
            rig.gateway.set_routes(EndpointRoutes(f"other-{i}", (VariantRoute("a", "stable", 1),)))
            assert call(rig.port, f"/endpoints/other-{i}/invocations").status == 200
        assert len(rig.gateway.endpoints()) == 21
        for i in range(20):
            rig.gateway.remove_routes(f"other-{i}")
            assert call(rig.port, f"/endpoints/other-{i}/invocations").status == 400
        rig.gateway.remove_routes("other-0")
    assert load.failures == []
    assert rig.gateway.endpoints() == ["iris"]
    assert rig.gateway.routes("other-0") is None


def test_a_split_that_envoy_refuses_is_undone(rig: Rig) -> None:
    rig.cluster("stable")
    rig.gateway.set_routes(split(("stable", 1)))
    with pytest.raises(Unavailable, match=r"refuses routes\.json.*unknown.*no-such-cluster"):
        rig.gateway.set_routes(split(("stable", 1), ("no-such-cluster", 1)))
    assert rig.gateway.routes("iris") == split(("stable", 1))
    assert call(rig.port).status == 200
    rig.gateway.set_routes(split(("stable", 1)))
    rig.processes.kill("envoy")
    rig.start()
    assert call(rig.port).status == 200


def test_a_cluster_that_envoy_refuses_is_undone(rig: Rig) -> None:
    with pytest.raises(Unavailable, match=r"refuses clusters\.json.*exceeds maximum UNIX domain socket path"):
        rig.gateway.add_clusters([Cluster("long", ("unix:/tmp/" + "x" * 200,))], 10.0)
    assert rig.gateway.clusters() == []
    rig.cluster("stable")


def test_a_server_that_is_not_healthy_is_named_and_may_still_come(rig: Rig) -> None:
    alive, dead = rig.server("alive"), f"unix:{rig.folder}/dead.s"
    one, two = Cluster("one", (dead,)), Cluster("two", (alive, dead))
    for cluster in (one, two):
        with pytest.raises(Unavailable, match=f"no healthy model server at {dead} within"):
            rig.gateway.add_clusters([cluster], 0.5)
    rig.server("dead")
    rig.gateway.add_clusters([one, two], 5.0)
    assert rig.gateway.clusters() == [one, two]


def test_a_server_may_become_healthy_while_it_is_waited_for(rig: Rig) -> None:
    pair = Cluster("pair", (rig.server("one"), f"unix:{rig.folder}/two.s"))
    rig.processes.start("late", ["/bin/sh", "-c", f"sleep 0.7; mv {rig.folder}/three.s {rig.folder}/two.s"], "late.log")
    rig.server("three")
    rig.gateway.add_clusters([pair], 10.0)


def test_a_cluster_never_changes(rig: Rig) -> None:
    cluster = rig.cluster("stable")
    rig.gateway.add_clusters([cluster], 1.0)
    with pytest.raises(Refused, match="exists with other servers"):
        rig.gateway.add_clusters([Cluster("stable", ("127.0.0.1:1",))], 1.0)


def test_a_cluster_in_use_stays(rig: Rig) -> None:
    rig.cluster("stable")
    rig.cluster("canary")
    rig.gateway.set_routes(split(("stable", 0), ("canary", 1)))
    with pytest.raises(Refused, match="iris sends traffic to stable"):
        rig.gateway.remove_clusters(["stable"])
    assert call(rig.port).status == 200


def test_a_cluster_drains_once_its_requests_are_answered(rig: Rig) -> None:
    rig.cluster("old")
    rig.cluster("new")
    rig.gateway.set_routes(split(("old", 1)))
    assert rig.gateway.drained("old")
    assert rig.gateway.drained("nobody-knows-it")
    with Load(rig.port, connections=2, headers="x-test: sleep=0.7\r\n").running() as load:
        rig.gateway.set_routes(split(("new", 1)))
        assert not rig.gateway.drained("old")
        until(lambda: rig.gateway.drained("old"))
    assert load.failures == []


def test_a_request_that_waits_for_another_attempt_keeps_its_cluster_busy(rig: Rig) -> None:
    rig.cluster("old")
    rig.gateway.set_routes(split(("old", 1)))
    rig.processes.kill("old")
    with Load(rig.port, connections=1).running(answering=False) as load:
        until(lambda: not rig.gateway.drained("old"))
        busy = time.monotonic()
        while time.monotonic() < busy + 0.5:
            assert not rig.gateway.drained("old")
        rig.server("old")
    assert load.failures == []


def test_threads_take_turns(rig: Rig) -> None:
    def deploy(number: int) -> None:
        variants = [Cluster(f"e{number}/v{i}/1a2b", (address,)) for i in range(5)]
        for i, cluster in enumerate(variants):
            rig.gateway.add_clusters([cluster], 10.0)
            rig.gateway.set_routes(EndpointRoutes(f"e{number}", (VariantRoute("v", cluster.name, i + 1),)))
            if i:
                until(lambda i=i: rig.gateway.drained(variants[i - 1].name))  # type: ignore[misc]
                rig.gateway.remove_clusters([variants[i - 1].name])

    address = rig.server("shared")
    with ThreadPoolExecutor(4) as threads:
        list(threads.map(deploy, range(4)))
    assert [cluster.name for cluster in rig.gateway.clusters()] == [f"e{number}/v4/1a2b" for number in range(4)]
    for number in range(4):
        assert call(rig.port, f"/endpoints/e{number}/invocations").status == 200
        assert rig.gateway.routes_in_force(f"e{number}") == {"v": 1_000_000}


def test_another_engine_goes_on_with_the_files(rig: Rig) -> None:
    cluster = rig.cluster("stable")
    rig.gateway.set_routes(split(("stable", 0.3)))
    other = rig.new_gateway()
    assert other.clusters() == [cluster]
    assert other.routes("iris") == split(("stable", 0.3))
    other.set_routes(split(("stable", 0.4)))
    assert other.routes_in_force("iris") == {"stable": 1_000_000}


def test_files_of_an_older_headgate_are_written_anew(rig: Rig) -> None:
    rig.cluster("stable")
    rig.gateway.set_routes(split(("stable", 0.7)))
    path = rig.folder / "files" / "routes.json"
    path.write_text(path.read_text().replace("connect-failure,", ""))
    rig.new_gateway().write_bootstrap()
    assert "connect-failure," in path.read_text()
    assert rig.new_gateway().routes("iris") == split(("stable", 0.7))


def test_damaged_files_are_written_again(rig: Rig) -> None:
    cluster = rig.cluster("stable")
    rig.processes.kill("envoy")
    for name in ("clusters.json", "routes.json"):
        (rig.folder / "files" / name).write_text("{")
    rig.gateway = rig.new_gateway()
    rig.gateway.write_bootstrap()
    rig.start()
    rig.gateway.add_clusters([cluster], 5.0)
    rig.gateway.set_routes(split(("stable", 1)))
    assert call(rig.port).status == 200


def test_without_envoy_files_are_written_and_waits_end(tmp_path: Path) -> None:
    gateway = Gateway(tmp_path / "files", tmp_path / "a", port=1, account=ACCOUNT, access_log=tmp_path / "access.log")
    gateway.write_bootstrap()
    with pytest.raises(Unavailable, match=r"did not take over routes\.json within 0\.1 s"):
        gateway.set_routes(split(("stable", 2)), 0.1)
    assert gateway.routes("iris") is None
    with pytest.raises(Unavailable):
        gateway.drained("stable")
    assert not Admin(tmp_path / "a").ready()
    assert gateway.drain_and_wait(1.0)
    gateway.remove_routes("iris")
    gateway.remove_clusters(["stable"])
    assert (gateway.endpoints(), gateway.clusters()) == ([], [])
    modes = {path.stat().st_mode & 0o777 for path in (tmp_path / "files").iterdir()}
    assert modes == {0o600}
