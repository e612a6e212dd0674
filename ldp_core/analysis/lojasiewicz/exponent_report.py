"""An exponent as part of an answer."""

from typing import Any

from ldp_core.analysis.lojasiewicz.bounds import gradient_descent_rate, stochastic_rate
from ldp_core.analysis.lojasiewicz.exponent import ExponentFit

__all__ = ["GEOMETRIC", "SCOPE", "report"]

SCOPE = "along the trace only"
GEOMETRIC = "geometric"


def report(fit: ExponentFit, f_star: float, source: str) -> dict[str, Any]:
    """alpha, mu and what they predict. source: given, certificate or profiled."""
    return {
        "alpha": fit.alpha,
        "alpha_ci": [fit.low, fit.high],
        "alpha_end": fit.alpha_end,
        "mu": fit.mu,
        "predicted_gd_rate": GEOMETRIC if fit.geometric else gradient_descent_rate(fit.alpha),
        "predicted_sgd_rate": stochastic_rate(1.0 if fit.geometric else fit.alpha),
        "bend": fit.bend,
        "residual": fit.residual,
        "points_used": fit.points,
        "f_star_used": f_star,
        "f_star_source": source,
        "scope": SCOPE,
    }
