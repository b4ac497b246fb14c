"""Figures are those of a naive fold over all attempts, whatever order things happen in, and whoever is killed."""

import random
import signal
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from headgate.core.files import write_atomic
from headgate.engine.evidence.attempts import Attempt
from headgate.engine.evidence.evidence import Evidence
from tests.engine.evidence.attempts import (
    UNITS,
    VARIANTS,
    Clock,
    Gateway,
    an_attempt,
    figures,
    line,
    naive_figures,
    read,
)  # fmt: skip
from tests.engine.evidence.follow import EVERY_QUESTION, opened
from tests.system.engine import ROOT

START = 1_000

happenings = st.fixed_dictionaries(
    {
        "age": st.floats(0, 1.9),
        "variant": st.sampled_from(VARIANTS),
        "client": st.none() | st.integers(0, 5),
        "status": st.sampled_from([200, 200, 404, 500, 0]),
        "microseconds": st.integers(0, 6),
        "retried": st.none() | st.sampled_from([200, 500]),
        "randomised": st.sampled_from([True, True, True, False]),
    }
)
moves = st.one_of(
    st.lists(happenings, min_size=1, max_size=8),
    st.floats(0.1, 4).map(lambda seconds: ("pass", seconds)),
    st.tuples(st.integers(-5, 20), st.integers(0, 10), st.integers(-5, 20), st.integers(0, 6)),
    st.sampled_from(["read", "restart", "gateway down", "gateway up"]),
)


@dataclass
class World:
    """A gateway, its evidence, and all that was ever written."""

    folder: Path
    clock: Clock
    gateway: Gateway
    written: list[Attempt]
    evidence: Evidence

    def open(self) -> None:
        """A new engine."""
        self.evidence.close()
        self.evidence = self.made()

    def made(self) -> Evidence:
        """Files of a few lines, so that they are renamed and removed all the time."""
        path = self.folder / "attempts.jsonl"
        return Evidence(
            path, self.folder / "evidence.db", read, self.gateway.reopen, now=self.clock, rotate_at=600, quiet=0
        )  # fmt: skip

    def write(self, happening: dict[str, object]) -> None:
        """One request, with its second attempt where the first failed and there is to be one."""
        values = dict(happening)
        age, retried = values.pop("age"), values.pop("retried")
        assert isinstance(age, float)
        values["request"] = 1000 + len(self.written)
        attempts = [an_attempt(self.clock.now - age, **values)]  # type: ignore[arg-type]
        if attempts[0].failed and retried is not None:
            values |= {"number": 2, "status": retried}
            attempts.append(an_attempt(self.clock.now, **values))  # type: ignore[arg-type]
        self.written += attempts
        self.gateway.write(attempts)

    def check(self, start: int, length: int, since: int, microseconds: float) -> None:
        """Every figure is the naive one."""
        first, last, since = START + start, START + start + length, START + since
        found = figures(self.evidence, first, last, since, microseconds)
        assert found == naive_figures(self.written, first, last, since, microseconds)
        middle = first + length // 2
        parts = (
            figures(self.evidence, first, middle, since, microseconds),
            figures(self.evidence, middle, last, since, microseconds),
        )
        assert found == {name: parts[0][name] | parts[1][name] for name in found}
        if first <= since:
            seen, failing, slow = (
                sum(sum(found[f"{metric} {variant}"].values()) for variant in VARIANTS) for metric in UNITS
            )
            assert max(failing, slow) <= seen

    def move(self, move: object) -> None:
        """Whatever happens next."""
        match move:
            case "read":
                self.evidence.read()
            case "restart":
                self.open()
            case "gateway down" | "gateway up":
                self.gateway.up = move == "gateway up"
            case ("pass", float(seconds)):
                self.clock.now += seconds
            case (int(start), int(length), int(since), int(microseconds)):
                self.check(start, length, since, microseconds)
            case list(happened):
                for happening in happened:
                    self.write(happening)


