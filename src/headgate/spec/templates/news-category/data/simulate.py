"""Simulated headlines of four categories. Nobody and nothing in them is real; they are there to try things out with.

    python data/simulate.py --rows 600 --seed 7

A headline is a subject, what it does, and what follows, all of its category. One in fifteen says something that any of
them could say, so that no model can be perfect. Names come with accents, and some headlines are in Cyrillic letters.
Equal rows and seeds give equal files.
"""

import argparse
import csv
import random
import sys
from collections.abc import Sequence
from pathlib import Path

PLACES = (
    "São Paulo", "Zürich", "Łódź", "Göteborg", "Málaga", "Reykjavík", "Nairobi", "Osaka", "Lyon", "Porto", "Quebec",
    "Tromsø", "Košice", "Bengaluru", "Córdoba", "Aarhus",
)  # fmt: skip
NAMES = (
    "García", "Müller", "Nowak", "Okafor", "Tanaka", "Lindström", "Rossi", "Dvořák", "Fernández", "Sørensen", "Kaya",
    "Petit", "Novák", "Silva",
)  # fmt: skip
WHEN = ("on Monday", "this week", "after long night", "for second time", "despite doubts", "in surprise move", "again")

PARTS = {
    "World": (
        ("Parliament", "Foreign minister {name}", "Rebels near {place}", "Aid groups in {place}", "President {name}",
         "Peace envoys", "Voters in {place}", "Border guards", "Opposition leader {name}", "Protesters in {place}"),
        ("called for", "rejected", "agreed on", "prepared for", "demanded", "warned against", "welcomed", "debated"),
        ("peace talks", "new elections", "a ceasefire", "sanctions", "a treaty with neighbours", "an emergency summit",
         "the return of refugees", "a vote on the constitution", "aid after the flood", "the release of hostages"),
    ),
    "Sports": (
        ("Striker {name}", "Coach {name}", "{place} United", "The {place} Wolves", "Champion {name}", "Keeper {name}",
         "The national team", "Sprinter {name}", "Rookie {name}", "Fans in {place}"),
        ("celebrated", "missed", "dreamt of", "fought for", "settled for", "looked back on", "lost", "played for"),
        ("a late goal", "the final", "a draw away from home", "the title", "a record in the relay", "a penalty",
         "a place in the playoffs", "an injury before the cup", "the transfer of the season", "overtime in the derby"),
    ),
    "Business": (
        ("Shares of {place} Bank", "Chief executive {name}", "Airline {place} Air", "Retailers", "Investors",
         "Carmaker {name}", "The central bank", "Oil producers", "Startup {name} & Co", "Unions at the {place} plant"),
        ("braced for", "profited from", "reported", "cut", "raised", "bet on", "feared", "announced"),
        ("lower profits", "higher interest rates", "a merger", "quarterly earnings", "job losses", "a takeover bid",
         "the price of fuel", "a dividend", "falling demand", "a stock market listing"),
    ),
    "Science": (
        ("Astronomers in {place}", "Researchers at {place} University", "Biologist {name}", "Engineers", "A telescope",
         "Climate scientists", "Software maker {name}", "Doctor {name}", "Chip designers", "A probe"),
        ("discovered", "tested", "photographed", "explained", "simulated", "built", "traced", "measured"),
        ("a planet beyond our own", "a vaccine", "ice below the surface", "a faster processor", "the genes of a moth",
         "a security hole in browsers", "the orbit of a comet", "a robot that learns", "the oldest fossil",
         "cells that repair themselves"),
    ),
}  # fmt: skip

ANY = (
    "{name} speaks in {place}", "A day to remember in {place}", "What comes next for {name}", "{place} waits {when}",
    "New chapter opens {when}", "{name}: no comment {when}", "Hopes are high in {place}", "Time runs out in {place}",
)  # fmt: skip

CYRILLIC = {
    "World": ("Парламент обсуждает договор о мире", "Министр призвал к переговорам", "Выборы пройдут в октябре"),
    "Sports": ("Вратарь спас команду в финале", "Сборная вышла в финал кубка", "Тренер доволен победой команды"),
    "Business": ("Банк повысил ставку по кредитам", "Акции завода упали в цене", "Цены на нефть снова растут"),
    "Science": ("Учёные нашли новую планету", "Телескоп увидел далёкую комету", "Учёные испытали новую вакцину"),
}


class Dice:
    """Choices of which Python promises that they never change with its version: `random()` alone is used."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)

    def chance(self, share: float) -> bool:
        """True in that share of the calls."""
        return self._random.random() < share

    def pick(self, items: Sequence[str]) -> str:
        """One of the items."""
        return items[int(self._random.random() * len(items))]


def headline(category: str, dice: Dice) -> str:
    """One headline."""
    if dice.chance(0.04):
        return f"{dice.pick(CYRILLIC[category])}, {dice.pick(PLACES)}"
    if dice.chance(1 / 15):
        sentence = dice.pick(ANY)
    else:
        sentence = " ".join(dice.pick(parts) for parts in PARTS[category])
        sentence += " {when}" if dice.chance(0.4) else ""
    return sentence.format(name=dice.pick(NAMES), place=dice.pick(PLACES), when=dice.pick(WHEN))


def headlines(rows: int, seed: int) -> list[tuple[str, str]]:
    """`rows` headlines with their categories, in turn. None comes twice as long as there are others."""
    dice, seen, made = Dice(seed), set(), []
    categories = list(PARTS)
    for row in range(rows):
        category = categories[row % len(categories)]
        text = headline(category, dice)
        for _ in range(20):
            if text not in seen:
                break
            text = headline(category, dice)
        seen.add(text)
        made.append((text, category))
    return made


def main() -> None:
    """Write the file."""
    parser = argparse.ArgumentParser(description="Write simulated headlines as CSV.")
    parser.add_argument("--rows", type=int, default=600, help="how many (default: 600)")
    parser.add_argument("--seed", type=int, default=7, help="equal seeds give equal rows (default: 7)")
    parser.add_argument(
        "--out", type=Path, default=Path(__file__).parent / "headlines.csv", help="default: headlines.csv beside this"
    )
    given = parser.parse_args()
    if given.rows < 1:
        parser.error("--rows should be at least 1")
    with given.out.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(("text", "category"))
        writer.writerows(headlines(given.rows, given.seed))
    sys.stderr.write(f"wrote {given.out}: {given.rows} simulated headlines\n")


if __name__ == "__main__":
    main()
