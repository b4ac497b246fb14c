"""How long something may take where other tests run beside this one."""

import os


def within(seconds: float) -> float:
    """The bound in seconds, doubled where pytest's workers share the machine's cores."""
    return seconds * 2 if "PYTEST_XDIST_WORKER" in os.environ else seconds
