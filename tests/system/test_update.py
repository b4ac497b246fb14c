"""Two variants, moved without losing a request; updates that fail leave the endpoint as it was."""

import os
import signal
import socket
from pathlib import Path

import pytest
from botocore.exceptions import ClientError

from tests.system.engine import RunningEngine, until
from tests.system.test_endpoint import write_code

pytestmark = pytest.mark.slow


def two_versions(engine: RunningEngine, endpoint: str) -> None:
    """An endpoint on version 1, and a config with version 2 beside it at weight 0."""
    engine.deploy(endpoint)
    url = engine.put_linear(f"{endpoint}-two", bias=5.0)
    engine.create_model(f"{endpoint}-two", url)
    engine.create_config(f"{endpoint}-both", ("stable", f"{endpoint}-one", 100), ("canary", f"{endpoint}-two", 0))
    engine.create_config(f"{endpoint}-two", ("stable", f"{endpoint}-two", 1))


def weights(engine: RunningEngine, endpoint: str, stable: float, canary: float) -> None:
    engine.sagemaker.update_endpoint_weights_and_capacities(
        EndpointName=endpoint,
        DesiredWeightsAndCapacities=[
            {"VariantName": "stable", "DesiredWeight": stable},
            {"VariantName": "canary", "DesiredWeight": canary},
        ],
    )
    engine.settled(endpoint)


def update(engine: RunningEngine, endpoint: str, config: str) -> None:
    engine.sagemaker.update_endpoint(EndpointName=endpoint, EndpointConfigName=config)
    found = engine.settled(endpoint)
    assert (found["EndpointStatus"], found["EndpointConfigName"]) == ("InService", config), found.get("FailureReason")


def test_a_version_is_moved_in_by_weights_and_promoted(engine: RunningEngine) -> None:
    two_versions(engine, "mover")
    with engine.load("mover") as total:
        update(engine, "mover", "mover-both")
        assert {engine.invoke("mover")[1] for _ in range(20)} == {"stable"}
        for canary in (10, 50, 100):
            weights(engine, "mover", 100 - canary, canary)
        assert {engine.invoke("mover")[1] for _ in range(20)} == {"canary"}
        update(engine, "mover", "mover-two")
        found = total()
    assert found.failed == 0, found.failures
    assert found.variants.keys() == {"stable", "canary"}
    until(lambda: len(engine.models("mover")) == 1, what="the old fleet is gone")
    engine.delete("mover")


def test_a_caller_stays_where_it_is_while_the_canary_grows(engine: RunningEngine) -> None:
    two_versions(engine, "sticky")
    update(engine, "sticky", "sticky-both")

    def canary_clients() -> set[int]:
        found = set()
        for client in range(60):
            _, variant = engine.invoke("sticky", CustomAttributes=f"a=b; client=c{client}")
            if variant == "canary":
                found.add(client)
        return found

    weights(engine, "sticky", 80, 20)
    first = canary_clients()
    assert canary_clients() == first
    weights(engine, "sticky", 50, 50)
    assert first < canary_clients()
    engine.delete("sticky")


def test_a_target_variant_overrides_the_weights(engine: RunningEngine) -> None:
    two_versions(engine, "aimed")
    update(engine, "aimed", "aimed-both")
    assert engine.invoke("aimed", TargetVariant="canary")[1] == "canary"
    with pytest.raises(ClientError, match="nobody"):
        engine.invoke("aimed", TargetVariant="nobody")
    engine.delete("aimed")


def test_what_the_container_refuses_is_424(engine: RunningEngine) -> None:
    engine.deploy("strict")
    with pytest.raises(ClientError) as caught:
        engine.invoke("strict", {"nonsense": 1})
    answer = caught.value.response
    assert answer["Error"]["Code"] == "ModelError"
    assert answer["ResponseMetadata"]["HTTPStatusCode"] == 424
    assert answer["OriginalStatusCode"] == 400  # type: ignore[typeddict-item]
    assert "nonsense" in answer["OriginalMessage"]  # type: ignore[typeddict-item]
    engine.delete("strict")


def test_an_inference_id_is_given_or_kept(engine: RunningEngine) -> None:
    engine.deploy("joined")

    def inference_id(**options: str) -> str:
        answer = engine.runtime.invoke_endpoint(EndpointName="joined", Body=b'{"x": 1, "y": 2}', **options)
        return str(answer["ResponseMetadata"]["HTTPHeaders"]["x-amzn-sagemaker-inference-id"])

    assert inference_id(InferenceId="mine") == "mine"
    assert len({inference_id(), inference_id()}) == 2
    engine.delete("joined")


