"""What the demo stands on: an engine in a folder of its own, the timeline, commands, traffic, and who was started.

Everything that is started here is gone when `own_engine` is left, however it is left: at the end, by an error, by
Ctrl-C or by SIGTERM.
"""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import textwrap
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any

from headgate.engine.home import Home
from headgate.engine.processes import Process, Processes, alive
from headgate.engine.supervisor import Lock

HERE = Path(__file__).parent
HEADGATE = [sys.executable, "-m", "headgate"]
WIDTH = 100
INDENT = 10
COMMAND_WIDTH = 27
CLOCK = re.compile(r"^\d\d:\d\d:\d\d  ")
BEGINNING = re.compile(r"(wait until somebody|start the canary|give the) .* \.\.\.$|the canary may go on$")
"""What is left out of what a rollout says: beginnings of which the end is told as well."""


class Failed(Exception):
    """The demo cannot go on."""


class Timeline:
    """Lines with the seconds since the start; safe to call from several threads."""

    def __init__(self) -> None:
        self._began = time.monotonic()
        self._lock = threading.Lock()

    @property
    def seconds(self) -> float:
        """How long it has been."""
        return time.monotonic() - self._began

    def title(self, said: str) -> None:
        """What the next lines are about."""
        with self._lock:
            print(f"\n{' ' * INDENT}{said}", flush=True)

    def tell(self, said: str, *, indent: int = 0) -> None:
        """One thing that happened; what is longer than a line goes on below."""
        with self._lock:
            print(self._stamp() + " " * indent + _wrapped(said, INDENT + indent), flush=True)

    def began(self, command: str) -> None:
        """A command is running: the line is open until `came`."""
        print(f"{self._stamp()}{command:<{COMMAND_WIDTH}}", end="", flush=True)

    def came(self, said: str) -> None:
        """What came of the command."""
        print(_wrapped(said, INDENT + COMMAND_WIDTH), flush=True)

    def _stamp(self) -> str:
        return f"{self.seconds:6.1f} s".ljust(INDENT)


def _wrapped(said: str, indent: int) -> str:
    return f"\n{' ' * indent}".join(textwrap.wrap(said, WIDTH - indent, break_long_words=False))


class Stage:
    """A folder with an engine of its own, and the project in it."""

    def __init__(self, folder: Path, timeline: Timeline) -> None:
        self.folder = folder
        self.project = folder / "iris"
        self.timeline = timeline
        self._home = Home(folder / "home")
        self._environment = {**os.environ, "HEADGATE_HOME": str(self._home.path)}
        self._started: dict[tuple[int, str], Process] = {}

    def run(self, *words: str) -> Any:
        """Run a headgate command, without a word about it; returns its JSON. Raises Failed with its error."""
        done = subprocess.run(
            [*HEADGATE, *words, "--json"],
            cwd=self.project if self.project.is_dir() else self.folder,
            env=self._environment,
            capture_output=True,
            text=True,
            check=False,
        )
        self.note()
        if done.returncode:
            raise Failed(f"`headgate {' '.join(words)}` ended with {done.returncode}.\n{done.stdout}{done.stderr}")
        return json.loads(done.stdout)

    def type(self, *words: str, came: Callable[[Any], str]) -> Any:
        """Run a headgate command, and say what came of it."""
        self.timeline.began(f"$ headgate {' '.join(words)}")
        try:
            document = self.run(*words)
        except BaseException:
            self.timeline.came("")
            raise
        self.timeline.came(came(document))
        return document

    def watch(self, *words: str, limit: float) -> None:
        """Run a headgate command that goes on for a while, at most `limit` seconds, and pass on what it says."""
        self.timeline.tell(f"$ headgate {' '.join(words)}")
        argv = [*HEADGATE, *words]
        with subprocess.Popen(
            argv, cwd=self.project, env=self._environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        ) as process:
            timer = threading.Timer(limit, process.terminate)
            timer.start()
            try:
                assert process.stdout is not None
                for line in process.stdout:
                    said = CLOCK.sub("", line.rstrip())
                    if not BEGINNING.match(said):
                        self.timeline.tell(said, indent=2)
            finally:
                timer.cancel()
                process.kill()

    def note(self) -> None:
        """Remember which processes run now, by the engine's own records."""
        processes = Processes(self._home.processes)
        found = [Lock(self._home.supervisor_lock).holder(), *map(processes.find, processes.names())]
        self._started |= {(process.pid, process.started): process for process in found if process is not None}

    def stop(self) -> None:
        """Stop everything that the engine started."""
        self.note()
        argv = [*HEADGATE, "down", "--all"]
        subprocess.run(
            argv, cwd=self.folder, env=self._environment, capture_output=True, check=False, start_new_session=True
        )

    @property
    def started(self) -> int:
        """How many processes the engine was seen to have started."""
        return len(self._started)

    @property
    def left(self) -> list[Process]:
        """Those that still run."""
        return [process for process in self._started.values() if alive(process)]


