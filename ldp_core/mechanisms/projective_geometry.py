"""Projective geometry response: the points and hyperplanes of PG(t-1, q), and one coin.

Source: Feldman, Nelson, Nguyen, Talwar, "Private Frequency Estimation via Projective Geometry", ICML 2022. The randomizer
here is this project's own: integers only, and exactly epsilon-LDP.
"""

from functools import partial

from ldp_core.decoding import decode_cost, decoder_names, support_counts
from ldp_core.designs.projective import DEFAULT_REPORT_SPACE_LIMIT, ProjectiveDesign, choose_projective_design
from ldp_core.errors import ParameterError
from ldp_core.mechanisms.design_mechanism import DesignMechanism, checked_domain_size
from ldp_core.privacy.epsilon import EpsilonLike, parse_epsilon
from ldp_core.types import BoolArray, IntArray, Messages

__all__ = ["NAME", "ProjectiveGeometry", "projective_geometry"]

NAME = "projective_geometry"


class ProjectiveGeometry(DesignMechanism):
    """The design mechanism of a projective space, whose phones are simulated in one compiled pass."""

    design: ProjectiveDesign

    def _responses(self, items: IntArray, heads: BoolArray, members: IntArray, others: IntArray) -> Messages:
        return self.design.space.responses(items, heads, members, others)


def projective_geometry(
    *,
    epsilon: EpsilonLike,
    domain_size: int,
    q: int | None = None,
    t: int | None = None,
    report_space_limit: int = DEFAULT_REPORT_SPACE_LIMIT,
) -> ProjectiveGeometry:
    """Projective geometry response over PG(t-1, q), or over the best (q, t) when neither is given.

    epsilon: exact, 0 < epsilon <= 24 · domain_size: k, 2 <= k <= (q^t - 1)/(q - 1) · q: prime power · t >= 2.
    report_space_limit bounds N when (q, t) is chosen. Raises ParameterError or one of its kinds.
    """
    k = checked_domain_size(domain_size)
    exact = parse_epsilon(epsilon)
    if (q is None) != (t is None):
        raise ParameterError("give both q and t, or neither and let the best be chosen")
    if q is None or t is None:
        q, t = choose_projective_design(exact, k, report_space_limit=report_space_limit)
    design = ProjectiveDesign(q, t)
    return ProjectiveGeometry(
        NAME,
        design,
        epsilon=exact,
        domain_size=k,
        parameters={"q": q, "t": t},
        decoders={name: partial(support_counts, q=q, t=t, decoder=name) for name in decoder_names(q, t)},
        decode_cost=decode_cost(q, t),
    )
