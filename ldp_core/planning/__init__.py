"""Before a collection opens: which mechanism, how many phones, how much error.

>>> best = recommend("5", 22_000)
>>> best.mechanism.name, best.mechanism.parameters, round(best.over_optimum, 4)
('projective_geometry', {'q': 149, 't': 3}, 1.0001)
"""

from ldp_core.planning.advisor import RankedMechanism, rank_mechanisms, recommend
from ldp_core.planning.plan import describe, make_plan
from ldp_core.planning.required_phones import SMALLEST_TARGET, epsilon_for_half_width, half_width, required_phones

__all__ = [
    "SMALLEST_TARGET",
    "RankedMechanism",
    "describe",
    "epsilon_for_half_width",
    "half_width",
    "make_plan",
    "rank_mechanisms",
    "recommend",
    "required_phones",
]
