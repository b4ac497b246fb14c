"""A path of a project's own at the gateway, such as `/predict-student-score`: which may be one.

headgate.yaml and the engine's API ask the same question; so the rule stands here.
"""

import re

PATTERN = r"^/[a-z0-9]+(-[a-z0-9]+)*(/[a-z0-9]+(-[a-z0-9]+)*){0,3}$"
"""Up to four parts of small letters, digits and single hyphens: nothing that a gateway would normalise or escape."""
LONGEST = 100
RESERVED = ("/ping", "/invocations", "/endpoints")
"""What the gateway means something else by, each with everything below it."""

INVOCATIONS = "/endpoints/{}/invocations"
"""Where every endpoint is asked, by its name."""


def refusal(route: str) -> str:
    """Why this may not be a route, as the end of a sentence that begins with it; empty where it may."""
    if len(route) > LONGEST or not re.fullmatch(PATTERN, route, re.ASCII):
        return (
            "should begin with / and have one to four parts of small letters, digits and single hyphens, at most "
            f"{LONGEST} characters in all, such as /predict-student-score"
        )
    taken = next((path for path in RESERVED if route == path or route.startswith(f"{path}/")), "")
    return f"is reserved: {taken} has a meaning of its own at the gateway" if taken else ""
