"""Write what commands print into the pages that show it: `python -m tools.pages`; a test fails while they differ.

A page has one ```yaml block, the project's headgate.yaml, and pairs of a ```sh block with one `headgate` command and
the ```text block with its output. Between `<!-- rules -->` and `<!-- end -->` stands the table of `headgate.planning`.
"""

import re
import subprocess
import sys
import tempfile
from pathlib import Path

from headgate.planning.exclusions import RULES

DOCS = Path(__file__).parents[1] / "docs"
PAGES = ("plan.md", "ci.md")
SPEC = re.compile(r"^```yaml\n(.+?)^```$", re.MULTILINE | re.DOTALL)
SHOWN = re.compile(r"(^```sh\n(?P<command>headgate [^\n]+)\n```\n\n```text\n).*?(^```$)", re.MULTILINE | re.DOTALL)
TABLE = re.compile(r"(<!-- rules -->\n).*?(<!-- end -->)", re.DOTALL)


def fresh(name: str) -> str:
    """The page as it should be. Raises CalledProcessError where a command on it fails."""
    text = (DOCS / name).read_text(encoding="utf-8")
    (spec,) = SPEC.findall(text)
    with tempfile.TemporaryDirectory(prefix="headgate-") as scratch:
        folder = Path(scratch)
        (folder / "headgate.yaml").write_text(spec, encoding="utf-8")
        (folder / ".git").mkdir()
        text = SHOWN.sub(lambda found: f"{found[1]}{_printed(found['command'], folder)}{found[3]}", text)
    return TABLE.sub(lambda found: found[1] + _rules() + found[2], text)


def _printed(command: str, folder: Path) -> str:
    home = {"PATH": "/usr/bin:/bin", "HOME": str(folder), "HEADGATE_HOME": str(folder / "home")}
    words = [sys.executable, "-m", *command.split()]
    return subprocess.run(words, cwd=folder, env=home, check=True, capture_output=True, text=True).stdout


def _rules() -> str:
    rows = [f"| {rule.weight} | {rule.id} | {rule.what} | {rule.instead or rule.way_out} |\n" for rule in RULES]
    return "".join(["| | rule | AWS | Headgate |\n", "|---|---|---|---|\n", *rows])


def main() -> None:
    """Write the pages."""
    for name in PAGES:
        (DOCS / name).write_text(fresh(name), encoding="utf-8")


if __name__ == "__main__":
    main()
