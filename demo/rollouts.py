"""The demo: four versions of a model, one after the other, under the traffic of 500 clients.

Everything is done by the commands that anyone would type. Version 1 is deployed; version 2 has more trees, and the
judge promotes it. Version 3 is spoilt: its code raises at flowers larger than any held-out row, of which every client
sends one now and then. Version 4 takes 30 ms longer. Both pass the gates, and both are rolled back by themselves; no
caller may see an error.

The exit code is 0 only if all of that came true.
"""

import json
import sys
from pathlib import Path
from typing import Any

from outcomes import LEGEND, Outcome, deviations, read, table
from stage import HERE, Failed, Load, Stage, Timeline, own_engine, steady_load

CLIENTS, RATE = 500, 300
LIMIT = 90.0
"""Seconds after which a rollout is no longer waited for."""
ROWS: list[dict[str, float]] = [
    {"sepal_length": 5.1, "sepal_width": 3.5, "petal_length": 1.4, "petal_width": 0.2},
    {"sepal_length": 6.0, "sepal_width": 2.9, "petal_length": 4.5, "petal_width": 1.5},
    {"sepal_length": 6.9, "sepal_width": 3.1, "petal_length": 5.4, "petal_width": 2.1},
]
LARGE = {"sepal_length": 11.2, "sepal_width": 4.9, "petal_length": 9.4, "petal_width": 3.8}
"""A flower larger than any that was measured: one in twenty requests of each client."""
EXPECTED = {
    2: ("promoted", "the evidence let it pass"),
    3: ("rolled back", "errors"),
    4: ("rolled back", "latency"),
}


def main() -> int:
    """Run the demo; returns the exit code."""
    timeline = Timeline()
    try:
        with own_engine(timeline) as stage:
            outcomes, total, config = play(stage)
    except Failed as error:
        print(f"\nThe demo cannot go on: {error}")
        return 1
    except KeyboardInterrupt:
        print("\nInterrupted; everything is stopped.")
        return 130
    problems = deviations(outcomes, EXPECTED, total)
    if "-v2-" not in config:
        problems.append(f"the endpoint was to end on version 2; it ended on config {config}")
    problems += [f"no process was to be left; {process.name} ({process.pid}) is" for process in stage.left]
    left = len(stage.left) or "none"
    timeline.tell(f"{stage.started} processes of the engine and the clients' one were started; {left} is left")
    print(f"\nrequests sent: {total['sent']:,}   failed: {total['failed']:,}\n")
    print("\n".join(table(outcomes)), LEGEND, sep="\n\n", end="\n\n")
    print("\n".join(f"not as it should be: {said}" for said in problems) or "Everything went as it should.")
    return 1 if problems else 0


def play(stage: Stage) -> tuple[list[Outcome], dict[str, Any], str]:
    """The play itself. Returns how each rollout ended, what the clients counted, and the config at the end."""
    stage.timeline.title("An engine of the demo's own, in a temporary folder")
    engine = stage.type("up", came=lambda up: f"API {up['control_url']}, gateway {up['gateway_url']}")
    stage.type("init", "iris", "iris", came=lambda _: "a project with its headgate.yaml")
    spec = stage.project / "headgate.yaml"
    edit(spec, "bake: 30s", "bake: 10s")
    edit(spec, "min_requests: 300", "min_requests: 200")
    edit(spec, "\nenvironments:", "\npackage: {code: code}\n\nenvironments:")
    write_code(stage)
    stage.timeline.tell("headgate.yaml: shorter bakes; code/inference.py answers with a flower's kind and size")
    stage.timeline.title("Version 1: 100 trees")
    new_version(stage, train=True)
    stage.type("deploy", came=lambda done: f"{done['endpoint']} is InService")
    url = f"{engine['gateway_url']}/endpoints/iris-production/invocations"
    with steady_load(stage, url, rows(), clients=CLIENTS, rate=RATE) as load:
        load.next_second()
        stage.timeline.tell(
            f"{CLIENTS} clients send {RATE} requests a second from now on; one in twenty is a flower larger than any "
            "that was measured"
        )
        outcomes = [more_trees(stage, load), with_a_bug(stage, load), slower(stage, load)]
        stage.timeline.title("The end")
        status = stage.type("status", came=lambda found: f"{found['endpoints'][0]['config_name']} is in force")
        total = load.stop()
    stage.type("down", "--all", came=lambda _: "engine, gateway and model servers are stopped")
    return outcomes, total, str(status["endpoints"][0]["config_name"])


def more_trees(stage: Stage, load: Load) -> Outcome:
    """Version 2, which is as good as version 1."""
    stage.timeline.title("Version 2: 150 trees")
    edit(stage.project / "headgate.yaml", "n_estimators: 100", "n_estimators: 150")
    return roll_out(stage, load, new_version(stage, train=True), "150 trees")


def with_a_bug(stage: Stage, load: Load) -> Outcome:
    """Version 3, which raises at flowers larger than any that was measured."""
    new = '("small", "medium", "large")[int(petal_length / 3)]'
    stage.timeline.title(f"Version 3: its code has a bug: {new}")
    edit(write_code(stage), '"small" if petal_length < 3 else "medium" if petal_length < 6 else "large"', new)
    return roll_out(stage, load, new_version(stage, train=False), "a bug")


def slower(stage: Stage, load: Load) -> Outcome:
    """Version 4, which takes 30 ms longer."""
    stage.timeline.title("Version 4: its code takes 30 ms longer")
    code = write_code(stage)
    edit(code, "from typing", "import time\nfrom typing")
    edit(code, '    return "small"', '    time.sleep(0.03)\n    return "small"')
    return roll_out(stage, load, new_version(stage, train=False), "30 ms slower")


def new_version(stage: Stage, *, train: bool) -> int:
    """Train (where more than code has changed), check, package, register and approve the project as it stands."""
    if train:
        stage.type("train", came=lambda run: f"{run['rows_train']} rows to learn from, {run['rows_test']} held out")
    stage.type("check", came=lambda report: "; ".join(row["explanation"] for row in report["rows"]))
    stage.type(
        "package",
        came=lambda made: f"{made['bytes']:,} bytes; ONNX and trained model agree on {made['parity']['rows']} rows",
    )
    number = str(stage.type("register", came=lambda version: f"version {version['version']}")["version"])
    stage.type("approve", number, came=lambda version: str(version["status"]))
    return int(number)


def roll_out(stage: Stage, load: Load, version: int, news: str) -> Outcome:
    """Roll a version out and follow it to its end."""
    load.telling = True
    stage.watch("rollout", "start", "--version", str(version), "--watch", limit=LIMIT)
    load.calm_down()
    load.telling = False
    return read(stage.run("rollout", "history", str(version - 1)), news)


def rows() -> list[object]:
    """What each client sends in turn: twenty flowers, one of which is larger than any that was measured."""
    return [*(ROWS[i % len(ROWS)] for i in range(19)), LARGE]


def write_code(stage: Stage) -> Path:
    """Give the project its code as it was meant to be."""
    path = stage.project / "code" / "inference.py"
    path.parent.mkdir(exist_ok=True)
    path.write_bytes((HERE / "inference.py").read_bytes())
    return path


def edit(path: Path, old: str, new: str) -> None:
    """Change a file of the project."""
    text = path.read_text()
    if old not in text:
        raise Failed(f"{path.name} has no {json.dumps(old)}.")
    path.write_text(text.replace(old, new))


if __name__ == "__main__":
    sys.exit(main())
