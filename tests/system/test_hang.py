"""Whatever hangs, dies again and again, or is stopped by SIGSTOP, its endpoint can still be changed."""

import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from headgate.engine.processes import Process
from tests.system.engine import RunningEngine, until
from tests.system.test_endpoint import write_code
from tests.system.test_update import two_versions, update, weights

pytestmark = pytest.mark.slow

HANGS_IN_START = "import time\ndef model_fn(model_dir): time.sleep(600)\ndef predict_fn(data, model): return 1\n"


@contextmanager
def stopped(process: Process) -> Iterator[None]:
    """A process that hangs while the block runs."""
    os.kill(process.pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(process.pid, signal.SIGCONT)


def seconds_of_cpu(process: Process) -> float:
    """What a process has used so far."""
    fields = Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def model_of(engine: RunningEngine, endpoint: str, variant: str) -> Process:
    (name,) = [path.stem.rpartition("-")[2] for path in (engine.home.logs / endpoint).glob(f"{variant}-*.log")]
    return engine.process(f"model-{name}")


def test_weights_and_counts_change_while_a_canary_hangs(engine: RunningEngine) -> None:
    two_versions(engine, "stuck")
    update(engine, "stuck", "stuck-both")
    weights(engine, "stuck", 50, 50)
    with stopped(model_of(engine, "stuck", "canary")):
        began = time.monotonic()
        weights(engine, "stuck", 100, 0)
        assert time.monotonic() - began < 2
        assert {engine.invoke("stuck")[1] for _ in range(20)} == {"stable"}
        engine.sagemaker.update_endpoint_weights_and_capacities(
            EndpointName="stuck", DesiredWeightsAndCapacities=[{"VariantName": "canary", "DesiredInstanceCount": 2}]
        )
        found = engine.settled("stuck")
        assert [v["CurrentInstanceCount"] for v in found["ProductionVariants"]] == [1, 2], found
        update(engine, "stuck", "stuck-one")
        began = time.monotonic()  # its process is stopped beside all this, for it does not hear SIGTERM
        update(engine, "stuck", "stuck-two")
        assert time.monotonic() - began < 10
    engine.delete("stuck")


@pytest.mark.proof
def test_a_model_that_hangs_in_its_start_ends_when_its_time_is_over(engine: RunningEngine) -> None:
    engine.deploy("patient")
    url = engine.put_archive("patient-two", lambda path: write_code(path, HANGS_IN_START))
    engine.create_model("patient-two", url)
    engine.sagemaker.create_endpoint_config(
        EndpointConfigName="patient-two",
        ProductionVariants=[
            {
                "VariantName": "stable",
                "ModelName": "patient-two",
                "InitialInstanceCount": 1,
                "InstanceType": "ml.m5.large",
                "ContainerStartupHealthCheckTimeoutInSeconds": 60,
            }
        ],
    )
    engine.sagemaker.update_endpoint(EndpointName="patient", EndpointConfigName="patient-two")
    until(lambda: len(engine.models("patient")) == 2)
    (old, _) = engine.models("patient")
    os.kill(old.pid, signal.SIGKILL)  # what is in force is looked after while the new one hangs
    until(lambda: engine.invoke("patient")[1] == "stable", 5)
    before, began = seconds_of_cpu(engine.process("engine")), time.monotonic()
    until(lambda: time.monotonic() - began > 20)
    assert (seconds_of_cpu(engine.process("engine")) - before) / 20 < 0.05
    found = engine.settled("patient", 80)
    assert "did not answer /ping with 200 within 60 s" in found["FailureReason"]
    assert found["EndpointConfigName"] == "patient-one"
    engine.delete("patient")


def test_a_model_that_dies_again_and_again_costs_little(own_engine: RunningEngine, short_folder: Path) -> None:
    bad = short_folder / "bad"
    source = (
        f"import os\ndef model_fn(model_dir):\n    if os.path.exists({str(bad)!r}): os._exit(1)\n"
        "def predict_fn(data, model): return {'answer': 1}\n"
    )
    url = own_engine.put_archive("mortal", lambda path: write_code(path, source))
    own_engine.deploy("mortal")
    own_engine.create_model("mortal-two", url)
    own_engine.create_config("mortal-two", ("stable", "mortal-two", 1))
    update(own_engine, "mortal", "mortal-two")
    bad.touch()
    for process in own_engine.models("mortal"):
        os.kill(process.pid, signal.SIGKILL)
    log = own_engine.home.logs / "engine.log"
    until(lambda: log.read_text().count("again") >= 6)
    before, lines, began = seconds_of_cpu(own_engine.process("engine")), len(log.read_text()), time.monotonic()
    until(lambda: time.monotonic() - began > 5)
    assert (seconds_of_cpu(own_engine.process("engine")) - before) / 5 < 0.15
    assert len(log.read_text()) - lines < 2000
    bad.unlink()
    until(lambda: answers(own_engine, "mortal"), 35)
    bad.touch()
    update(own_engine, "mortal", "mortal-one")


def answers(engine: RunningEngine, endpoint: str) -> bool:
    try:
        return engine.invoke(endpoint)[1] == "stable"
    except Exception:  # noqa: BLE001 - any failure of the client means "not yet"
        return False


def test_an_environment_that_no_process_can_have_fails_with_the_reason(engine: RunningEngine) -> None:
    engine.create_model("nul", engine.put_linear("nul"), BROKEN="a\0b")
    engine.create_config("nul", ("stable", "nul", 1))
    engine.sagemaker.create_endpoint(EndpointName="nul", EndpointConfigName="nul")
    found = engine.settled("nul")
    assert found["EndpointStatus"] == "Failed"
    assert "cannot be started" in found["FailureReason"]
    engine.delete("nul")
