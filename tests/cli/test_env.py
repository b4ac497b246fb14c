"""`headgate env` in the shells that evaluate it."""

import os
import subprocess

from headgate.cli.env import UNSET, _fish, _sh

HOSTILE = {"AWS_ENDPOINT_URL": "http://127.0.0.1:1", "AWS_SECRET_ACCESS_KEY": "a'b\"c $(touch x) `id` \\ ;"}


def test_sh_takes_any_value_as_it_is() -> None:
    script = "\n".join([*_sh(HOSTILE), "env"])
    stale = dict.fromkeys(UNSET, "stale")
    ran = subprocess.run(
        ["sh", "-euc", script], env={"PATH": os.environ["PATH"], **stale}, capture_output=True, text=True, check=True
    )
    found = dict(line.split("=", 1) for line in ran.stdout.splitlines() if "=" in line)
    assert HOSTILE.items() <= found.items()
    assert not set(UNSET) & set(found)


def test_fish_quotes_what_fish_reads() -> None:
    lines = _fish({"A": "a'b\\c"})
    assert lines[0] == r"set -gx A 'a\'b\\c'"
    assert "set -e AWS_PROFILE" in lines
