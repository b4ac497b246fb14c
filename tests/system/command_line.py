"""The command line in a home and a project of its own, and everything it could have changed."""

import hashlib
import json
import os
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

from headgate.engine.home import Home
from headgate.engine.processes import Processes
from headgate.engine.supervisor import Lock
from tests.system.engine import RunningEngine, free_port

INHERITED = ("PATH", "PYTHONPATH", "LANG", "TMPDIR")
ROW = '{"sepal_length": 5.1, "sepal_width": 3.5, "petal_length": 1.4, "petal_width": 0.2}'
TABLES = ("resources", "endpoints", "instances", "tags")


class CommandLine:
    """`python -m headgate` below `folder`: the home in `home`, the project in `iris`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.project = folder / "iris"
        self.home = Home(folder / "home")
        inherited = {name: os.environ[name] for name in INHERITED if name in os.environ}
        self.environment = {**inherited, "HOME": str(folder), "HEADGATE_HOME": str(self.home.path)}

    def call(self, *words: str, cwd: Path | None = None) -> "subprocess.CompletedProcess[str]":
        """Run one command, in the project where there is one."""
        here = cwd or (self.project if self.project.is_dir() else self.folder)
        argv = [sys.executable, "-m", "headgate", *words]
        return subprocess.run(
            argv, cwd=here, env=self.environment, capture_output=True, text=True, check=False, timeout=110
        )

    def run(self, *words: str) -> Any:
        """Run one command, which must end well; returns its JSON."""
        done = self.call(*words, "--json")
        assert done.returncode == 0, f"{words}: {done.stdout}\n{done.stderr}"
        return json.loads(done.stdout)

    def fails(self, code: int, *words: str, cwd: Path | None = None) -> str:
        """Run one command, which must end with `code` and one clear error; returns the error."""
        done = self.call(*words, cwd=cwd)
        said = done.stdout + done.stderr
        assert done.returncode == code, f"{words} ended with {done.returncode}, not {code}:\n{said}"
        assert "Traceback" not in said
        assert "Internal error" not in said
        errors = [line for line in done.stderr.splitlines() if line.startswith("error: ")]
        assert len(errors) == 1, said
        assert "hint: " in done.stderr, said
        return done.stderr[done.stderr.index("error: ") :]

    def up(self) -> None:
        """Start the engine, on free ports the first time."""
        ports = ["--port", str(free_port()), "--gateway-port", str(free_port())]
        self.run("up", *(ports if self.home.read() is None else []))

    def down(self) -> None:
        """Stop everything, and check that nothing of it is left."""
        self.run("down", "--all")
        processes = Processes(self.home.processes)
        assert [name for name in processes.names() if processes.find(name)] == []
        assert Lock(self.home.supervisor_lock).holder() is None

    def new_version(self, trees: int | None = None) -> int:
        """Train, package, register and approve; returns the version's number."""
        if trees:
            spec = self.project / "headgate.yaml"
            head, _, tail = spec.read_text().partition("n_estimators: ")
            spec.write_text(f"{head}n_estimators: {trees}{tail[tail.index(',') :]}")
        self.run("train")
        self.run("package")
        number = self.run("register")["version"]
        self.run("approve", str(number))
        return int(number)

    @property
    def engine(self) -> RunningEngine:
        """The engine of this home, for stock clients."""
        return RunningEngine(self.home.path)

    def answers(self) -> str:
        """What the endpoint answers, and from which config."""
        body = self.run("invoke", ROW)["body"]
        (endpoint,) = [e for e in self.run("status")["endpoints"] if e["name"] == f"{self.project.name}-production"]
        return json.dumps([endpoint["status"], endpoint["config_name"], body])

    def foreign_version(self, name: str, write: Callable[[Path], object]) -> int:
        """A version of the project that stock boto3 registered and approved, its package written by `write`."""
        sagemaker, group = self.engine.sagemaker, self.project.name
        groups = sagemaker.list_model_package_groups(NameContains=group)["ModelPackageGroupSummaryList"]
        if group not in [found["ModelPackageGroupName"] for found in groups]:
            sagemaker.create_model_package_group(ModelPackageGroupName=group)
        container = {"Image": "headgate-serving", "ModelDataUrl": self.engine.put_archive(name, write)}
        answer = sagemaker.create_model_package(
            ModelPackageGroupName=group,
            ModelApprovalStatus="Approved",
            InferenceSpecification={
                "Containers": [container],
                "SupportedContentTypes": ["application/json"],
                "SupportedResponseMIMETypes": ["application/json"],
            },
        )
        return int(answer["ModelPackageArn"].rpartition("/")[2])

    def everything(self) -> dict[str, Any]:
        """All that a command could have changed: every file of project and home by content, every row of the engine.

        Logs, records of processes and evidence change by themselves, and the database's files stand for their rows.
        """
        by_itself = ("engine.db", "evidence.db", "attempts.jsonl")
        found: dict[str, Any] = {}
        for path in sorted([*self.project.rglob("*"), *self.home.path.rglob("*")]):
            own = path.relative_to(self.folder)
            passing = own.parts[:2] in (("home", "logs"), ("home", "processes")) or own.name.startswith(by_itself)
            if path.is_file() and not passing:
                found[str(own)] = hashlib.sha256(path.read_bytes()).hexdigest()
        if self.home.database.exists():
            with closing(sqlite3.connect(f"file:{self.home.database}?mode=ro", uri=True)) as database:
                for table in TABLES:
                    found[table] = database.execute(f"SELECT * FROM {table} ORDER BY 1, 2").fetchall()
        return found
