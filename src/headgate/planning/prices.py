"""Prices: a file of figures, each with the offer of AWS's public price list that it is from, and when it was read.

`prices.json` beside this module is a handful that was looked up; `headgate plan --refresh-prices` writes a whole one
into $HEADGATE_HOME. A figure that a file lacks is not included in a forecast, which then says so: none is ever guessed.

    sagemaker.instance.<type>   USD an hour               lambda.gb_second, lambda.request, api.request,
    sagemaker.serverless.<GB>   USD a second at that      states.transition, kms.key, ...
                                memory
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from importlib.resources import files
from pathlib import Path
from typing import Any

from headgate.errors import InvalidInput, NotFound

MOST_BYTES = 4 * 1024**2
MOST_USD = 1e6
"""No unit of anything costs more; what says so is damaged."""
OLD = timedelta(days=180)
"""Prices that were read longer ago may have changed."""
SHOWN = 80
"""Characters that are shown of what is wrong."""
USUAL_REGION = "us-east-1"
FILE_NAME = "prices.json"


@dataclass(frozen=True, slots=True)
class Price:
    """One figure. `usd` is for one unit, `per` what that is; `offer` and `usage` say where it stands in the list."""

    usd: float
    per: str
    offer: str
    usage: str
    read: str
    source: str


@dataclass(frozen=True, slots=True)
class Prices:
    """The prices of one region."""

    region: str
    wanted: str
    """The region that was asked for; another than `region` where the file has none for it."""
    name: str
    figures: Mapping[str, Price]

    def usd(self, key: str) -> float | None:
        """A figure, if the file has it."""
        found = self.figures.get(key)
        return found.usd if found else None

    def note(self, today: date) -> str:
        """Where the figures are from, of what they are no forecast, and what may be wrong with them by now."""
        read = [_day(price.read) for price in self.figures.values()]
        days = sorted({day for day in read if day is not None})
        span = f"read {days[0]}" + (f" to {days[-1]}" if len(days) > 1 else "") if days else "read nobody knows when"
        said = [f"Prices: {self.name}, region {self.region}, USD without tax, {span}; no free tier, no discounts."]
        if days and None in read:
            said.append("Some do not say when they were read.")
        if any(today - day > OLD for day in days):
            said.append(f"Some are older than {OLD.days} days.")
        if self.region != self.wanted:
            said.append(f"It has none for {self.wanted}.")
        return " ".join([*said, *(["`headgate plan --refresh-prices` fetches new ones."] if said[1:] else [])])


def packaged() -> bytes:
    """The file that comes with Headgate."""
    return (files("headgate.planning") / FILE_NAME).read_bytes()


def load(region: str, file: Path | None, refreshed: Path) -> Prices:
    """The prices for a region: of `file` if one is named, else of the refreshed one where it has them, else packaged.

    Raises NotFound and InvalidInput for `file`, and InvalidInput for a refreshed one that is damaged.
    """
    if file is not None:
        return read(str(file), _bytes(file), region)
    if refreshed.is_file():
        content = _bytes(refreshed)
        if region in _document(str(refreshed), content)["regions"]:
            return read(str(refreshed), content, region)
    return read("the figures that come with Headgate", packaged(), region)


def read(name: str, content: bytes, region: str) -> Prices:
    """The prices of a region, or of us-east-1 where the file has none for it. Raises InvalidInput."""
    document = _document(name, content)
    chosen = region if region in document["regions"] else USUAL_REGION
    if chosen not in document["regions"]:
        raise InvalidInput(f"{name} has no prices for {region}, nor for {USUAL_REGION}.", hint="Fetch them again.")
    figures = {str(key): _price(name, str(key), value) for key, value in document["regions"][chosen].items()}
    if not figures:
        raise InvalidInput(f"{name} has not one price for {chosen}.", hint="Fetch them again.")
    return Prices(chosen, region, name, figures)


def write(regions: Mapping[str, Mapping[str, Price]], date: str) -> bytes:
    """A file of prices, which `read` reads."""
    figures = {
        region: {
            key: {
                "usd": price.usd,
                "per": price.per,
                "offer": price.offer,
                "usage": price.usage,
                "read": price.read,
                "source": price.source,
            }
            for key, price in sorted(prices.items())
        }
        for region, prices in sorted(regions.items())
    }
    return (json.dumps({"date": date, "currency": "USD", "regions": figures}, indent=1) + "\n").encode()


def known_regions(name: str, content: bytes) -> dict[str, dict[str, Price]]:
    """All that a file has, by region. Raises InvalidInput."""
    regions = _document(name, content)["regions"]
    return {
        str(region): {str(key): _price(name, str(key), value) for key, value in figures.items()}
        for region, figures in regions.items()
    }


def kept(file: Path) -> dict[str, dict[str, Price]] | None:
    """All that an earlier refresh left, by region; None where it is damaged. Raises NotFound where none may read it."""
    if not file.exists():
        return {}
    try:
        return known_regions(str(file), _bytes(file))
    except InvalidInput:
        return None


def _day(text: str) -> date | None:
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None


def _bytes(file: Path) -> bytes:
    try:
        with file.open("rb") as stream:
            content = stream.read(MOST_BYTES + 1)
    except OSError as error:
        raise NotFound(f"{file} cannot be read: {error.strerror}.") from None
    if len(content) > MOST_BYTES:
        raise InvalidInput(f"{file} is larger than 4 MiB; this is not a file of prices.")
    return content


def _document(name: str, content: bytes) -> dict[str, Any]:
    try:
        document = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise InvalidInput(
            f"{name} is not JSON: {error}.", hint="`headgate plan --refresh-prices` writes one."
        ) from None
    regions = document.get("regions") if isinstance(document, dict) else None
    if not isinstance(regions, dict) or not all(isinstance(figures, dict) for figures in regions.values()):
        raise InvalidInput(f"{name} has no prices by region.", hint="`headgate plan --refresh-prices` writes one.")
    found: dict[str, Any] = document
    return found


def _price(name: str, key: str, value: object) -> Price:
    usd = value.get("usd") if isinstance(value, dict) else None
    if isinstance(value, dict) and isinstance(usd, int | float) and not isinstance(usd, bool) and 0 <= usd <= MOST_USD:
        texts = [value.get(part) for part in ("per", "offer", "usage", "read", "source")]
        per, offer, usage, when, source = (text if isinstance(text, str) else "" for text in texts)
        return Price(float(usd), per, offer, usage, when, source)
    got = repr(usd)[:SHOWN] if isinstance(usd, str | int | float) else "none"
    raise InvalidInput(f"{name}: {key[:SHOWN]} should have a figure `usd` from 0 to {MOST_USD:,.0f}, got {got}.")