def test_more_and_fewer_instances(engine: RunningEngine) -> None:
    engine.deploy("sized")

    def resize(count: int) -> None:
        engine.sagemaker.update_endpoint_weights_and_capacities(
            EndpointName="sized",
            DesiredWeightsAndCapacities=[{"VariantName": "stable", "DesiredInstanceCount": count}],
        )
        found = engine.settled("sized")
        assert found["ProductionVariants"][0]["CurrentInstanceCount"] == count
        until(lambda: len(engine.models("sized")) == count)

    (first,) = engine.models("sized")
    with engine.load("sized") as total:
        resize(3)
        assert first in engine.models("sized")
        resize(1)
        found = total()
    assert found.failed == 0, found.failures
    assert engine.models("sized") == [first]
    engine.delete("sized")


def test_an_update_that_does_not_start_leaves_the_old_fleet_serving(engine: RunningEngine) -> None:
    engine.deploy("careful")
    models = engine.models("careful")
    url = engine.put_archive("careful-bad", lambda path: write_code(path, "raise RuntimeError('bad day')"))
    engine.create_model("careful-bad", url)
    engine.create_config("careful-bad", ("stable", "careful-bad", 1))
    with engine.load("careful") as total:
        engine.sagemaker.update_endpoint(EndpointName="careful", EndpointConfigName="careful-bad")
        found = engine.settled("careful")
        assert found["EndpointStatus"] == "InService"
        assert found["EndpointConfigName"] == "careful-one"
        assert "bad day" in found["FailureReason"]
        sent = total()
    assert sent.failed == 0, sent.failures
    until(lambda: engine.models("careful") == models, what="the failed servers are gone")
    engine.delete("careful")


def test_a_package_prepared_for_an_update_that_failed_is_fetched_again(engine: RunningEngine) -> None:
    engine.deploy("fresh")
    source = "def model_fn(model_dir): return {0}\ndef predict_fn(data, model): return model\n"
    url = engine.put_archive("fresh-two", lambda path: write_code(path, source.format(1)))
    engine.create_model("fresh-two", url)
    engine.create_model("fresh-none", "s3://headgate-local/nowhere/model.tar.gz")
    engine.create_config("fresh-bad", ("a", "fresh-none", 1), ("b", "fresh-two", 1))
    engine.create_config("fresh-two", ("b", "fresh-two", 1))
    engine.sagemaker.update_endpoint(EndpointName="fresh", EndpointConfigName="fresh-bad")
    assert "nowhere" in engine.settled("fresh")["FailureReason"]
    engine.put_archive("fresh-two", lambda path: write_code(path, source.format(2)))
    update(engine, "fresh", "fresh-two")
    assert engine.invoke("fresh")[0] == 2
    engine.delete("fresh")


def test_a_hung_canary_does_not_hold_up_its_own_removal(engine: RunningEngine) -> None:
    engine.deploy("hung")
    source = (
        "def model_fn(model_dir): return None\n"
        "def predict_fn(data, model):\n"
        "    import os, signal; os.kill(os.getpid(), signal.SIGSTOP)\n"
    )
    url = engine.put_archive("hung-two", lambda path: write_code(path, source))
    engine.create_model("hung-two", url)
    engine.create_config("hung-both", ("stable", "hung-one", 1), ("canary", "hung-two", 0))
    update(engine, "hung", "hung-both")
    file = engine.home.read()
    assert file is not None
    with socket.create_connection(("127.0.0.1", file.gateway_port)) as caller:  # never reads its answer
        caller.sendall(
            b"POST /endpoints/hung/invocations HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n"
            b"x-amzn-sagemaker-target-variant: canary\r\ncontent-length: 2\r\n\r\n{}"
        )
        until(lambda: any(is_stopped(process.pid) for process in engine.models("hung")), what="the canary hangs")
        update(engine, "hung", "hung-one")
        assert {engine.invoke("hung")[1] for _ in range(5)} == {"stable"}
    for process in engine.models("hung"):
        if is_stopped(process.pid):
            os.kill(process.pid, signal.SIGCONT)
    engine.delete("hung")


def is_stopped(pid: int) -> bool:
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "T"


def test_two_hundred_weight_changes_and_twenty_deploys_lose_nothing(engine: RunningEngine) -> None:
    two_versions(engine, "busy")
    with engine.load("busy", rate=300) as total:
        update(engine, "busy", "busy-both")
        for turn in range(200):
            canary = (turn * 37) % 101
            weights(engine, "busy", 100 - canary, canary)
        for turn in range(20):
            update(engine, "busy", ("busy-one", "busy-two")[turn % 2])
        found = total()
    assert found.failed == 0, found.failures
    assert found.sent > 1000
    until(lambda: len(engine.models("busy")) == 1)
    engine.delete("busy")
