"""What a mechanism costs and gives, as a plain document for `fano plan` and `fano mechanisms`."""

import math
from typing import Any

from ldp_core.estimation import critical_value, optimal_total_squared_error
from ldp_core.mechanisms import Mechanism
from ldp_core.privacy import format_epsilon

__all__ = ["described", "phones_for"]


def described(mechanism: Mechanism) -> dict[str, Any]:
    """Its design, its privacy and its error beside the least that any mechanism can have."""
    k = mechanism.domain_size
    rare, common = mechanism.variance(1, 0.0), mechanism.variance(1, 1.0)
    ratio = mechanism.likelihood_ratio
    return {
        "mechanism": mechanism.name,
        "parameters": dict(mechanism.parameters),
        "epsilon": format_epsilon(mechanism.epsilon),
        "likelihood_ratio": f"{ratio.numerator}/{ratio.denominator}",
        "likelihood_ratio_float": float(ratio),
        "domain_size": k,
        "report_space": mechanism.report_space,
        "report_bits": mechanism.report_bits,
        "total_error_over_optimum": (common + (k - 1) * rare) / optimal_total_squared_error(mechanism.epsilon, k),
        "decoders": list(mechanism.decoders),
    }


def phones_for(mechanism: Mechanism, target: float, confidence: float, frequency: float) -> int:
    """The phones with which an item of this frequency is known to within ± target, in shares, with this confidence."""
    return math.ceil((critical_value(confidence) / target) ** 2 * mechanism.variance(1, frequency))
