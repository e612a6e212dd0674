"""Every mechanism has a page with the same headings, and the examples on it run."""

import doctest
from pathlib import Path

import pytest

from ldp_core.mechanisms import list_mechanisms

PAGES = Path(__file__).parents[2] / "docs" / "mechanisms"
HEADINGS = ["Idea", "Formula", "Privacy", "Error", "Bits", "Cost", "When to use", "References"]


def test_pages_and_mechanisms_are_the_same() -> None:
    assert {page.stem for page in PAGES.glob("*.md")} - {"index"} == set(list_mechanisms())


@pytest.mark.parametrize("name", list_mechanisms())
def test_page(name: str) -> None:
    page = PAGES / f"{name}.md"
    lines = page.read_text(encoding="utf-8").splitlines()
    assert lines[0] == f"# {name}"
    assert [line[3:] for line in lines if line.startswith("## ")] == HEADINGS
    result = doctest.testfile(str(page), module_relative=False)
    assert result.attempted > 0
    assert result.failed == 0
