"""Requests of one turn."""

import asyncio
import json
import threading
from collections.abc import Sequence
from pathlib import Path

import pytest

from headgate.serving.turn import FEW, MOST, Turn
from tests.serving.models import write_package
from tests.serving.process import running
from tests.serving.wire import post, read_all

Answered = list[tuple[list[int], list[str]]]


def collecting(most: int = MOST) -> tuple[Turn[int, str], Answered]:
    answered: Answered = []

    def answer(rows: Sequence[int], asked: Sequence[str]) -> None:
        answered.append((list(rows), list(asked)))

    return Turn(answer, most), answered


def test_what_comes_in_one_turn_is_answered_together() -> None:
    async def given() -> None:
        turn, answered = collecting()
        turn.add(1, "a")
        turn.add(2, "b")
        assert answered == []
        await asyncio.sleep(0)
        turn.add(3, "c")
        await asyncio.sleep(0)
        assert answered == [([1, 2], ["a", "b"]), ([3], ["c"])]

    asyncio.run(given())


def test_enough_rows_do_not_wait_for_the_end() -> None:
    async def given() -> None:
        turn, answered = collecting(2)
        for row in (1, 2, 3):
            turn.add(row, "")
        assert [rows for rows, _ in answered] == [[1, 2]]
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        assert [rows for rows, _ in answered] == [[1, 2], [3]]

    asyncio.run(given())


@pytest.mark.slow
@pytest.mark.parametrize("transport", ["native", "asgi"])
def test_each_of_many_callers_gets_its_own_answer(short_folder: Path, transport: str) -> None:
    """Every caller has rows of its own, one of which the model answers with NaN and one of which is refused."""
    package = write_package(short_folder / "model", task="regression")
    callers, requests = 3 * FEW, 50
    wrong: list[object] = []
    environment = {"HEADGATE_BIND": f"unix:{short_folder}/s", "HEADGATE_TRANSPORT": transport}
    with running(package, **environment) as server:
        connections = [server.connect() for _ in range(callers)]
        barrier = threading.Barrier(callers)

        def call(number: int) -> None:
            barrier.wait()
            expected = []
            for turn in range(requests):
                row, status = {"x": float(number), "y": float(turn)}, 200
                if turn == 10:
                    row, status = {"x": 3e38, "y": 3e38}, 500
                elif turn == 20:
                    row, status = {"x": number}, 400
                last = (b"connection: close",) if turn == requests - 1 else ()
                connections[number].sendall(post(json.dumps(row).encode(), *last))
                expected.append((status, number + turn))
            answers = read_all(connections[number]).split(b"HTTP/1.1 ")[1:]
            for answer, (status, value) in zip(answers, expected, strict=True):
                body = json.loads(answer.partition(b"\r\n\r\n")[2])
                if int(answer[:3]) != status or (status == 200 and body != {"prediction": {"value": value}}):
                    wrong.append((number, value, answer))

        threads = [threading.Thread(target=call, args=(number,)) for number in range(callers)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        for connection in connections:
            connection.close()
    assert wrong == []
