"""First light: two versions of a model, and traffic moved between them while clients keep calling.

What it does, by the commands that anyone would type (`headgate init`, `train`, `check`, `package`, `register`,
`approve`, `deploy`) and, for the moves, by stock boto3: an engine of its own is started in a temporary folder; version
1 of iris is trained and deployed; 50 sticky clients send 200 requests a second from a process of their own; version 2
is trained and put beside version 1 at weight 0, gets 10, 50 and 100 %, and takes its place. At the end everything is
stopped.
"""

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import boto3

HERE = Path(__file__).parent
HEADGATE = [sys.executable, "-m", "headgate"]
ENDPOINT = "iris-production"
CLIENTS, RATE = 50, 200
HOLD_SECONDS = 2.0
ROWS = [
    {"sepal_length": 5.1, "sepal_width": 3.5, "petal_length": 1.4, "petal_width": 0.2},
    {"sepal_length": 6.0, "sepal_width": 2.9, "petal_length": 4.5, "petal_width": 1.5},
    {"sepal_length": 6.9, "sepal_width": 3.1, "petal_length": 5.4, "petal_width": 2.1},
]


class Timeline:
    """Lines with the seconds since the start."""

    def __init__(self) -> None:
        self._began = time.monotonic()

    def tell(self, said: str) -> None:
        """One line."""
        print(f"{time.monotonic() - self._began:6.1f} s  {said}", flush=True)


class Load:
    """The client process, and what it has counted so far."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self._process = process
        self._last: dict[str, Any] = {"sent": 0, "failed": 0, "variants": {}}

    def next_second(self) -> dict[str, Any]:
        """Wait for the next count: what was sent since the last one."""
        assert self._process.stdout is not None
        now = json.loads(self._process.stdout.readline())
        before, self._last = self._last, now
        variants = {name: n - before["variants"].get(name, 0) for name, n in now["variants"].items()}
        return {"sent": now["sent"] - before["sent"], "failed": now["failed"], "variants": variants}

    def stop(self) -> dict[str, Any]:
        """End it; returns the sum."""
        self._process.send_signal(signal.SIGTERM)
        out, _ = self._process.communicate(timeout=90)
        found: dict[str, Any] = json.loads(out.splitlines()[-1])
        return found


def headgate(project: Path, *words: str) -> Any:
    """Run a headgate command; returns its JSON. Its error ends the demo."""
    done = subprocess.run([*HEADGATE, *words, "--json"], cwd=project, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"headgate {' '.join(words)} ended with exit code {done.returncode}:\n{done.stdout}{done.stderr}")
    return json.loads(done.stdout)


@contextmanager
def temporary_engine() -> Iterator[Path]:
    """An engine and a folder of the demo's own; both are gone afterwards, whatever happens."""
    folder = Path(tempfile.mkdtemp(prefix="headgate-demo-", dir="/tmp"))
    os.environ["HEADGATE_HOME"] = str(folder / "home")
    try:
        yield folder
    finally:
        subprocess.run([*HEADGATE, "down", "--all"], cwd=folder, capture_output=True, check=False)
        shutil.rmtree(folder)


@contextmanager
def steady_load(url: str, folder: Path) -> Iterator[Load]:
    """Clients in a process of their own."""
    rows = folder / "rows.json"
    rows.write_text(json.dumps(ROWS))
    argv = [sys.executable, str(HERE / "load.py"), url, "--rows", str(rows)]
    argv += ["--clients", str(CLIENTS), "--rate", str(RATE)]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield Load(process)
        finally:
            process.kill()


def new_version(project: Path, timeline: Timeline) -> int:
    """Train, check, package, register and approve the project as it stands."""
    headgate(project, "train")
    report = headgate(project, "check")
    package = headgate(project, "package")
    version = headgate(project, "register")
    headgate(project, "approve", str(version["version"]), "--reason", "the demo says so")
    gates = "; ".join(row["explanation"] for row in report["rows"])
    timeline.tell(f"version {version['version']} trained; gates: {gates}")
    timeline.tell(f"version {version['version']} packaged ({package['package'][:12]}), registered, approved")
    return int(version["version"])


