"""Private labels of rows that the service knows already: one bit from each phone, and what the bits together say."""

from ldp_core.labels.label_estimate import LabelEstimate
from ldp_core.labels.one_bit_outcome import OneBitOutcome, format_bound, parse_bound
from ldp_core.labels.row_labels import MOST_ROWS, RowLabels

__all__ = ["MOST_ROWS", "LabelEstimate", "OneBitOutcome", "RowLabels", "format_bound", "parse_bound"]
