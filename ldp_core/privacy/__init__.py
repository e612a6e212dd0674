"""What a report gives away, in exact arithmetic."""

from ldp_core.privacy.audit import Audit, audit, clopper_pearson, epsilon_lower_bound
from ldp_core.privacy.epsilon import EpsilonLike, format_epsilon, parse_epsilon
from ldp_core.privacy.exact_law import OutputLaw, likelihood_ratio, output_law
from ldp_core.privacy.threshold import coin_threshold, exp_bounds, threshold_ratio

__all__ = [
    "Audit",
    "EpsilonLike",
    "OutputLaw",
    "audit",
    "clopper_pearson",
    "coin_threshold",
    "epsilon_lower_bound",
    "exp_bounds",
    "format_epsilon",
    "likelihood_ratio",
    "output_law",
    "parse_epsilon",
    "threshold_ratio",
]
