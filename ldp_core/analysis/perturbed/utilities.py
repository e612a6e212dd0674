"""Utilities behind choices: which values of items, perturbed by each person's own taste, make the choices so frequent?

Notation
    a person picks argmax_i theta_i + s Z_i · p: share of people who pick each item, (k,) · y_s(theta): what theta predicts
    theta solves y_s(theta) = p; it is known up to a constant and centred to sum 0 · Pi: centring · D = diag(p) · S: Cov(p_hat)
    Gumbel: theta = s log p, Cov(theta) = s^2 Pi D^-1 S D^-1 Pi · normal: Newton's method, Cov(theta) = H^+ S H^+ with
    H = dy_s/dtheta. Both are Berthet et al. 2020, Prop. 4.1, with the sampling covariance replaced by the collection's.
Minimising the Fenchel-Young loss over reports needs only their mean, so a private histogram is all that is needed.
"""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, NamedTuple

import numpy as np

from ldp_core.analysis import schema
from ldp_core.analysis.errors import AnalysisError, TooLargeError
from ldp_core.analysis.perturbed.closed_forms import softmax
from ldp_core.analysis.perturbed.collection_fields import COLLECTION_PROPERTIES, EXAMPLE_COLLECTION, with_estimate
from ldp_core.analysis.perturbed.estimator_noise import EstimatorNoise
from ldp_core.analysis.perturbed.independent import ClosedForm, NormalLaw, argmax_law
from ldp_core.analysis.perturbed.reading import choice, known_fields, number
from ldp_core.analysis.progress import Progress, Step, silent
from ldp_core.analysis.result import AnalysisResult, Series
from ldp_core.estimation.estimate import Estimate
from ldp_core.estimation.intervals import critical_value
from ldp_core.types import FloatArray, IntArray

__all__ = [
    "EXAMPLE",
    "METHOD",
    "QUESTION",
    "SCHEMA",
    "TITLE",
    "VERDICTS",
    "UtilitiesRequest",
    "from_json",
    "predicted_seconds",
    "run",
]

METHOD = "utilities"
TITLE = "What the items are worth"
QUESTION = "How much more is each item worth to people, if everybody picks the best for them?"
EXAMPLE: Mapping[str, Any] = {**EXAMPLE_COLLECTION, "noise": "gumbel", "scale": 1.0, "confidence": 0.95}
VERDICTS: Mapping[str, str] = {
    "identified": "every item is above its noise",
    "partly_identified": "items within two standard errors of zero are left out; the utilities are among the others",
    "no_signal": "fewer than two items are above their noise",
}
SCHEMA: Mapping[str, Any] = schema.request(
    {
        **COLLECTION_PROPERTIES,
        "noise": schema.one_of("Tastes", "law of what differs between people", ("gumbel", "normal"), "gumbel"),
        "scale": {
            "type": "number",
            "title": "Scale",
            "description": "of the tastes; it sets the unit of the utilities",
            "exclusiveMinimum": 0,
            "default": 1.0,
        },
        "confidence": {
            "type": "number",
            "title": "Confidence",
            "description": "of each interval",
            "exclusiveMinimum": 0,
            "exclusiveMaximum": 1,
            "default": 0.95,
        },
    },
    required=("mechanism", "counts"),
)

_KEPT_ABOVE = 2.0  # standard errors
_WEAK_BELOW = 5.0  # standard errors below which an interval on a log scale is rough
_MOST_NORMAL = 50
_MOST_ITEMS = 2_000
_NEWTON_STEPS = 60
_SOLVED = 1e-12


@dataclass(frozen=True, eq=False)
class UtilitiesRequest:
    """The utilities behind an estimate.

    noise: gumbel or normal, the law of tastes · scale: s > 0, which sets the unit of theta · confidence: of each interval ·
    covariance: (k, k) of the estimates as by `report_covariance`, or None to derive it from the estimate.
    Raises AnalysisError or TooLargeError.
    """

    estimate: Estimate
    noise: str = "gumbel"
    scale: float = 1.0
    confidence: float = 0.95
    covariance: FloatArray | None = None

    def __post_init__(self) -> None:
        choice(self.noise, "noise", ("gumbel", "normal"))
        number(self.scale, "scale", 0, np.inf)
        number(self.confidence, "confidence", 0, 1)
        k = self.estimate.domain_size
        most = _MOST_NORMAL if self.noise == "normal" else _MOST_ITEMS
        if len(self.kept) > most or k > _MOST_ITEMS:
            raise TooLargeError(
                f"{self.noise} utilities take at most {most:,} items above their noise of {_MOST_ITEMS:,} in all, "
                f"got {len(self.kept):,} of {k:,}",
                code="too_large",
                field="noise",
            )
        if self.covariance is not None and self.covariance.shape != (k, k):
            raise AnalysisError(f"the covariance must be {k} by {k}", code="wrong_length", field="covariance")

    @property
    def kept(self) -> IntArray:
        """Items whose estimate exceeds two standard errors; the logarithm of others means nothing."""
        estimate = self.estimate
        return np.flatnonzero(estimate.frequencies > _KEPT_ABOVE * estimate.standard_errors)

    @property
    def parameters(self) -> dict[str, Any]:
        """Everything that was asked, and of which collection."""
        given = {f.name: getattr(self, f.name) for f in fields(self) if f.name not in {"estimate", "covariance"}}
        return given | {"n": self.estimate.n, "domain_size": self.estimate.domain_size}


