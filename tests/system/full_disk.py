"""A real file system that is full: project, store and home on a tmpfs of a few megabytes.

    unshare -rm python -m tests.system.full_disk FOLDER SCENARIO

Mounts the tmpfs at FOLDER, where nobody but this process and what it starts sees it, and plays one scenario; the first
thing that is not as it should be ends it with a traceback.
"""

import json
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest
import yaml
from botocore.exceptions import ClientError

from tests.serving.models import write_archive, write_code
from tests.system.command_line import ROW, CommandLine
from tests.system.engine import until

ENDPOINT = "iris-production"
SPACE = "24m"
ROOM_BYTES = 400_000
NO_ANSWER, FORBIDDEN = 4, 5
FULL_SECONDS = 12.0


@contextmanager
def full(line: CommandLine, free: int = 0) -> Iterator[None]:
    """Leave `free` bytes on the file system while the block runs."""
    filler = line.folder / "filler"
    with filler.open("wb", buffering=0) as file:
        try:
            while True:
                file.write(bytes(4096))
        except OSError:
            file.truncate(file.tell() - free)
    try:
        yield
    finally:
        filler.unlink()


def empty_log(line: CommandLine) -> None:
    """Move all of the database into its main file, so that the next write needs space for its log."""
    with closing(sqlite3.connect(line.home.database, timeout=10)) as database:
        until(lambda: database.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0] == 0)


def roomy_log(line: CommandLine) -> None:
    """Leave room in the database's log: the engine remembers what is wanted, and has no space for what it takes."""
    sagemaker, arn = line.engine.sagemaker, line.engine.describe(ENDPOINT)["EndpointArn"]
    empty_log(line)
    log = line.home.database.with_name("engine.db-wal")
    while log.stat().st_size < ROOM_BYTES:
        sagemaker.add_tags(ResourceArn=arn, Tags=[{"Key": "filler", "Value": "x" * 256}])
    with closing(sqlite3.connect(line.home.database, timeout=10)) as database:
        until(lambda: database.execute("PRAGMA wal_checkpoint(RESTART)").fetchone()[0] == 0)


def refused(line: CommandLine, *words: str) -> None:
    """On a full disk a command says so and changes nothing; with space it works."""
    with full(line):
        before, answered = line.everything(), line.answers()
        error = line.fails(NO_ANSWER, *words)
        assert "full" in error or "No space left" in error, error
        assert changed(before, line.everything()) == []
        assert line.answers() == answered
    line.run(*words)


def changed(before: dict[str, Any], after: dict[str, Any]) -> list[str]:
    """What is not as it was."""
    return [name for name in before.keys() | after.keys() if before.get(name) != after.get(name)]


def served(line: CommandLine) -> None:
    """Version 1 is behind the endpoint, and the project was changed since."""
    line.run("init", "iris", str(line.project))
    line.up()
    line.new_version()
    line.run("deploy")


def delivery(line: CommandLine) -> None:
    """Train, package, register, approve and deploy on a full disk."""
    spec = line.project / "headgate.yaml"
    spec.write_text(spec.read_text().replace("n_estimators: 100", "n_estimators: 30"))
    refused(line, "train")
    refused(line, "package")
    empty_log(line)
    refused(line, "register")
    empty_log(line)
    refused(line, "approve", "2")
    empty_log(line)
    refused(line, "deploy")
    assert f"{ENDPOINT}-v2" in line.answers()


def two_variants(line: CommandLine) -> None:
    """A canary of weight 0 beside version 1."""
    engine = line.engine
    model = engine.sagemaker.list_models(MaxResults=1)["Models"][0]["ModelName"]
    engine.create_config("both", ("stable", model, 100), ("canary", model, 0))
    engine.sagemaker.update_endpoint(EndpointName=ENDPOINT, EndpointConfigName="both")
    assert engine.settled(ENDPOINT)["EndpointConfigName"] == "both"
    until(lambda: engine.rows(ENDPOINT) == 2)


def reweigh(line: CommandLine, canary: int) -> None:
    """Ask for other weights."""
    wanted = {"stable": 100 - canary, "canary": canary}
    line.engine.sagemaker.update_endpoint_weights_and_capacities(
        EndpointName=ENDPOINT,
        DesiredWeightsAndCapacities=[{"VariantName": name, "DesiredWeight": weight} for name, weight in wanted.items()],
    )


def canary_weight(line: CommandLine) -> float:
    """The canary's weight in force, once the endpoint has settled."""
    found = {v["VariantName"]: v["CurrentWeight"] for v in line.engine.settled(ENDPOINT)["ProductionVariants"]}
    return float(found["canary"])


def not_remembered(line: CommandLine) -> None:
    """What the engine cannot remember is refused, and nothing is changed."""
    two_variants(line)
    sagemaker = line.engine.sagemaker
    first = line.engine.sagemaker.list_endpoint_configs(SortOrder="Ascending")["EndpointConfigs"][0]
    changes: list[Callable[[], object]] = [
        lambda: sagemaker.update_endpoint(EndpointName=ENDPOINT, EndpointConfigName=first["EndpointConfigName"]),
        lambda: reweigh(line, 50),
        lambda: sagemaker.delete_endpoint(EndpointName=ENDPOINT),
    ]
    for change in changes:
        empty_log(line)
        with full(line):
            before, answered = line.everything(), line.answers()
            with pytest.raises(ClientError, match=r"InternalFailure.*Is the disk full\?"):
                change()
            assert changed(before, line.everything()) == []
            assert line.answers() == answered
    reweigh(line, 50)
    assert canary_weight(line) == 50


