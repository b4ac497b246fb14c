"""Start the users' process, listen to it second by second, and see to it that it ends.

It has a session of its own, so that a terminal's Ctrl-C reaches us alone: we end its input, it stops and says what it
measured. A second Ctrl-C, and a process that does not end in time, kill it. Where we are killed, its input ends too.
"""

import json
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from importlib.util import find_spec
from typing import IO, Any

from headgate.errors import MissingExtra, Unavailable
from headgate.traffic.result import Result, Second
from headgate.traffic.terms import Terms

GRACE_SECONDS = 100.0
"""For its start and for what is under way when the time is over, beyond the load's own length."""


def load(terms: Terms, tell: Callable[[Second, Result], None]) -> Result:
    """Let users ask as these terms say; `tell` hears of every second, and of the sum so far.

    Ctrl-C ends it early: the result says so. Raises MissingExtra where Locust is not installed, Unavailable where the
    users' process fails.
    """
    if find_spec("locust") is None:
        raise MissingExtra("A load", "load")
    with tempfile.TemporaryFile() as words, _users(words) as process:
        timer = threading.Timer(terms.seconds + GRACE_SECONDS, process.kill)
        timer.daemon = True
        timer.start()
        try:
            return _listen(process, terms, tell, words)
        finally:
            timer.cancel()


def _listen(
    process: "subprocess.Popen[bytes]", terms: Terms, tell: Callable[[Second, Result], None], words: IO[bytes]
) -> Result:
    assert process.stdin is not None
    heard = _Heard(terms)
    with _ending_when_interrupted(process, heard):
        try:
            process.stdin.write(json.dumps(terms.to_json()).encode() + b"\n")
            process.stdin.flush()
        except BrokenPipeError:
            pass  # it ended before it had read; what it wrote says why
        for second in heard.seconds_of(process):
            tell(second, heard.result())
    if heard.ended:
        return heard.result()
    if heard.interrupted:
        raise KeyboardInterrupt
    process.kill()
    process.wait()
    words.seek(0)
    last = words.read().decode(errors="replace").strip().rpartition("\n")[2][:300]
    raise Unavailable(f"The process of the virtual users ended before its time.{f' It said: {last}' * bool(last)}")


@contextmanager
def _ending_when_interrupted(process: "subprocess.Popen[bytes]", heard: "_Heard") -> Iterator[None]:
    """Ctrl-C ends the users and not our listening. (As an exception it could come in the midst of a line.)"""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def interrupted(*_: object) -> None:
        if heard.interrupted or not heard.began or process.stdin is None:
            process.kill()
        else:
            process.stdin.close()
        heard.interrupted = True

    before = signal.signal(signal.SIGINT, interrupted)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


@contextmanager
def _users(words: IO[bytes]) -> "Iterator[subprocess.Popen[bytes]]":
    argv = [sys.executable, "-m", "headgate.traffic.users"]
    process = subprocess.Popen(
        argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=words, start_new_session=True
    )
    try:
        yield process
    finally:
        for pipe in (process.stdin, process.stdout):
            with suppress(BrokenPipeError):
                if pipe is not None:
                    pipe.close()
        try:
            process.wait(5)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


class _Heard:
    """What the users' process said so far."""

    def __init__(self, terms: Terms) -> None:
        self._terms = terms
        self.began = 0.0
        self._seconds: list[Second] = []
        self._said: dict[str, str] = {}
        self.ended = False
        self.interrupted = False

    def seconds_of(self, process: "subprocess.Popen[bytes]") -> Iterator[Second]:
        """Each second as it is told."""
        assert process.stdout is not None
        for line in process.stdout:
            told = json.loads(line)
            self.began = told.get("began", self.began)
            self.ended = self.ended or "ended" in told
            if "at" in told:
                second = self._second(told)
                if second.users or second.sent:
                    self._seconds.append(second)
                    yield second

    def _second(self, told: dict[str, Any]) -> Second:
        for kind, said in told["said"].items():
            self._said.setdefault(kind, said)
        latencies = sorted(told["latencies"])
        return Second(told["at"], told["users"], latencies, told["failures"], told["variants"])

    def result(self) -> Result:
        """The sum so far."""
        terms = self._terms
        return Result(
            terms.url, terms.users, terms.rate, self.began, tuple(self._seconds), self._said,
            interrupted=self.interrupted,
        )  # fmt: skip
