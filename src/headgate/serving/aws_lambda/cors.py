"""Which web pages may call: those of the origins that are listed, one by one.

There is no `*`: it would let every page its users visit spend their quota and read their answers. API Gateway and
function URLs can answer for CORS themselves; then the list here stays empty.
"""

import re
from collections.abc import Mapping

from headgate.core import headers as names
from headgate.errors import UsageError

SETTING = "HEADGATE_CORS_ORIGINS"

_ORIGIN = re.compile(r"https?://[a-z0-9.-]+(:[0-9]{1,5})?", re.ASCII)
_PREFLIGHT = {
    "access-control-allow-methods": "GET, POST",
    "access-control-allow-headers": ", ".join(
        ("content-type", "accept", "authorization", "x-api-key", names.INFERENCE_ID, names.CUSTOM_ATTRIBUTES)
    ),
    "access-control-max-age": "600",
}


class Cors:
    """The origins whose pages may call."""

    def __init__(self, origins: frozenset[str] = frozenset()) -> None:
        self._origins = origins

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> "Cors":
        """Read the setting. Raises UsageError naming every entry that is no origin."""
        given = [origin for part in environment.get(SETTING, "").split(",") if (origin := part.strip())]
        wrong = [origin for origin in given if not _ORIGIN.fullmatch(origin)]
        if wrong:
            raise UsageError(
                f"{SETTING} should list origins such as https://app.example.com, got {', '.join(map(repr, wrong))}.",
                hint="Name each origin; `*` would let any web page call.",
            )
        return cls(frozenset(given))

    def headers(self, origin: str, *, preflight: bool = False) -> dict[str, str]:
        """What an answer to a page of `origin` carries."""
        if not self._origins:
            return {}
        if origin not in self._origins:
            return {"vary": "origin"}  # a cache must not hand this to a page that may
        allowed = {"vary": "origin", "access-control-allow-origin": origin}
        return allowed | _PREFLIGHT if preflight else allowed
