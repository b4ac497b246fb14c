"""docs/plan.md and docs/ci.md show what the commands print, and the rules and figures that there are."""

import pytest
from tools.pages import DOCS, PAGES, SHOWN, fresh

from headgate.planning.timeline import FOUND_3X


@pytest.mark.parametrize("page", PAGES)
def test_a_page_shows_what_is_printed(page: str) -> None:
    text = (DOCS / page).read_text(encoding="utf-8")
    assert SHOWN.search(text), "nothing is shown"
    assert text == fresh(page), "run: python -m tools.pages"


def test_the_page_has_the_figures_of_the_simulation() -> None:
    text = (DOCS / "plan.md").read_text(encoding="utf-8")
    for weight, (half, most) in FOUND_3X.items():
        assert f"| {weight:g} % | {half:,} requests | {most:,} |" in text