def not_carried_out(line: CommandLine) -> None:
    """What the engine remembers but has no space to carry out waits for space, or is undone with the reason."""
    roomy_log(line)
    with full(line):
        reweigh(line, 70)
        assert json.loads(line.answers())[0] == "Updating"
    assert canary_weight(line) == 70
    line.engine.create_model("other", line.engine.put_linear("other"))
    line.engine.create_config("other", ("stable", "other", 1))
    roomy_log(line)
    with full(line):
        line.engine.sagemaker.update_endpoint(EndpointName=ENDPOINT, EndpointConfigName="other")
        found = line.engine.settled(ENDPOINT)
        assert found["EndpointConfigName"] == "both"
        assert "No space left on device" in found["FailureReason"], found
        assert line.answers()


def unpacking(line: CommandLine) -> None:
    """The file system is full in the middle of a package."""
    source = "def model_fn(model_dir): return 1\ndef predict_fn(data, model): return {'big': model}\n"

    def write(path: Path) -> None:
        folder = write_code(path.parent / "content", source)
        (folder / "ballast").write_bytes(bytes(6_000_000))
        write_archive(path, folder)
        (folder / "ballast").unlink()

    number = line.foreign_version("big", write)
    models = sorted(line.home.models.rglob("*"))
    answered = line.answers()
    with full(line, free=3_000_000):
        error = line.fails(FORBIDDEN, "deploy", "--version", str(number))
        assert "No space left on device" in error, error
        assert "went back to" in error
        assert line.answers() == answered
        left = [path for path in line.home.models.rglob("*") if path.is_file() and path not in models]
        assert left == [], left
    line.run("deploy", "--version", str(number))
    assert "big" in line.answers()


def stopped(line: CommandLine) -> None:
    """`up` on a full disk says so; with space the endpoint is back as it was."""
    answered = line.answers()
    line.down()
    with full(line):
        before = line.everything()
        error = line.fails(NO_ANSWER, "up")
        assert "full" in error or "No space left" in error, error
        assert changed(before, line.everything()) == []
    line.up()
    until(lambda: line.call("invoke", ROW).returncode == 0, 30)
    assert line.answers() == answered


def chatty(line: CommandLine) -> None:
    """A model that prints goes on answering when its words cannot be kept."""
    source = (
        "def model_fn(model_dir): return None\n"
        "def predict_fn(data, model):\n"
        "    print('x' * 10_000, flush=True)\n"
        "    return {'said': True}\n"
    )
    engine = line.engine
    folder = write_code(line.folder / "chatty", source)
    engine.create_model("chatty", engine.put_archive("chatty", lambda path: write_archive(path, folder)))
    engine.create_config("chatty", ("stable", "chatty", 1))
    engine.sagemaker.create_endpoint(EndpointName="chatty", EndpointConfigName="chatty")
    assert engine.settled("chatty")["EndpointStatus"] == "InService"
    with full(line):
        for _ in range(20):
            assert engine.invoke("chatty")[0] == {"said": True}
    assert engine.invoke("chatty")[0] == {"said": True}


def rolled_out(line: CommandLine) -> None:
    """A rollout whose log cannot be written waits; with space it goes on where it was, and is promoted."""
    spec = line.project / "headgate.yaml"
    document = yaml.safe_load(spec.read_text())
    canary = {"steps": ["50%"], "bake": "8s", "min_requests": 20}
    document["environments"]["production"]["rollout"] = [{"canary": canary}]
    document["train"]["params"]["n_estimators"] = 30
    spec.write_text(yaml.safe_dump(document))
    number = line.new_version()
    line.run("rollout", "start", "--version", str(number))
    log = line.project / ".headgate" / "rollouts" / "production" / "1"
    until(lambda: (log / "000006.json").exists(), 40, "the canary is judged")
    with full(line):
        before = sorted(log.iterdir())
        began = time.monotonic()
        until(lambda: time.monotonic() - began > FULL_SECONDS, FULL_SECONDS + 5)
        assert [path for path in sorted(log.iterdir()) if path.suffix == ".json"] == before
        freed = time.time()
    until(lambda: not line.run("rollout", "status")["open"], 60, "it ends")
    found = line.run("rollout", "status")
    assert found["outcome"] == "promoted", line.call("rollout", "history", "1").stdout
    entries = [json.loads(path.read_bytes()) for path in sorted(log.iterdir())]
    assert [entry["number"] for entry in entries] == [*range(1, len(entries) + 1)]
    assert all(entry["at"] > freed for entry in entries[len(before) :])
    assert f"{ENDPOINT}-v{number}" in line.answers()


SCENARIOS = {
    "delivery": (delivery, unpacking, stopped),
    "rollout": (rolled_out,),
    "engine": (not_remembered, not_carried_out, chatty),
}


def main(folder: Path, acts: Sequence[Callable[[CommandLine], None]]) -> None:
    """Mount, play, stop everything. Steady load must not lose a request, but where the engine is stopped."""
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={SPACE}", "tmpfs", str(folder)], check=True)
    line = CommandLine(folder)
    try:
        served(line)
        for act in acts:
            if act is stopped:
                act(line)
                continue
            with line.engine.load(ENDPOINT, rate=50, rows=[json.loads(ROW)]) as total:
                act(line)
                sent = total()
            assert sent.sent > 50
            assert sent.failed == 0, (act.__name__, sent.failures)
    finally:
        line.down()


if __name__ == "__main__":
    main(Path(sys.argv[1]), SCENARIOS[sys.argv[2]])
