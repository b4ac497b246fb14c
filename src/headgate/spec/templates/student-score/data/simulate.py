"""Simulated students and their exam scores: no real person is in these rows.

    python data/simulate.py --rows 600 --seed 7

Fifteen columns, five of them categories, and `score` from 0 to 100. A score comes from study, attendance, homework and
the score before, less from sleep, screens and stress, a little from the categories, and from chance (a standard
deviation of 4). Equal arguments give an equal file, on any machine: only `random.random` is drawn from, the one whose
sequence Python promises to keep. It needs nothing but Python.
"""

import argparse
import csv
import math
import random
import sys
from pathlib import Path
from statistics import NormalDist

COLUMNS = (
    "age", "study_hours", "attendance", "previous_score", "homework_done", "sleep_hours", "screen_hours",
    "exercise_days", "commute_minutes", "stress", "parents_education", "internet", "diet", "part_time_job",
    "study_place", "score",
)  # fmt: skip

PARENTS = {"school": 0.35, "college": 0.25, "bachelor": 0.28, "master": 0.12}
QUALITY = {"poor": 0.2, "fair": 0.45, "good": 0.35}
PLACES = {"home": 0.55, "library": 0.25, "friends": 0.12, "bus": 0.08}
EFFECTS = {
    "parents_education": {"school": -1.5, "college": 0.0, "bachelor": 1.0, "master": 2.0},
    "internet": {"poor": -2.0, "fair": 0.0, "good": 1.0},
    "diet": {"poor": -1.0, "fair": 0.0, "good": 1.0},
    "part_time_job": {"no": 1.0, "yes": -1.0},
    "study_place": {"home": 0.0, "library": 4.0, "friends": -3.0, "bus": -5.0},
}
MISSING = {"sleep_hours": 0.03, "parents_education": 0.05}


class Chance:
    """Draws; everything comes from one sequence."""

    def __init__(self, seed: int) -> None:
        self._draw = random.Random(seed).random

    def happens(self, share: float) -> bool:
        """True in so many of all cases."""
        return self._draw() < share

    def near(self, mean: float, deviation: float, low: float, high: float) -> float:
        """A number of a normal distribution, within bounds."""
        drawn = NormalDist(mean, deviation).inv_cdf(min(max(self._draw(), 1e-9), 1 - 1e-9))
        return min(max(drawn, low), high)

    def one_of(self, shares: dict[str, float]) -> str:
        """A name, as often as its share says."""
        left = self._draw() * math.fsum(shares.values())
        for name, share in shares.items():
            left -= share
            if left < 0:
                return name
        return name


def student(chance: Chance) -> dict[str, float | str]:
    """One row."""
    habits: dict[str, float] = {
        "age": 15 + int(chance.near(2.5, 1.5, 0, 5)),
        "study_hours": round(chance.near(3.5, 1.5, 0, 10), 1),
        "attendance": round(chance.near(86, 9, 40, 100), 1),
        "previous_score": round(chance.near(65, 14, 0, 100), 1),
        "homework_done": round(chance.near(75, 18, 0, 100)),
        "sleep_hours": round(chance.near(7.2, 1.1, 3, 11), 1),
        "screen_hours": round(chance.near(3.8, 1.7, 0, 12), 1),
        "exercise_days": int(chance.near(3.5, 2.0, 0, 7)),
        "commute_minutes": round(chance.near(28, 16, 2, 120)),
        "stress": int(chance.near(5.5, 2.2, 1, 10)),
    }
    circumstances = {
        "parents_education": chance.one_of(PARENTS),
        "internet": chance.one_of(QUALITY),
        "diet": chance.one_of(QUALITY),
        "part_time_job": chance.one_of({"no": 0.75, "yes": 0.25}),
        "study_place": chance.one_of(PLACES),
    }
    score = expected(habits, circumstances) + chance.near(0, 4, -16, 16)
    row: dict[str, float | str] = {**habits, **circumstances, "score": round(min(max(score, 0), 100), 1)}
    return row | {name: "" for name, share in MISSING.items() if chance.happens(share)}


def expected(habits: dict[str, float], circumstances: dict[str, str]) -> float:
    """The score without chance."""
    study, sleep, stress = habits["study_hours"], habits["sleep_hours"], habits["stress"]
    score = 4.0 + 6.0 * study - 0.15 * max(0.0, study - 5) ** 2 + 0.25 * (habits["attendance"] - 50)
    score += 0.45 * habits["previous_score"] + 0.08 * habits["homework_done"] + 0.4 * habits["exercise_days"]
    score -= 1.5 * abs(sleep - 8) + 0.9 * habits["screen_hours"] + 0.8 * max(0, stress - 5)
    return score + math.fsum(EFFECTS[name][value] for name, value in circumstances.items())


def main() -> None:
    """Write the file."""
    parser = argparse.ArgumentParser(description="Write simulated students and their exam scores as CSV.")
    parser.add_argument("--rows", type=int, default=600, help="how many (default: 600)")
    parser.add_argument("--seed", type=int, default=7, help="equal seeds give equal rows (default: 7)")
    parser.add_argument(
        "--out", type=Path, default=Path(__file__).parent / "students.csv", help="default: students.csv beside this"
    )
    given = parser.parse_args()
    if given.rows < 1:
        parser.error("--rows should be at least 1")
    chance = Chance(given.seed)
    with given.out.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS, lineterminator="\n")
        writer.writeheader()
        writer.writerows(student(chance) for _ in range(given.rows))
    sys.stderr.write(f"wrote {given.out}: {given.rows} simulated students\n")


if __name__ == "__main__":
    main()
