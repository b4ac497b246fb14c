"""How long the command line takes to say something, beside what Python itself takes.

    python -m benchmarks.startup

Whole processes, from start to exit, in turns, so that a busy moment hits all of them alike: an interpreter that does
nothing, one that imports boto3, one that makes a SageMaker client with boto3 and one with botocore's session (as
`headgate.hosting` does), `headgate --help`, and `headgate status` against an engine that runs. What counts are the
ratios to the bare interpreter in the same run; the seconds are those of the machine.
"""

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

RESULTS = Path(__file__).parent / "results"
TURNS = 15
MOST_SECONDS = 45.0
CLIENT = "create_client('sagemaker', region_name='us-east-1', aws_access_key_id='a', aws_secret_access_key='b')"
COMMANDS = {
    "python -c pass": ["-c", "pass"],
    "import boto3": ["-c", "import boto3"],
    "a client by boto3": ["-c", f"import boto3; boto3.Session().{CLIENT.replace('create_', '')}"],
    "a client by botocore": ["-c", f"from botocore.session import Session; Session().{CLIENT}"],
    "headgate --help": ["-m", "headgate", "--help"],
    "headgate status": ["-m", "headgate", "status"],
}


def main() -> None:
    """Measure, print the table, write `results/startup.json`."""
    with tempfile.TemporaryDirectory(prefix="hg", dir="/tmp") as folder:
        environment = {**os.environ, "HEADGATE_HOME": f"{folder}/home"}
        run(["-m", "headgate", "up"], environment)
        try:
            took = measure(environment)
        finally:
            run(["-m", "headgate", "down", "--all"], environment)
    medians = {name: statistics.median(seconds) for name, seconds in took.items()}
    bare = medians["python -c pass"]
    print(f"{'whole process':24}{'median':>10}{'of python -c pass':>20}")
    for name, seconds in medians.items():
        print(f"{name:24}{seconds * 1000:7.0f} ms{seconds / bare:20.1f}")
    document = {
        "turns": min(len(seconds) for seconds in took.values()),
        "median_ms": {name: round(seconds * 1000, 1) for name, seconds in medians.items()},
        "of_python": {name: round(seconds / bare, 2) for name, seconds in medians.items()},
    }
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / "startup.json").write_text(json.dumps(document, indent=1) + "\n")


def measure(environment: dict[str, str]) -> dict[str, list[float]]:
    """Seconds of every command, in turns; the first turn only warms the file cache."""
    took: dict[str, list[float]] = {name: [] for name in COMMANDS}
    began = time.monotonic()
    for turn in range(TURNS + 1):
        if turn > 1 and time.monotonic() - began > MOST_SECONDS:
            break
        for name, words in COMMANDS.items():
            started = time.perf_counter()
            run(words, environment)
            if turn:
                took[name].append(time.perf_counter() - started)
    return took


def run(words: list[str], environment: dict[str, str]) -> None:
    """One process, which must end well."""
    subprocess.run([sys.executable, *words], env=environment, stdout=subprocess.DEVNULL, check=True)


if __name__ == "__main__":
    main()
