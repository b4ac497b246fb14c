"""Which regions AWS has, as botocore's own data says: nothing is asked.

A name that is no region is found out here, and not as a host that does not answer. Regions are added; an installed
botocore may be older than the newest of them, and is to be upgraded then.
"""

from difflib import get_close_matches
from functools import cache

from headgate.errors import UsageError
from headgate.hosting.session import NO_FILE


@cache
def known() -> tuple[str, ...]:
    """The regions of all partitions: those that have CloudFormation, which everything of ours stands on."""
    from botocore.session import Session

    # Without the user's settings: a profile that is not there, or a damaged file, has nothing to do with it.
    session = Session(session_vars={"profile": (None, None, None, None), "config_file": (None, None, NO_FILE, None)})
    parts = session.get_available_partitions()
    return tuple(sorted(name for part in parts for name in session.get_available_regions("cloudformation", part)))


def require_region(region: str, environment: str) -> None:
    """Raises UsageError for a name that is no region, with those that are near it."""
    if region in known():
        return
    from botocore import __version__

    near = get_close_matches(region, known(), n=3)
    meant = f" Did you mean {' or '.join(near)}?" if near else ""
    raise UsageError(
        f"environments/{environment}/region: {region} is no region that botocore {__version__} knows.{meant}",
        hint="Is it newer than that? `pip install --upgrade boto3`.",
    )
