"""The peers' environments, in the user's cache: one for each file of pins in `peers/`.

pip makes them, as it is set up on this machine. They stand apart because their pins contradict one another.
"""

import os
import subprocess
import sys
from pathlib import Path

PEERS = Path(__file__).parent / "peers"
CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "headgate" / "benchmarks"


def programs(environment: str) -> Path:
    """The folder of the environment's programs; it may not be there yet."""
    return CACHE / environment / "bin"


def ready(environment: str) -> bool:
    """Whether it holds what its file of pins says now."""
    marker = CACHE / environment / "pins.txt"
    return marker.is_file() and marker.read_bytes() == pins(environment).read_bytes()


def pins(environment: str) -> Path:
    """The file of its pins."""
    return PEERS / f"{environment}.txt"


def install(environment: str) -> str:
    """Make it where it is not there; what went wrong, or nothing."""
    if ready(environment):
        return ""
    subprocess.run([sys.executable, "-m", "venv", "--clear", CACHE / environment], check=True)
    pip = [str(programs(environment) / "python"), "-m", "pip"]
    done = subprocess.run(
        [*pip, "install", "--quiet", "--no-deps", "-r", str(pins(environment))],
        stderr=subprocess.PIPE,
        text=True,
        check=False,
    )
    if done.returncode:
        return next((line for line in done.stderr.splitlines() if line.startswith("ERROR")), "pip failed")
    (CACHE / environment / "pins.txt").write_bytes(pins(environment).read_bytes())
    return ""