class Load:
    """The clients' process. What it counts comes every second, to a thread of its own."""

    def __init__(self, process: "subprocess.Popen[str]", stage: Stage) -> None:
        self._process = process
        self._stage = stage
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._news = threading.Condition()
        self._sum: dict[str, Any] = {"sent": 0, "failed": 0, "variants": {}}
        self._share = 0.0
        self._told = (0.0, 0.0)
        self.telling = False
        """Whether to say, now and then, how much of the traffic the canary answers."""
        self._thread.start()

    def next_second(self) -> None:
        """Wait for the next count. Raises Failed where none comes."""
        with self._news:
            if not self._news.wait(20) or not self._sum["sent"]:
                raise Failed("The clients do not send anything.")

    def calm_down(self) -> None:
        """Wait until the canary answers nothing any more, and that was told."""
        for _ in range(5):
            self.next_second()
            if not self._share:
                return

    def stop(self) -> dict[str, Any]:
        """End it; returns the sum."""
        self._process.send_signal(signal.SIGTERM)
        self._thread.join(90)
        return self._sum

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            now = json.loads(line)
            canary, sent = (_canary(now) - _canary(self._sum), now["sent"] - self._sum["sent"])
            with self._news:
                self._sum = now
                self._tell(canary / sent if sent else 0.0, sent)
                self._news.notify_all()
            self._stage.note()

    def _tell(self, share: float, sent: int) -> None:
        steady, self._share = abs(share - self._share) < 0.15, share
        now, (at, told) = self._stage.timeline.seconds, self._told
        news = abs(share - told) > 0.05 or (share == 0) != (told == 0) or (share > 0 and now - at > 5)
        if not self.telling or not steady or not news or 0 < share < 0.04:
            return
        self._told = now, share
        bar = ("█" * round(20 * share)).ljust(20, "·")
        said = f"{bar} the canary answers {share:3.0%} of {sent} requests/s; failed so far: {self._sum['failed']}"
        self._stage.timeline.tell(said, indent=2)


def _canary(count: dict[str, Any]) -> int:
    return int(count["variants"].get("canary", 0))


@contextmanager
def own_engine(timeline: Timeline) -> Iterator[Stage]:
    """A folder in which an engine can be started; afterwards engine and folder are gone."""
    folder = Path(tempfile.mkdtemp(prefix="headgate-demo-", dir="/tmp"))  # sockets need short paths
    stage = Stage(folder, timeline)
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _interrupt)
    try:
        yield stage
    finally:
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, lambda *_: None)  # one Ctrl-C is enough; the rest would leave things behind
        stage.stop()
        shutil.rmtree(folder)


@contextmanager
def steady_load(stage: Stage, url: str, rows: list[object], *, clients: int, rate: int) -> Iterator[Load]:
    """Clients in a process of their own."""
    file = stage.folder / "rows.json"
    file.write_text(json.dumps(rows))
    argv = [sys.executable, str(HERE / "load.py"), url, "--rows", str(file)]
    argv += ["--clients", str(clients), "--rate", str(rate)]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield Load(process, stage)
        finally:
            process.kill()


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt
