"""The method's page shows the example and names every check, verdict and warning."""

import json
import re
from pathlib import Path

from ldp_core.analysis.simulation import fleet

PAGE = (Path(__file__).parents[4] / "docs" / "analysis" / "simulation.md").read_text(encoding="utf-8")


def test_the_json_block_is_the_example() -> None:
    (block,) = re.findall(r"```json\n(.*?)```", PAGE, re.DOTALL)
    assert json.loads(block) == fleet.EXAMPLE


def test_the_page_names_every_field_check_and_word() -> None:
    found = fleet.run(fleet.from_json({**fleet.EXAMPLE, "repetitions": 2}))
    checks = [one["check"] for one in found.diagnostics["checks"]]
    for word in (*fleet.SCHEMA["properties"], *fleet.VERDICTS, *checks, *found.result, "few_reports", "one_fleet"):
        assert re.search(rf"`{word}\b", PAGE), word
    assert fleet.QUESTION in PAGE
