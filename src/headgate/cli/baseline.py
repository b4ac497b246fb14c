"""How `train` and `check` word what a model has to beat: always giving the same answer."""

from typing import TYPE_CHECKING

from headgate.cli.output import number

if TYPE_CHECKING:
    from headgate.data.runs import Record


def naive_answer(record: "Record") -> str:
    """What always giving the same answer means here: `always "World"`, the majority, or `always 3.5`, the mean."""
    answer = record.naive["answer"]
    return f'always "{answer}" (majority)' if record.labels else f"always {answer:.4g} (mean)"


def said_naive(record: "Record") -> str:
    """One line: the answer, and the metrics it has."""
    metrics = ", ".join(f"{name} {number(value)}" for name, value in record.naive["metrics"].items())
    return f"to beat: {naive_answer(record)}: {metrics}"