@pytest.mark.slow
@given(st.lists(moves, max_size=40))
@settings(max_examples=150)
def test_figures_are_those_of_a_naive_fold(happened: Sequence[object]) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        gateway = Gateway(folder / "attempts.jsonl")
        clock = Clock(START + 0.5)
        first = Evidence(gateway.path, folder / "evidence.db", read, gateway.reopen, now=clock)
        world = World(folder, clock, gateway, [], first)
        try:
            for move in happened:
                world.move(move)
            world.check(-5, 300, 0, 3)
            world.open()
            world.check(-5, 300, 0, 3)
        finally:
            world.evidence.close()
            gateway.close()


@given(st.lists(st.tuples(st.floats(-20, 0), st.booleans()), max_size=40))
@settings(max_examples=60)
def test_late_lines_count_once_and_closed_seconds_stay(happened: Sequence[tuple[float, bool]]) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        gateway = Gateway(folder / "attempts.jsonl")
        clock = Clock(START)
        first = Evidence(gateway.path, folder / "evidence.db", read, gateway.reopen, now=clock)
        world = World(folder, clock, gateway, [], first)
        told: dict[int, int] = {}
        try:
            for number, (age, restart) in enumerate(happened):
                clock.now += 0.7
                gateway.write([an_attempt(clock.now + age, client=number, request=number)])
                if restart:
                    world.open()
                found = world.evidence.series("UnitsSeen", "iris", "stable", start=START - 100, end=START + 200)
                assert sum(found.values()) == number + 1
                closed = int(clock.now) - 2
                assert {second: count for second, count in told.items() if second < closed} == {
                    second: count for second, count in found.items() if second < closed and second in told
                }
                told = {second: found.get(second, 0) for second in range(START - 100, closed)}
                told = {second: count for second, count in told.items() if count}
        finally:
            world.evidence.close()
            gateway.close()


def traffic(chance: random.Random, now: float) -> list[Attempt]:
    """What a quarter of a second brings, in the order of the log: not quite that of time."""
    found = []
    for _ in range(40):
        client = chance.choice([None, *range(30)])
        status = chance.choice([200] * 8 + [404, 500])
        values = {"variant": chance.choice(VARIANTS), "client": client, "request": chance.getrandbits(64)}
        microseconds = chance.randrange(1, 20_000)
        found.append(an_attempt(now - chance.random() * 1.5, status=status, microseconds=microseconds, **values))
        if status == 500 and chance.random() < 0.5:
            found.append(an_attempt(now, number=2, microseconds=microseconds, **values))
    return found


@pytest.mark.slow
def test_a_kill_at_any_moment_loses_nothing_and_doubles_nothing(short_folder: Path) -> None:
    chance, written, now = random.Random(7), list[Attempt](), 1000.0
    clock, path = short_folder / "clock", short_folder / "attempts.jsonl"
    write_atomic(clock, str(now).encode())
    for _ in range(25):
        child = subprocess.Popen(
            [sys.executable, "-m", "tests.engine.evidence.follow", str(short_folder)], stdout=subprocess.PIPE, cwd=ROOT
        )
        assert child.stdout is not None
        assert child.stdout.readline() == b"ready\n"
        for _ in range(chance.randrange(1, 12)):
            now += 0.25
            attempts = traffic(chance, now)
            written += attempts
            with path.open("ab") as file:
                file.write(b"".join(map(line, attempts)))
            write_atomic(clock, str(now).encode())
        with pytest.raises(subprocess.TimeoutExpired):
            child.wait(chance.random() * 0.05)
        child.send_signal(signal.SIGKILL)
        child.wait()
        child.stdout.close()
    evidence = opened(short_folder)
    try:
        for start, end, since, microseconds in EVERY_QUESTION:
            assert figures(evidence, start, end, since, microseconds) == naive_figures(
                written, start, end, since, microseconds
            )
        latency = evidence.latencies("iris", "stable", start=900, end=2000)
        own = [a.microseconds for a in written if a.variant == "stable" and a.microseconds is not None]
        assert (latency.count, latency.sum, latency.minimum, latency.maximum) == (
            len(own),
            sum(own),
            min(own),
            max(own),
        )
    finally:
        evidence.close()