def show_share(timeline: Timeline, load: Load, said: str) -> None:
    """Say what was done and, two seconds later, where the traffic really went."""
    timeline.tell(said)
    load.next_second()  # the second in which it was done
    deadline = time.monotonic() + HOLD_SECONDS
    while time.monotonic() < deadline:
        second = load.next_second()
    total = max(1, second["sent"])
    bars = [
        f"{name} {'█' * round(20 * n / total)} {100 * n / total:.0f} %" for name, n in second["variants"].items() if n
    ]
    timeline.tell(f"    seen: {'   '.join(bars)}   failed so far: {second['failed']}")


def move(sagemaker: Any, timeline: Timeline, load: Load, version: int) -> None:
    """Put a version beside the one that runs, give it more and more, and let it take over."""
    running = sagemaker.describe_endpoint(EndpointName=ENDPOINT)["EndpointConfigName"]
    (stable,) = sagemaker.describe_endpoint_config(EndpointConfigName=running)["ProductionVariants"]
    package = sagemaker.list_model_packages(ModelPackageGroupName="iris", SortBy="CreationTime", SortOrder="Descending")
    arn = package["ModelPackageSummaryList"][0]["ModelPackageArn"]
    sagemaker.create_model(
        ModelName=f"iris-canary-{version}",
        Containers=[{"ModelPackageName": arn}],
        ExecutionRoleArn="arn:aws:iam::000000000000:role/headgate",
    )
    canary = {**stable, "VariantName": "canary", "ModelName": f"iris-canary-{version}", "InitialVariantWeight": 0}
    sagemaker.create_endpoint_config(
        EndpointConfigName=f"iris-canary-{version}",
        ProductionVariants=[{**stable, "InitialVariantWeight": 100}, canary],
    )
    sagemaker.update_endpoint(EndpointName=ENDPOINT, EndpointConfigName=f"iris-canary-{version}")
    settle(sagemaker)
    show_share(timeline, load, f"UpdateEndpoint: version {version} runs beside the old one, at weight 0")
    for weight in (10, 50, 100):
        sagemaker.update_endpoint_weights_and_capacities(
            EndpointName=ENDPOINT,
            DesiredWeightsAndCapacities=[
                {"VariantName": "stable", "DesiredWeight": 100 - weight},
                {"VariantName": "canary", "DesiredWeight": weight},
            ],
        )
        settle(sagemaker)
        show_share(timeline, load, f"UpdateEndpointWeightsAndCapacities: canary {weight} %")


def settle(sagemaker: Any) -> None:
    """Wait until no change is under way."""
    while (found := sagemaker.describe_endpoint(EndpointName=ENDPOINT))["EndpointStatus"] == "Updating":
        time.sleep(0.05)
    if found["EndpointStatus"] != "InService" or "FailureReason" in found:
        sys.exit(f"the endpoint is {found['EndpointStatus']}: {found.get('FailureReason')}")


def main() -> int:
    """Run the demo; the exit code says whether a request failed."""
    timeline = Timeline()
    with temporary_engine() as folder:
        engine = headgate(folder, "up")
        for name, value in headgate(folder, "env")["set"].items():
            os.environ[name] = value
        timeline.tell(f"engine up: control API {engine['control_url']}, gateway {engine['gateway_url']}")
        project = folder / "iris"
        headgate(folder, "init", "iris", str(project))
        version = new_version(project, timeline)
        headgate(project, "deploy", "--version", str(version))
        answer = headgate(project, "invoke", json.dumps(ROWS[0]))
        timeline.tell(f"version {version} deployed; it answers {json.dumps(answer['body'])}")
        with steady_load(f"{engine['gateway_url']}/endpoints/{ENDPOINT}/invocations", folder) as load:
            show_share(timeline, load, f"{CLIENTS} clients send {RATE} requests a second")
            spec = project / "headgate.yaml"
            spec.write_text(spec.read_text().replace("n_estimators: 100", "n_estimators: 150"))
            version = new_version(project, timeline)
            sagemaker = boto3.client("sagemaker")
            move(sagemaker, timeline, load, version)
            headgate(project, "deploy", "--version", str(version))
            show_share(timeline, load, f"UpdateEndpoint: version {version} is the stable one")
            total = load.stop()
    timeline.tell("everything is stopped")
    print(f"\nrequests sent: {total['sent']}   failed: {total['failed']}   by variant: {total['variants']}")
    for failure in total["failures"][:20]:
        print(f"  failed: {failure['said']}")
    return 1 if total["failed"] else 0


if __name__ == "__main__":
    sys.exit(main())
