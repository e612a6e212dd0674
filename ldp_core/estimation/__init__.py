"""From support counts to frequencies with their errors."""

from ldp_core.estimation.blocked import BlockedError, BlockedEstimate
from ldp_core.estimation.difference import Difference, holm, sampling_errors
from ldp_core.estimation.error import SupportRates, optimal_total_squared_error, total_squared_error
from ldp_core.estimation.estimate import Canaries, Estimate, Poisoning, Provenance
from ldp_core.estimation.intervals import Interval, critical_value, score_interval

__all__ = [
    "BlockedError",
    "BlockedEstimate",
    "Canaries",
    "Difference",
    "Estimate",
    "Interval",
    "Poisoning",
    "Provenance",
    "SupportRates",
    "critical_value",
    "holm",
    "optimal_total_squared_error",
    "sampling_errors",
    "score_interval",
    "total_squared_error",
]
