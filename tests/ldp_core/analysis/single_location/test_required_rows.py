"""More noise on the outcomes needs more rows."""

import math

from ldp_core.analysis.single_location.required_rows import required_rows
from ldp_core.labels import OneBitOutcome


def test_more_noise_needs_more_rows() -> None:
    rows = [required_rows(20, 10, math.sqrt(0.5), OneBitOutcome(e, 2.0).variance_bound) for e in (3, 1, "0.5")]
    assert rows == sorted(rows)
    assert rows[1] == math.ceil(200 * (0.5 + OneBitOutcome(1, 2.0).variance_bound) / 0.25)
