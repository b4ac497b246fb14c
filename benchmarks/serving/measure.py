"""Servers in turns: start, ask from 64 connections and from 16, look at memory, ask for a file, stop; again."""

import csv
import io
import json
import os
import shutil
import statistics
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.serving import install, limit, processes
from benchmarks.serving.load import Load, Plan, Question
from benchmarks.serving.model import ASKED, FEATURES, Model
from benchmarks.serving.results import Figures
from benchmarks.serving.running import DoesNotStart, Place, Running, on_core, prepare
from benchmarks.serving.servers import Server, post
from benchmarks.serving.texts import Texts

MANY, FEW = 64, 16
TOLERANCE = 1e-3
"""Answers are about 70; float32 sums in another order are up to 0.00003 apart."""
WARM_UP = 0.5
OUTPUT_AND_ERROR = 800


@dataclass(frozen=True, slots=True)
class Bench:
    """The models, a folder for what is written meanwhile, and how long to look."""

    model: Model
    texts: Texts
    folder: Path
    seconds: float
    program: Path | None
    failed: dict[str, str] = field(default_factory=dict)
    """Servers that are left out, and why."""

    @classmethod
    def make(cls, model: Model, texts: Texts, folder: Path, seconds: float) -> "Bench":
        """With the C server, where there is a compiler."""
        return cls(model, texts, folder, seconds, limit.build(model.booster, FEATURES, folder))

    def rounds(self, servers: Sequence[Server], rounds: int, said: Callable[[str], None]) -> dict[str, Figures]:
        """The medians of so many rounds of those servers that work."""
        ready = [server for server in servers if self._prepared(server)]
        samples: dict[str, list[dict[str, float]]] = {}
        for turn in range(rounds):
            for server in ready:
                if server.name not in self.failed:
                    said(f"{turn + 1}/{rounds} {server.title}")
                    try:
                        samples.setdefault(server.name, []).append(dict(self._sample(server)))
                    except DoesNotStart as error:
                        self.failed[server.name] = str(error)
        return {s.name: figures(s, samples[s.name]) for s in ready if s.name not in self.failed}

    def _prepared(self, server: Server) -> bool:
        if server.name == "limit" and self.program is None:
            self.failed[server.name] = "there is no C compiler (cc)"
        elif server.environment and not install.ready(server.environment):
            self.failed[server.name] = "not installed (--install)"
        else:
            try:
                prepare(server, self._place(server))
            except DoesNotStart as error:
                self.failed[server.name] = str(error)
        return server.name not in self.failed

    def _place(self, server: Server) -> Place:
        words = {
            "bin": str(install.programs(server.environment)),
            "peers": str(install.PEERS),
            "folder": str(self.folder / server.name),
            "base": str(self.model.base),
            "texts": str(self.texts.base),
            "limit": str(self.program),
        }
        foreign = ("PYTHONPATH", "HEADGATE_", "SAGEMAKER_") if server.kind == "peer" else ("HEADGATE_", "SAGEMAKER_")
        environment = {name: value for name, value in os.environ.items() if not name.startswith(foreign)}
        environment |= {"MODEL": str(self.model.booster), "FEATURES": ",".join(FEATURES)}
        environment["PATH"] = f"{words['bin']}:{environment['PATH']}"
        return Place(words, environment, cores()[0])

    def _sample(self, server: Server) -> Iterator[tuple[str, float]]:
        """One server, once. Raises DoesNotStart, also where an answer is wrong."""
        questions = [question(server, row, value) for row, value in self._asked(server)]
        with Running(server, self._place(server), questions[0]["request"].encode("latin-1")) as running:
            yield "cold_start_s", running.cold_start
            many = self._load(running, questions, connections=MANY)
            yield "cpu_us", many["cpu_seconds"] / many["requests"] * 1e6
            yield "requests_per_second", many["requests"] / many["seconds"]
            yield "busy", many["cpu_seconds"] / many["seconds"]
            yield "p50_us", many["p50_us"]
            yield "p99_us", many["p99_us"]
            few = self._load(running, questions, connections=FEW)
            yield "p50_us_at_16", few["p50_us"]
            yield "p99_us_at_16", few["p99_us"]
            memory = processes.memory(running.root)
            yield "rss_mb", memory.largest_rss / 1e6
            yield "pss_mb", memory.total_pss / 1e6
            if server.table:
                table = self._load(running, [self._table(server)], connections=1, table=True)
                yield "csv_ms", table["cpu_seconds"] / table["requests"] * 1e3
        shutil.rmtree(self.folder / server.name / "capture", ignore_errors=True)

    def _asked(self, server: Server) -> Iterator[tuple[str | list[float], str | float]]:
        if server.kind == "text":
            return zip(self.texts.texts, self.texts.labels, strict=True)
        return zip(self.model.X[:ASKED].tolist(), self.model.y[:ASKED].tolist(), strict=True)

    def _table(self, server: Server) -> Question:
        """All rows as one CSV file."""
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(FEATURES)
        writer.writerows(self.model.X.tolist())
        request = post(server.url, "text/csv", text.getvalue().encode())
        return {"request": request.decode("latin-1"), "values": self.model.y.tolist()}

    def _load(self, running: Running, questions: list[Question], *, connections: int, table: bool = False) -> Load:
        server = running.server
        plan: Plan = {
            "port": running.port,
            "root": running.root,
            "questions": questions,
            "path": list((table and server.table) or server.answer),
            "tolerance": TOLERANCE,
            "connections": connections,
            "warm_up": WARM_UP,
            "seconds": self.seconds,
        }
        file = self.folder / server.name / "plan.json"
        file.write_text(json.dumps(plan))
        with on_core(cores()[1]):
            words = [sys.executable, "-m", "benchmarks.serving.load", str(file)]
            done = subprocess.run(words, capture_output=True, text=True, check=False)
        if done.returncode:
            raise DoesNotStart(f"{done.stderr[-OUTPUT_AND_ERROR:].strip()} {running.log()[-OUTPUT_AND_ERROR:]}".strip())
        load: Load = json.loads(done.stdout)
        return load


def question(server: Server, row: str | list[float], expected: str | float) -> Question:
    """One row as this server takes it."""
    return {"request": server.request(row).decode("latin-1"), "values": [expected]}


def figures(server: Server, samples: Sequence[dict[str, float]]) -> Figures:
    """The medians."""
    medians = {name: round(statistics.median(sample[name] for sample in samples), 4) for name in samples[0]}
    return {"title": server.title, "kind": server.kind, **medians}  # type: ignore[typeddict-item]


def cores() -> tuple[int | None, int | None]:
    """The server's core and the load's; none where there is only one."""
    allowed = sorted(os.sched_getaffinity(0))
    return (allowed[0], allowed[1]) if len(allowed) > 1 else (None, None)
