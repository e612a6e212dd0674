"""Named ways to turn unbiased estimates into a consistent histogram, shown beside the raw numbers, never instead.

None of them is applied unless asked for, each is written into the provenance, and intervals come from raw numbers only.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import numpy as np

from ldp_core.errors import ParameterError
from ldp_core.estimation.convergence import Convergence
from ldp_core.estimation.empirical_bayes import empirical_bayes
from ldp_core.estimation.estimate import Estimate, Provenance
from ldp_core.estimation.norm_sub import norm_sub
from ldp_core.estimation.simplex import project_to_simplex
from ldp_core.types import Frequencies

__all__ = ["POST_PROCESSES", "Processed", "post_process"]

_BASE_CUT_CONFIDENCE = 0.95


def _base_cut(estimate: Estimate) -> Frequencies:
    """Estimates above the noise floor as they are, the others zero. Not rescaled. Source: Wang et al., NDSS 2020."""
    return np.where(estimate.frequencies > estimate.noise_floor(_BASE_CUT_CONFIDENCE), estimate.frequencies, 0.0)


def _empirical_bayes(estimate: Estimate) -> tuple[Frequencies, Convergence]:
    return empirical_bayes(
        estimate.frequencies, noise=estimate.rates.noise_variance, slope=estimate.slope, n=estimate.n
    )


_METHODS: Mapping[str, Callable[[Estimate], tuple[Frequencies, Convergence | None]]] = {
    "norm_sub": lambda estimate: (norm_sub(estimate.frequencies), None),
    "simplex": lambda estimate: (project_to_simplex(estimate.frequencies), None),
    "base_cut": lambda estimate: (_base_cut(estimate), None),
    "empirical_bayes": _empirical_bayes,
}

POST_PROCESSES = tuple(_METHODS)
"""Their names. `empirical_bayes` has the least total error on skewed data; `base_cut` never shows what may be noise."""


@dataclass(frozen=True)
class Processed:
    """A post-processed histogram. It is biased: for errors and intervals go back to the estimate it came from.

    convergence: how the fit behind it ended; None where nothing is iterated.
    """

    frequencies: Frequencies
    provenance: Provenance
    convergence: Convergence | None = None


def post_process(estimate: Estimate, name: str) -> Processed:
    """One of `POST_PROCESSES` applied to the raw estimates. Raises ParameterError for an unknown name."""
    if name not in POST_PROCESSES:
        raise ParameterError(f"post must be one of {', '.join(POST_PROCESSES)}; got {name!r}")
    provenance = replace(estimate.provenance, post=(*estimate.provenance.post, name))
    frequencies, convergence = _METHODS[name](estimate)
    return Processed(frequencies, provenance, convergence)
