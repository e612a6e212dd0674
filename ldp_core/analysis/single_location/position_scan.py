"""Which fixed position of a sequence goes with the outcome, from private reports of one token and the outcome together.

Each phone draws a public, uniform position l and reports the pair (its token there, its outcome) by a mechanism over all pairs. For each
position P holds the estimated frequencies of the pairs, and the dependence of token and outcome is

    D = sum_ab R_ab^2 - E_noise,   R = P - P_a. P_.b,   E_noise = tr(J Sigma J'),

where Sigma is the covariance of P and J(e)_ab = e_ab - P_.b e_a. - P_a. e_.b the first-order effect of an error e on R. Under
independence D is near 0 and its law is drawn: e ~ N(0, Sigma at P_a. P_.b), added to that table (parametric bootstrap). The adjusted p is
that of the largest standardised D over all positions, so it holds for the scan as a whole.

It finds a *fixed* position. A position that moves from row to row is diluted by the number of positions: see `fit` for those.

Notation: k = A B pairs, A tokens, B outcomes · item of a pair: token * B + outcome
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

import numpy as np

from ldp_core.analysis import schema
from ldp_core.analysis.errors import AnalysisError, TooLargeError
from ldp_core.analysis.fields import integer, real, request_from_json
from ldp_core.analysis.histogram import HISTOGRAM_FIELDS, HISTOGRAM_PROPERTIES, CollectionHistogram
from ldp_core.analysis.perturbed.estimator_noise import EstimatorNoise
from ldp_core.analysis.progress import Progress, Step, silent
from ldp_core.analysis.result import AnalysisResult, Series
from ldp_core.estimation import Estimate
from ldp_core.mechanisms import create
from ldp_core.types import FloatArray

__all__ = [
    "EXAMPLE",
    "METHOD",
    "QUESTION",
    "SCHEMA",
    "TITLE",
    "VERDICTS",
    "PositionScanRequest",
    "dependence",
    "from_json",
    "noise_expectation",
    "predicted_seconds",
    "run",
]

METHOD = "single-location/position-scan"
TITLE = "Which position goes with the outcome"
QUESTION = "Is there a fixed position whose token goes with the outcome, when each phone reports one token and the outcome privately?"
VERDICTS: Mapping[str, str] = {
    "position_found": "at some position token and outcome depend on each other, beyond the noise of the whole scan",
    "no_position": "no fixed position stands out; one that moves from row to row would not show",
}

_MOST_POSITIONS, _MOST_PAIRS = 1_000, 1_000
_MOST_NUMBERS = 100_000_000
_SECONDS_PER_CUBE, _SECONDS_PER_SQUARE = 4e-9, 3e-10

SCHEMA: Mapping[str, Any] = schema.request(
    {
        "histograms": {
            "type": "array",
            "title": "Positions",
            "description": "one histogram of pairs for each position, in order; a pair's item is token * outcomes + outcome",
            "items": {
                "type": "object",
                "properties": dict(HISTOGRAM_PROPERTIES),
                "required": ["mechanism", "counts"],
                "additionalProperties": False,
            },
            "minItems": 2,
            "maxItems": _MOST_POSITIONS,
        },
        "outcomes": schema.integer("Outcomes", "how many an item is paired with", 2, 100, 2),
        "bootstrap": schema.integer("Draws", "of the noise, for the p-values", 99, 9_999, 499),
        "alpha": schema.number("Level", "below which an adjusted p counts", 1e-4, 0.2, 0.01),
        "seed": schema.seed(),
    },
    required=("histograms",),
)


@dataclass(frozen=True, eq=False)
class PositionScanRequest:
    """histograms: one for each position · outcomes: B · bootstrap: draws · alpha: of the verdict · seed.

    Raises AnalysisError, or TooLargeError above 1,000 positions, 1,000 pairs, or 10^8 numbers drawn at one position.
    """

    histograms: Sequence[Mapping[str, Any]]
    outcomes: int = 2
    bootstrap: int = 499
    alpha: float = 0.01
    seed: int = 0
    estimates: Sequence[Estimate] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        integer("outcomes", self.outcomes, 2, 100)
        integer("bootstrap", self.bootstrap, 99, 9_999)
        integer("seed", self.seed, 0, 2**63 - 1)
        object.__setattr__(self, "alpha", real("alpha", self.alpha, 1e-4, 0.2))
        given = self.histograms
        if isinstance(given, str) or not isinstance(given, Sequence) or len(given) < 2:
            raise AnalysisError("histograms must be a list of at least 2", code="wrong_type", field="histograms")
        if len(given) > _MOST_POSITIONS:
            raise TooLargeError(f"at most {_MOST_POSITIONS:,} positions, got {len(given):,}", field="histograms")
        object.__setattr__(self, "estimates", [self._estimate(one) for one in given])
        pairs = {estimate.domain_size for estimate in self.estimates}
        if len(pairs) > 1 or self.pairs % self.outcomes or self.pairs < 2 * self.outcomes:
            raise AnalysisError(
                f"every position must have the same pairs, a multiple of {self.outcomes} with two tokens at least; got {sorted(pairs)}",
                code="wrong_shape",
                field="histograms",
            )
        if self.bootstrap * self.pairs > _MOST_NUMBERS:
            raise TooLargeError("draws times pairs must be at most 10^8", field="bootstrap")

    @property
    def pairs(self) -> int:
        """k."""
        return self.estimates[0].domain_size

    @staticmethod
    def _estimate(one: object) -> Estimate:
        if not isinstance(one, Mapping) or set(one) - set(HISTOGRAM_FIELDS) or not {"mechanism", "counts"} <= set(one):
            raise AnalysisError(
                "each of the histograms has the fields mechanism, counts and, if need be, n",
                code="wrong_type",
                field="histograms",
            )
        histogram = CollectionHistogram.from_fields(one["mechanism"], one["counts"], one.get("n"))
        if histogram.mechanism.domain_size > _MOST_PAIRS:
            raise TooLargeError(
                f"at most {_MOST_PAIRS:,} pairs, got {histogram.mechanism.domain_size:,}", field="histograms"
            )
        return histogram.estimate


def from_json(body: object) -> PositionScanRequest:
    """The request of a JSON object. AnalysisError names what is unknown, missing or out of range."""
    return request_from_json(PositionScanRequest, body)


def predicted_seconds(request: PositionScanRequest) -> float:
    """Expected duration on one core: for each position one factorisation of the covariance and the draws."""
    k = request.pairs
    return 0.02 + len(request.estimates) * (
        1e-3 + _SECONDS_PER_CUBE * k**3 + _SECONDS_PER_SQUARE * k * k * request.bootstrap
    )


class _Position(NamedTuple):
    dependence: float
    expectation: float
    deviation: float
    drawn: FloatArray  # (draws,) standardised, under independence

    @property
    def z(self) -> float:
        return (self.dependence - self.expectation) / self.deviation


def run(request: PositionScanRequest, *, progress: Progress = silent) -> AnalysisResult:
    """The dependence at every position, with p-values that hold for all positions together.

    Verdict: `position_found` where some adjusted p is at most alpha, else `no_position`.
    """
    rngs = [np.random.default_rng(s) for s in np.random.SeedSequence(request.seed).spawn(len(request.estimates))]
    found: list[_Position] = []
    for place, (estimate, rng) in enumerate(zip(request.estimates, rngs, strict=True)):
        progress(Step(place, len(rngs), "positions", "largest z", max((one.z for one in found), default=None)))
        found.append(_position(estimate, request, rng))
    z = np.array([one.z for one in found])
    largest = np.max([one.drawn for one in found], axis=0)
    own = [(1 + int((one.drawn >= one.z).sum())) / (1 + request.bootstrap) for one in found]
    adjusted = [(1 + int((largest >= one).sum())) / (1 + request.bootstrap) for one in z]
    columns: dict[str, Any] = {
        "position": np.arange(len(found)),
        "n": [estimate.n for estimate in request.estimates],
        "dependence": [one.dependence for one in found],
        "z": z,
        "p": own,
        "p_adjusted": adjusted,
    }
    best = int(np.argmax(z))
    return AnalysisResult(
        method=METHOD,
        params_effective={
            "positions": len(found),
            "tokens": request.pairs // request.outcomes,
            **{name: getattr(request, name) for name in ("outcomes", "bootstrap", "alpha", "seed")},
        },
        seed=request.seed,
        verdict="position_found" if adjusted[best] <= request.alpha else "no_position",
        result={"best_position": best, "positions": columns},
        diagnostics={
            "null_expectation": [one.expectation for one in found],
            "null_deviation": [one.deviation for one in found],
            "least_p": 1 / (1 + request.bootstrap),
        },
        warnings=("too_few_draws",) if 1 / (1 + request.bootstrap) > request.alpha else (),
        series={"scan": Series(columns, "position", "position", "dependence of token and outcome, standardised")},
    )


def dependence(tables: FloatArray, noise: float) -> FloatArray:
    """D = sum_ab (P_ab - P_a. P_.b)^2 - noise of each table.  (..., A, B) -> (...)"""
    residual = tables - tables.sum(axis=-1, keepdims=True) * tables.sum(axis=-2, keepdims=True)
    squares: FloatArray = np.square(residual).sum(axis=(-2, -1)) - noise
    return squares


def noise_expectation(covariance: FloatArray, table: FloatArray) -> float:
    """tr(J Sigma J'): the mean of sum R^2 that errors alone make, to first order.  covariance: (k, k) · table: (A, B)"""
    A, B = table.shape
    rows, columns = table.sum(axis=1), table.sum(axis=0)
    J = np.eye(A * B)
    for a in range(A):
        J[a * B : (a + 1) * B, a * B : (a + 1) * B] -= columns[:, None]  # - P_.b e_a.
    for b in range(B):
        J[:, b::B] -= np.kron(rows, np.arange(B) == b)[:, None]  # - P_a. e_.b
    return float(np.einsum("ij,jk,ik->", J, covariance, J, optimize=True))


def _position(estimate: Estimate, request: PositionScanRequest, rng: np.random.Generator) -> _Position:
    shape = (request.pairs // request.outcomes, request.outcomes)
    table = estimate.frequencies.reshape(shape)
    independent = np.outer(_shares(table.sum(axis=1)), _shares(table.sum(axis=0)))
    covariance = EstimatorNoise(replace(estimate, frequencies=independent.ravel())).covariance()
    noise = noise_expectation(covariance, independent)
    errors = rng.standard_normal((request.bootstrap, request.pairs)) @ _root(covariance).T
    drawn = dependence(independent + errors.reshape(-1, *shape), noise)
    middle, deviation = float(drawn.mean()), float(drawn.std(ddof=1))
    return _Position(float(dependence(table, noise)), middle, deviation, (drawn - middle) / deviation)


def _shares(marginal: FloatArray) -> FloatArray:
    """A marginal as probabilities: estimates may be negative and need not sum to one."""
    plausible = np.maximum(marginal, 1e-9)
    shares: FloatArray = plausible / plausible.sum()
    return shares


def _root(covariance: FloatArray) -> FloatArray:
    """A matrix whose square is the covariance, rounding below zero left out.  (k, k)"""
    values, vectors = np.linalg.eigh(covariance)
    root: FloatArray = vectors * np.sqrt(np.maximum(values, 0))
    return root


def _example() -> Mapping[str, Any]:
    """Four positions, three tokens, two outcomes, 3,000 phones each; the third position goes with the outcome."""
    mechanism = {"name": "projective_geometry", "epsilon": "2", "domain_size": 6, "parameters": {"q": 3, "t": 3}}
    made = create("projective_geometry", epsilon="2", domain_size=6, q=3, t=3)
    rng = np.random.default_rng(8)
    histograms = []
    for position in range(4):
        token, outcome = rng.integers(0, 3, 3_000), rng.integers(0, 2, 3_000)
        if position == 2:
            outcome = np.where(rng.random(3_000) < 0.8, token > 0, outcome).astype(np.int64)
        counts = made.tally(made.randomize_many(2 * token + outcome, rng)).counts
        histograms.append({"mechanism": mechanism, "counts": counts.tolist()})
    return {"histograms": histograms, "seed": 1}


EXAMPLE: Mapping[str, Any] = _example()
