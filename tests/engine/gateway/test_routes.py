"""A path of an endpoint's own, on a real Envoy: it is the invocations path by another name."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from headgate.engine.gateway.routes import MOST_TOLD, read_routes, render_routes
from headgate.engine.gateway.values import Cluster, EndpointRoutes, VariantRoute
from tests.engine.gateway.attempts import Log
from tests.engine.gateway.calls import Answer, call
from tests.engine.gateway.conftest import Rig, place, split, until

ROUTE = "/predict-iris"
INVOCATIONS = "/endpoints/iris/invocations"
VARIANT = "x-amzn-invoked-production-variant"


def routed(route: str, *weights: tuple[str, float]) -> EndpointRoutes:
    return replace(split(*weights, cluster="iris/{}/00000001"), route=route)


@pytest.fixture(scope="module")
def rig(make_module_rig: Callable[..., Rig]) -> Rig:
    rig = make_module_rig()
    rig.start()
    rig.cluster("iris/stable/00000001", "stable")
    rig.cluster("iris/canary/00000001", "canary")
    rig.gateway.set_routes(routed(ROUTE, ("stable", 1), ("canary", 1)))
    return rig


def message(answer: Answer) -> str:
    return str(answer.json["Message"])


@pytest.mark.slow
def test_the_same_caller_gets_the_same_variant_on_both_paths(rig: Rig) -> None:
    def variants(path: str) -> list[str]:
        return [call(rig.port, path, x_user_id=f"user-{i}").headers[VARIANT] for i in range(100)]

    by_route = variants(ROUTE)
    assert by_route == variants(INVOCATIONS)
    assert 25 <= by_route.count("canary") <= 75


@pytest.mark.slow
def test_the_container_is_asked_for_invocations_and_what_comes_behind_the_path_is_kept(rig: Rig) -> None:
    assert call(rig.port, ROUTE).json["path"] == "/invocations"
    assert call(rig.port, f"{ROUTE}?a=1").json["path"] == "/invocations?a=1"
    assert call(rig.port, f"//{ROUTE[1:]}").status == 200


@pytest.mark.slow
def test_a_named_variant_and_one_that_is_not_there(rig: Rig) -> None:
    for name in ("stable", "canary"):
        assert call(rig.port, ROUTE, x_amzn_sagemaker_target_variant=name).headers[VARIANT] == name
    refused = call(rig.port, ROUTE, x_amzn_sagemaker_target_variant="other")
    assert (refused.status, message(refused)) == (400, "Variant other not found for Request")


@pytest.mark.slow
def test_an_error_of_the_container_is_a_model_error_of_the_endpoint(rig: Rig) -> None:
    failed = call(rig.port, ROUTE, x_test="status=500")
    assert (failed.status, failed.headers["x-amzn-errortype"]) == (424, "ModelError")
    assert failed.json["OriginalStatusCode"] == 500
    assert "/aws/sagemaker/Endpoints/iris" in message(failed)


@pytest.mark.slow
def test_attempts_are_logged_as_the_endpoint_s(rig: Rig) -> None:
    log = Log(rig)
    call(rig.port, ROUTE, x_user_id="me", x_test="status=503")
    call(rig.port, INVOCATIONS, x_user_id="me")
    *_, failed, good = log.until(lambda found: [attempt.status for attempt in found][-2:] == [503, 200])
    assert failed.endpoint == good.endpoint == "iris"
    assert failed.client == good.client is not None
    assert (failed.variant, failed.failed, failed.randomised) == (good.variant, True, True)


@pytest.mark.slow
def test_a_canary_that_fails_is_answered_for_and_the_failure_is_its_own(rig: Rig) -> None:
    before = rig.gateway.routes("iris")
    assert before is not None
    stable, canary = before.variants
    servers = {cluster.name: cluster.addresses for cluster in rig.gateway.clusters()}
    both = Cluster("iris/canary/00000002", servers[canary.cluster], servers[stable.cluster], "stable")
    rig.gateway.add_clusters([both], 10.0)
    falling = replace(canary, cluster=both.name, try_seconds=1.0, named_cluster=canary.cluster)
    rig.gateway.set_routes(replace(before, variants=(replace(stable, weight=0), falling)))
    log = Log(rig)
    answered = call(rig.port, ROUTE, x_test="status=500", x_test_only="canary")
    assert (answered.status, answered.headers[VARIANT]) == (200, "stable")
    *_, first, second = log.until(lambda found: [attempt.status for attempt in found][-2:] == [500, 200])
    assert (first.variant, first.failed, second.variant, second.answered_by) == ("canary", True, "canary", "stable")
    rig.gateway.set_routes(before)


@pytest.mark.slow
def test_other_methods_and_other_paths(rig: Rig) -> None:
    wrong = call(rig.port, ROUTE, method="GET")
    assert (wrong.status, wrong.headers["allow"], message(wrong)) == (405, "POST", "Only POST is allowed here.")
    for path in ("/invocations", f"{ROUTE}/", f"{ROUTE}/more", ROUTE.upper(), "/predict-tulips"):
        nowhere = call(rig.port, path)
        assert (nowhere.status, nowhere.headers["x-amzn-errortype"]) == (404, "UnknownOperationException")
        assert message(nowhere) == f"There is only POST /endpoints/{{name}}/invocations, POST {ROUTE} here."


@pytest.mark.slow
def test_pages_of_other_sites_and_other_hosts_are_refused_here_too(rig: Rig) -> None:
    assert call(rig.port, ROUTE, origin="http://example.com").status == 403
    assert call(rig.port, ROUTE, host="example.com").status == 403


@pytest.mark.slow
def test_a_path_changes_and_goes_and_survives_both_restarts(make_rig: Callable[..., Rig]) -> None:
    rig = make_rig()
    rig.start()
    rig.cluster("iris/stable/00000001", "stable")
    rig.gateway.set_routes(routed("/one", ("stable", 1)))
    assert call(rig.port, "/one").status == 200
    rig.gateway.set_routes(routed("/two", ("stable", 1)))
    assert (call(rig.port, "/one").status, call(rig.port, "/two").status) == (404, 200)

    rig.processes.kill("envoy")
    again = rig.new_gateway()
    assert again.routes("iris") == routed("/two", ("stable", 1))
    rig.start()
    until(lambda: call(rig.port, "/two").status == 200)

    again.set_routes(routed("", ("stable", 1)))
    assert (call(rig.port, "/two").status, call(rig.port, INVOCATIONS).status) == (404, 200)
    again.remove_routes("iris")
    assert call(rig.port, INVOCATIONS).status == 400


def test_what_was_rendered_is_read_back_and_older_files_have_no_route() -> None:
    routes = routed(ROUTE, ("stable", 1), ("canary", 0))
    (rendered,) = render_routes([routes], place())
    assert read_routes([rendered]) == {"iris": routes}
    (told,) = rendered["metadata"]["filter_metadata"]["headgate"]["endpoints"]
    del told["route"]
    assert read_routes([rendered])["iris"] == replace(routes, route="")


def test_only_so_many_paths_are_listed() -> None:
    """An answer of Envoy's own has 4,096 bytes at most; a file with a longer one would be refused as a whole."""
    longest = [f"/{'a' * 96}{i:03d}" for i in range(100)]
    routes = [EndpointRoutes(f"e{i}", (VariantRoute("v", "c", 1),), path) for i, path in enumerate(longest)]
    (rendered,) = render_routes(routes, place())
    last = rendered["virtual_hosts"][0]["routes"][-1]
    said = last["direct_response"]["body_format"]["json_format"]["Message"]
    assert said.count("POST /") == MOST_TOLD + 1
    assert said.endswith(f", {100 - MOST_TOLD} more here.")
    assert len(said) < 4000
