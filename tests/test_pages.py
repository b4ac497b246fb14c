"""docs/plan.md and docs/ci.md show what the commands print, and the table of rules is the rules."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from headgate.planning.exclusions import RULES
from headgate.planning.timeline import FOUND_3X
from tests.system.engine import ROOT

SHOWN = re.compile(r"^```sh\n(?P<command>.+?)\n```\n\n```text\n(?P<output>.*?)```$", re.MULTILINE | re.DOTALL)
SPEC = re.compile(r"^```yaml\n(.+?)^```$", re.MULTILINE | re.DOTALL)
PLAN = (ROOT / "docs" / "plan.md").read_text()


@pytest.mark.parametrize("page", ["plan.md", "ci.md"])
def test_a_page_shows_what_is_printed(page: str, tmp_path: Path) -> None:
    text = (ROOT / "docs" / page).read_text()
    (spec,) = SPEC.findall(text)
    (tmp_path / "headgate.yaml").write_text(spec)
    (tmp_path / ".git").mkdir()
    shown = list(SHOWN.finditer(text))
    assert shown
    for block in shown:
        words = block["command"].split()
        assert words[0] == "headgate"
        ran = subprocess.run(
            [sys.executable, "-m", *words], cwd=tmp_path, capture_output=True, text=True, check=False,
            env={"PATH": "/usr/bin:/bin", "HOME": str(tmp_path), "HEADGATE_HOME": str(tmp_path / "home")},
        )  # fmt: skip
        assert ran.returncode == 0, ran.stderr
        assert ran.stdout == block["output"], f"copy it into docs/{page}:\n{ran.stdout}"


def test_the_page_has_every_rule() -> None:
    listed = PLAN.split("<!-- rules -->\n")[1].split("<!-- end -->")[0]
    rows = [f"| {rule.weight} | {rule.id} | {rule.what} | {rule.instead or rule.way_out} |\n" for rule in RULES]
    table = "".join(["| | rule | AWS | Headgate |\n", "|---|---|---|---|\n", *rows])
    assert listed == table, f"copy it into docs/plan.md:\n{table}"


def test_the_page_has_the_figures_of_the_simulation() -> None:
    for weight, (half, most) in FOUND_3X.items():
        assert f"| {weight:g} % | {half:,} requests | {most:,} |" in PLAN
