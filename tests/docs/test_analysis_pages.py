"""The page of all analyses lists exactly those that there are, with their questions and pages."""

import re
from pathlib import Path

from ldp_core.analysis.registry import ENTRY_POINTS

PAGE = (Path(__file__).parents[2] / "docs" / "analysis" / "README.md").read_text(encoding="utf-8")


def test_every_analysis_is_listed_once() -> None:
    rows = re.findall(r"^\| `([^`]+)` \| (.+?) \| \[([a-z-]+)\]\(\3\.md\) \|$", PAGE, re.MULTILINE)
    assert sorted(rows) == sorted((path, entry.method.QUESTION, entry.family) for path, entry in ENTRY_POINTS.items())
