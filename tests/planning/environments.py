"""Environments and prices that the planning tests share."""

from headgate.planning.prices import Price, Prices
from headgate.spec import Environment

PLACE = {"target": "aws", "account": "123456789012", "region": "us-east-1"}


def environment(**keys: object) -> Environment:
    """An environment on AWS with these keys."""
    return Environment.model_validate(PLACE | keys)


def prices(**figures: float) -> Prices:
    """Prices by key, with two underscores for a dot."""
    found = {
        key.replace("__", "."): Price(usd, "unit", "Offer", "Usage", "2026-11-28", "a test")
        for key, usd in figures.items()
    }
    return Prices("us-east-1", "us-east-1", "a test", found)