def from_json(body: Mapping[str, Any]) -> UtilitiesRequest:
    """The request of a JSON object with the counts of a collection. Raises AnalysisError naming the field at fault."""
    return UtilitiesRequest(**known_fields(with_estimate(body), UtilitiesRequest))


def predicted_seconds(request: UtilitiesRequest) -> float:
    """Dense algebra on the kept items, and one integral for each Newton step."""
    k = request.estimate.domain_size
    steps = 0.002 * _NEWTON_STEPS if request.noise == "normal" else 0.0
    return 0.02 + 2e-9 * k**3 + steps


class _Fit(NamedTuple):
    theta: FloatArray  # (m,) centred
    slope: FloatArray  # (m, m) d theta / d p
    residual: float


def run(request: UtilitiesRequest, *, progress: Progress = silent) -> AnalysisResult:
    """Centred utilities of the items above their noise, with their covariance and intervals."""
    progress(Step(0, 1, "inversions"))
    kept, estimate = request.kept, request.estimate
    dropped = np.setdiff1d(np.arange(estimate.domain_size), kept)
    diagnostics: dict[str, Any] = {"dropped_items": dropped}
    if len(kept) < 2:
        return _result(request, "no_signal", {"item": kept}, diagnostics, ("items_dropped",), {})
    everything = EstimatorNoise(estimate).covariance() if request.covariance is None else request.covariance
    frequencies = estimate.frequencies[kept]
    total = frequencies.sum()
    shares = frequencies / total
    fit = _gumbel(shares, request.scale) if request.noise == "gumbel" else _normal(shares, request.scale, progress)
    # shares = f / sum f, so d shares / d f = (I - shares 1') / sum f
    normalising = (np.eye(len(kept)) - shares[:, None]) / total
    slope = fit.slope @ normalising
    covariance = slope @ everything[np.ix_(kept, kept)] @ slope.T
    errors = np.sqrt(np.maximum(np.diag(covariance), 0))
    z = critical_value(request.confidence)
    columns = {"item": kept, "theta": fit.theta, "se": errors, "low": fit.theta - z * errors}
    columns |= {"high": fit.theta + z * errors, "share": shares}
    weak = bool((frequencies < _WEAK_BELOW * estimate.standard_errors[kept]).any())
    told = {"items_dropped": len(dropped) > 0, "weak_items": weak}
    diagnostics |= {"residual": fit.residual, "kept_total": float(total)}
    verdict = "partly_identified" if len(dropped) else "identified"
    answer = {**columns, "covariance": covariance}
    return _result(request, verdict, answer, diagnostics, tuple(c for c, said in told.items() if said), columns)


def _gumbel(shares: FloatArray, scale: float) -> _Fit:
    """theta = s log p, centred."""
    centring = np.eye(len(shares)) - 1 / len(shares)
    theta = scale * centring @ np.log(shares)
    residual = float(np.abs(softmax(theta, scale) - shares).max())
    return _Fit(theta, scale * centring / shares, residual)


def _normal(shares: FloatArray, scale: float, progress: Progress) -> _Fit:
    """Minimise the convex F(theta) - <theta, p> by Newton's method with step halving."""
    deviations = np.full(len(shares), scale)
    theta: FloatArray = scale * (np.log(shares) - float(np.log(shares).mean())) / 1.3  # nearly the answer for two items
    law = argmax_law(NormalLaw(theta, deviations), jacobian=True)
    for step in range(_NEWTON_STEPS):
        gradient = law.mean - shares
        progress(Step(step, _NEWTON_STEPS, "Newton steps", "residual", float(np.abs(gradient).max())))
        if np.abs(gradient).max() < _SOLVED:
            break
        move = _inverse(law) @ gradient
        size = 1.0
        while size > 1e-6:
            trial = argmax_law(NormalLaw(theta - size * move, deviations), jacobian=True)
            if np.abs(trial.mean - shares).max() < np.abs(gradient).max():
                break
            size /= 2
        else:
            break
        theta, law = theta - size * move, trial
    centred: FloatArray = theta - float(theta.mean())
    return _Fit(centred, _inverse(law), float(np.abs(law.mean - shares).max()))


def _inverse(law: ClosedForm) -> FloatArray:
    """H^+: moves of theta, up to a constant, for moves of the shares.  (m, m)"""
    if law.jacobian is None:
        raise AssertionError("the law was asked for its Jacobian")
    return np.asarray(np.linalg.pinv(law.jacobian, hermitian=True), dtype=np.float64)


def _result(
    request: UtilitiesRequest,
    verdict: str,
    answer: dict[str, Any],
    diagnostics: dict[str, Any],
    warnings: tuple[str, ...],
    columns: dict[str, Any],
) -> AnalysisResult:
    series = {"utilities": Series(columns, "item", "item", "utility")} if columns else {}
    return AnalysisResult(
        method=METHOD,
        params_effective=request.parameters,
        verdict=verdict,
        result=answer,
        diagnostics=diagnostics,
        warnings=warnings,
        series=series,
    )
