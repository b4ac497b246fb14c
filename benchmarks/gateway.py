"""What the gateway costs, and what a weight change costs those who call and those who ask for it.

    python -m benchmarks.gateway

One endpoint with two variants, on an engine of its own. First its weights are changed again and again while another
process sends steady load: how many requests failed, and how long a change takes from the call until DescribeEndpoint
shows it done (and verified in the gateway by then), counted in DescribeEndpoints that change nothing. Then, without
that load, the same request goes in turns through the gateway and straight to the socket of a model server: the ratio of
the two latencies.
"""

import http.client
import itertools
import json
import shutil
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from tests.system.engine import ROW, RunningEngine

from headgate.engine.http import UnixConnection
from headgate.engine.state import State

RESULTS = Path(__file__).parent / "results"
ENDPOINT = "bench"
RATE = 200.0
CHANGE_SECONDS, MOST_CHANGES = 15.0, 300
LATENCY_SECONDS, MOST_REQUESTS = 10.0, 3_000


def main() -> None:
    """Measure, print the table, write `results/gateway.json`."""
    folder = Path(tempfile.mkdtemp(prefix="hg", dir="/tmp"))
    engine = RunningEngine(folder / "home")
    engine.start()
    try:
        two_variants(engine)
        document = changes(engine) | latencies(engine)
    finally:
        engine.stop()
        shutil.rmtree(folder)
    for name, value in document.items():
        print(f"{name.replace('_', ' '):58}{value:>12,}")
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / "gateway.json").write_text(json.dumps(document, indent=1) + "\n")


def two_variants(engine: RunningEngine) -> None:
    """The endpoint, with the same small model as two variants."""
    engine.create_model(ENDPOINT, engine.put_linear(ENDPOINT))
    engine.create_config(ENDPOINT, ("stable", ENDPOINT, 50), ("canary", ENDPOINT, 50))
    engine.sagemaker.create_endpoint(EndpointName=ENDPOINT, EndpointConfigName=ENDPOINT)
    if engine.settled(ENDPOINT)["EndpointStatus"] != "InService":
        raise SystemExit(f"the endpoint does not start: {engine.describe(ENDPOINT)}")


def changes(engine: RunningEngine) -> dict[str, float]:
    """Weight changes under load."""
    describe: list[float] = []
    change: list[float] = []
    deadline = time.monotonic() + CHANGE_SECONDS
    with engine.load(ENDPOINT, rate=RATE) as total:
        for canary in itertools.islice(itertools.cycle((10, 50, 100, 0)), MOST_CHANGES):
            if time.monotonic() > deadline:
                break
            describe.append(seconds(lambda: engine.describe(ENDPOINT)))
            change.append(seconds(lambda weight=canary: reweigh(engine, weight)))  # type: ignore[misc]
        sent = total()
    unit = statistics.median(describe)
    return {
        "requests_during_the_changes": sent.sent,
        "requests_failed": sent.failed,
        "weight_changes": len(change),
        "one_DescribeEndpoint_ms": round(unit * 1000, 2),
        "a_weight_change_in_DescribeEndpoints_median": round(statistics.median(change) / unit, 1),
        "a_weight_change_in_DescribeEndpoints_p99": round(p99(change) / unit, 1),
    }


def reweigh(engine: RunningEngine, canary: int) -> None:
    """Change the weights and wait until they are in force."""
    engine.sagemaker.update_endpoint_weights_and_capacities(
        EndpointName=ENDPOINT,
        DesiredWeightsAndCapacities=[
            {"VariantName": "stable", "DesiredWeight": 100 - canary},
            {"VariantName": "canary", "DesiredWeight": canary},
        ],
    )
    while engine.describe(ENDPOINT)["EndpointStatus"] == "Updating":
        pass
    found = {v["VariantName"]: v["CurrentWeight"] for v in engine.describe(ENDPOINT)["ProductionVariants"]}
    if found != {"stable": 100 - canary, "canary": canary}:
        raise SystemExit(f"the weights are {found}, not canary {canary}")


def latencies(engine: RunningEngine) -> dict[str, float]:
    """The same request through the gateway and straight to a model server, in turns, on connections that stay open."""
    file = engine.home.read()
    state = State(engine.home.database)
    address = state.instances(ENDPOINT)[0].address
    state.close()
    if file is None:
        raise SystemExit("the engine has gone")
    straight = UnixConnection(address.removeprefix("unix:"), 10)
    through = http.client.HTTPConnection("127.0.0.1", file.gateway_port, timeout=10)
    took: tuple[list[float], list[float]] = ([], [])
    deadline = time.monotonic() + LATENCY_SECONDS
    for turn in range(MOST_REQUESTS):
        if time.monotonic() > deadline:
            break
        one = seconds(lambda: post(straight, "/invocations"))
        other = seconds(lambda: post(through, f"/endpoints/{ENDPOINT}/invocations"))
        if turn >= 50:
            took[0].append(one)
            took[1].append(other)
    straight.close()
    through.close()
    return {
        "requests_each_way": len(took[0]),
        "straight_to_the_model_server_ms": round(statistics.median(took[0]) * 1000, 3),
        "through_the_gateway_of_straight_median": round(statistics.median(took[1]) / statistics.median(took[0]), 2),
        "through_the_gateway_of_straight_p99": round(p99(took[1]) / p99(took[0]), 2),
    }


def post(connection: http.client.HTTPConnection, path: str) -> None:
    """One prediction."""
    connection.request("POST", path, json.dumps(ROW), {"content-type": "application/json"})
    answer = connection.getresponse()
    said = answer.read()
    if answer.status != 200:
        raise SystemExit(f"{path}: {answer.status} {said.decode(errors='replace')}")


def seconds(work: Callable[[], object]) -> float:
    """How long it takes."""
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def p99(values: list[float]) -> float:
    """The 99th percentile."""
    return statistics.quantiles(values, n=100)[98]


if __name__ == "__main__":
    main()
