from pathlib import Path

from headgate.cli.reference import markdown
from tests.cli.test_app import ALL

DOCS = Path(__file__).parents[2] / "docs"


def test_the_reference_has_every_command_with_its_options_and_the_exit_codes() -> None:
    text = markdown()
    for name, summary in ALL.items():
        part = text.partition(f"# {name}\n")[2].partition("\n#")[0]
        assert f"Usage: headgate {name} [OPTIONS]" in part
        assert summary in part
        assert "--json" in part
        assert "Example:" in part
    assert "70  a bug in Headgate" in text


def test_the_written_reference_is_fresh() -> None:
    remedy = "run: python -m headgate.cli.reference docs"
    assert (DOCS / "cli.md").read_text(encoding="utf-8") == markdown(), remedy
