"""Fit attention to rows of tokens with one outcome each: does a hidden location drive the outcome, and which tokens hold it?

The head is in `attention`, the yardstick in `linear_baseline`; what the verdicts mean is in docs/analysis/single-location.md.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from ldp_core.analysis import schema
from ldp_core.analysis.errors import AnalysisError, TooLargeError
from ldp_core.analysis.fields import array, boolean, choice, integer, real, reals, request_from_json
from ldp_core.analysis.progress import Progress, Step, silent
from ldp_core.analysis.result import AnalysisResult
from ldp_core.analysis.single_location.attention import ATTENTIONS, AttentionFit, fit_direction, predict
from ldp_core.analysis.single_location.evidence import Evidence, report
from ldp_core.analysis.single_location.label_privacy import OneBitOutcome
from ldp_core.analysis.single_location.linear_baseline import linear_predictions
from ldp_core.analysis.single_location.split import Split, choose
from ldp_core.analysis.single_location.synthetic import draw_rows
from ldp_core.errors import EpsilonError
from ldp_core.privacy.epsilon import EpsilonLike, format_epsilon, parse_epsilon
from ldp_core.types import FloatArray

__all__ = [
    "EXAMPLE",
    "METHOD",
    "QUESTION",
    "SCHEMA",
    "TITLE",
    "VERDICTS",
    "FitRequest",
    "from_json",
    "predicted_seconds",
    "run",
]

METHOD = "single-location/fit"
TITLE = "Which token drives the outcome"
QUESTION = "Does the outcome of each row depend on one of its tokens, wherever it stands, and which one is it?"

VERDICTS: Mapping[str, str] = {
    "supported": "one hidden token drives the outcome: better than a line on rows never touched, and found from several starts",
    "linear_enough": "the outcome is explained, and a line explains it as well",
    "not_supported": "no more is explained than by chance",
    "unstable": "something is explained, and different starts do not agree on what",
}
SCHEMA: Mapping[str, Any] = schema.request(
    {
        "X": schema.rows("Tokens", "one row of L tokens with d coordinates for each outcome", 3, minItems=50),
        "y": schema.numbers("Outcomes", "one for each row; bits 0 and 1 where they are private", minItems=50),
        "attention": schema.one_of("Attention", "softmax to fit data; erf as in the theory", ATTENTIONS, "softmax"),
        "lambda_grid": schema.optional(
            schema.numbers(
                "Lambdas", "sharpness values to try, in units of one over the token deviation", minItems=1, maxItems=10
            )
        ),
        "starts": schema.integer("Starts", "at each lambda", 1, 10, 3),
        "moments_start": schema.flag("Mean-token start", "one of the starts is the mean token", True),
        "ridge": schema.number("Ridge", "penalty of the read-out", 0, 1e6, 1e-3, above=True),
        "standardize": schema.one_of(
            "Scale", "divide all tokens by one scale, or leave them", ("tokens", "none"), "tokens"
        ),
        "split": schema.numbers(
            "Split", "shares for training, validation and test", minItems=3, maxItems=3, default=[0.6, 0.2, 0.2]
        ),
        "permutations": schema.integer("Permutations", "of the test of no effect", 99, 9999, 199),
        "return_attention_for": {
            "type": "array",
            "title": "Rows to show",
            "description": "row numbers whose attention is returned",
            "items": {"type": "integer", "minimum": 0},
            "maxItems": 50,
            "default": [],
        },
        "label_epsilon": {
            "type": ["string", "number", "null"],
            "title": "Epsilon of the outcomes",
            "description": "where each outcome is one private bit; with the bound",
            "default": None,
        },
        "label_bound": schema.optional(
            schema.number("Bound of the outcomes", "they were clipped to -bound..bound", 0, 1e12, above=True)
        ),
        "seed": schema.seed(),
    },
    required=("X", "y"),
)

LARGEST_INPUT = 20_000_000
"""Most numbers in X."""

_GRIDS = {"softmax": (1.0, 2.0, 4.0), "erf": (0.05, 0.1, 0.2, 0.4)}
_SECONDS_PER_NUMBER, _EVALUATIONS = 7e-9, 25
_SECONDS_PER_FLOP = 1e-10


@dataclass(frozen=True, eq=False)
class FitRequest:
    """X: (n, L, d) tokens · y: (n,) outcomes, or bits 0 and 1 where label_epsilon and label_bound say how they were made private ·
    attention: softmax or erf · lambda_grid: tried values, in units of 1 / token deviation · starts: of each, 1..10 ·
    moments_start: one of them is the mean token · ridge: penalty of the read-out · standardize: tokens (one scale) or none ·
    split: shares for training, validation, test · permutations: of the test · return_attention_for: row numbers · seed.

    Raises AnalysisError or, above 20 million numbers, TooLargeError.
    """

    X: FloatArray
    y: FloatArray
    attention: str = "softmax"
    lambda_grid: tuple[float, ...] | None = None
    starts: int = 3
    moments_start: bool = True
    ridge: float = 1e-3
    standardize: str = "tokens"
    split: tuple[float, ...] = (0.6, 0.2, 0.2)
    permutations: int = 199
    return_attention_for: tuple[int, ...] = ()
    label_epsilon: EpsilonLike | None = None
    label_bound: float | None = None
    seed: int = 0

    def __post_init__(self) -> None:
        choice("attention", self.attention, ATTENTIONS)
        choice("standardize", self.standardize, ("tokens", "none"))
        grid = _GRIDS[self.attention] if self.lambda_grid is None else self.lambda_grid
        values: dict[str, Any] = {
            "lambda_grid": reals("lambda_grid", grid, 0, 1e4, above=True, count=(1, 10)),
            "starts": integer("starts", self.starts, 1, 10),
            "moments_start": boolean("moments_start", self.moments_start),
            "ridge": real("ridge", self.ridge, 0, 1e6, above=True),
            "split": reals("split", self.split, 0.05, 0.9, count=(3, 3)),
            "permutations": integer("permutations", self.permutations, 99, 9999),
            "seed": integer("seed", self.seed, 0, 2**63 - 1),
        }
        for name, value in values.items():
            object.__setattr__(self, name, value)
        if abs(sum(self.split) - 1) > 1e-9:
            raise AnalysisError(f"split must sum to 1, got {sum(self.split):g}", code="out_of_range", field="split")
        _check_size(self.X)
        object.__setattr__(self, "X", array("X", self.X, 3))
        object.__setattr__(self, "y", array("y", self.y, 1))
        self._check_rows()
        self._check_labels()

    def _check_rows(self) -> None:
        n, L, d = self.X.shape
        for field, value, least, code in (
            ("X", n, 50, "too_few_rows"),
            ("X", L, 2, "too_few_tokens"),
            ("X", d, 1, "wrong_shape"),
        ):
            if value < least:
                kind = {"too_few_rows": "rows", "too_few_tokens": "tokens in each row"}.get(
                    code, "coordinates of each token"
                )
                raise AnalysisError(f"X must have at least {least} {kind}, got {value}", code=code, field=field)
        if len(self.y) != n:
            raise AnalysisError(
                f"y must have one outcome for each of the {n} rows, got {len(self.y)}", code="wrong_shape", field="y"
            )
        if np.ptp(self.y) == 0:
            raise AnalysisError("y is the same in every row, so nothing can explain it", code="constant_y", field="y")
        if np.ptp(self.X) == 0:
            raise AnalysisError("all numbers of X are the same, so X can explain nothing", code="constant_x", field="X")
        if not isinstance(self.return_attention_for, list | tuple) or len(self.return_attention_for) > 50:
            raise AnalysisError(
                "return_attention_for is a list of at most 50 row numbers",
                code="out_of_range",
                field="return_attention_for",
            )
        rows = tuple(integer("return_attention_for", row, 0, n - 1) for row in self.return_attention_for)
        object.__setattr__(self, "return_attention_for", rows)

    def _check_labels(self) -> None:
        if (self.label_epsilon is None) != (self.label_bound is None):
            missing = "label_epsilon" if self.label_epsilon is None else "label_bound"
            raise AnalysisError(
                "private outcomes need both label_epsilon and label_bound", code="missing_field", field=missing
            )
        if self.label_bound is None:
            return
        object.__setattr__(self, "label_bound", real("label_bound", self.label_bound, 0, 1e12, above=True))
        assert self.label_epsilon is not None
        try:
            object.__setattr__(self, "label_epsilon", format_epsilon(parse_epsilon(self.label_epsilon)))
        except EpsilonError as error:
            raise AnalysisError(str(error), code="out_of_range", field="label_epsilon") from error
        if not np.isin(self.y, (0, 1)).all():
            raise AnalysisError("private outcomes are bits: every y must be 0 or 1", code="out_of_range", field="y")

    @property
    def private_outcome(self) -> OneBitOutcome | None:
        """How the outcomes were made private, None where they were not."""
        if self.label_epsilon is None or self.label_bound is None:
            return None
        return OneBitOutcome(self.label_epsilon, self.label_bound)


def _check_size(X: object) -> None:
    """Refuse what is too large before it is copied to an array."""
    size = 1
    if isinstance(X, np.ndarray):
        size = X.size
    else:
        level: Any = X
        while isinstance(level, list | tuple) and level:
            size, level = size * len(level), level[0]
    if size > LARGEST_INPUT:
        raise TooLargeError(f"X may hold at most {LARGEST_INPUT} numbers, got {size}; take fewer rows", field="X")


def from_json(body: object) -> FitRequest:
    """The request of a JSON object. AnalysisError names what is unknown, missing or out of range."""
    return request_from_json(FitRequest, body)


def predicted_seconds(request: FitRequest) -> float:
    """Expected duration on one core: rows · L · d · fits · 25 evaluations, and the linear yardstick's systems."""
    n, L, d = request.X.shape
    assert request.lambda_grid is not None
    fits = request.starts * len(request.lambda_grid)
    attention = request.split[0] * n * L * d * fits * _EVALUATIONS * _SECONDS_PER_NUMBER
    rows, wide = request.split[0] * n, L * d
    small = min(rows, wide)
    linear = (2 * small * rows * wide + 17 * small**3 / 3) * _SECONDS_PER_FLOP
    return float(0.05 + attention + linear)


def run(request: FitRequest, *, progress: Progress = silent) -> AnalysisResult:
    """Fit every start at every lambda, choose on validation rows, judge on test rows that were never touched.

    Verdict: `supported`, `linear_enough`, `not_supported` or `unstable`.
    """
    rng_split, rng_starts, rng_permute = (
        np.random.default_rng(s) for s in np.random.SeedSequence(request.seed).spawn(3)
    )
    split = _split(request, rng_split)
    assert request.lambda_grid is not None
    total = len(request.lambda_grid) * request.starts
    watch = _Watch(progress, total)
    fits = _fit_all(request, split, rng_starts, watch)
    chosen = choose(split, fits)
    best = _refit(request, split, chosen, watch)
    linear = linear_predictions(split.train, split.validation, split.test.X, watch)
    evidence = Evidence(
        best=best,
        by_start=tuple(fit for fit in fits if fit.lam == chosen.lam),
        predictions=predict(best, split.test.X),
        linear=linear,
        r2_validation=split.r2_validation(chosen),
        evaluations=best.evaluations + sum(fit.evaluations for fit in fits),
    )
    progress(Step(total, total, "fits", "validation R^2", evidence.r2_validation))
    found = report(
        split, evidence, request.permutations, request.private_outcome, request.return_attention_for, rng_permute
    )
    parameters = {name: getattr(request, name) for name in FitRequest.__dataclass_fields__ if name not in ("X", "y")}
    return AnalysisResult(
        method=METHOD,
        params_effective={**parameters, "shape": list(request.X.shape)},
        seed=request.seed,
        verdict=found.verdict,
        result=found.result,
        diagnostics=found.diagnostics,
        warnings=found.warnings,
        series=found.series,
    )


def _split(request: FitRequest, rng: np.random.Generator) -> Split:
    """Rows in random order, tokens divided by one scale, and the three parts as views of one copy."""
    n = len(request.y)
    order = rng.permutation(n)
    private = request.private_outcome
    y = request.y if private is None else private.debias(request.y)
    tokens = request.X[order]
    centre = tokens.mean(axis=(0, 1))
    token_sd = float(np.sqrt(max(np.mean(tokens**2) - np.mean(centre**2), 0.0))) or 1.0
    scale = token_sd if request.standardize == "tokens" else 1.0
    tokens /= scale
    train = round(n * request.split[0])
    validation = max(round(n * request.split[1]), 1)
    return Split(
        X=tokens,
        y=y[order],
        order=order,
        ends=(train, min(train + validation, n - 1)),
        scale=scale,
        token_sd=token_sd / scale,
        degenerate=tuple(int(p) for p in np.flatnonzero(np.ptp(request.X, axis=0).max(axis=1) == 0)),
    )


def _start_directions(request: FitRequest, split: Split, rng: np.random.Generator) -> list[FloatArray]:
    drawn = list(rng.standard_normal((request.starts, split.X.shape[2])))
    mean_token = split.train.X.mean(axis=(0, 1))
    if request.moments_start and np.linalg.norm(mean_token) > 0:
        drawn[0] = mean_token
    return drawn


class _Watch:
    """Reports before each evaluation, so that a cancelled fit stops at once."""

    def __init__(self, progress: Progress, total: int) -> None:
        self.progress, self.done, self.total = progress, 0, total
        self.best: float | None = None

    def __call__(self) -> None:
        self.progress(Step(self.done, self.total, "fits", "validation R^2", self.best))


def _fit_all(request: FitRequest, split: Split, rng: np.random.Generator, watch: _Watch) -> list[AttentionFit]:
    """One fit from each start at each lambda."""
    assert request.lambda_grid is not None
    rows = split.train
    fits: list[AttentionFit] = []
    for start in _start_directions(request, split, rng):
        for lam in request.lambda_grid:
            fit = fit_direction(
                rows.X, rows.y, start, lam=lam, attention=request.attention, ridge=request.ridge, watch=watch
            )
            fits.append(fit)
            watch.done, watch.best = len(fits), max(watch.best or -np.inf, split.r2_validation(fit))
    return fits


def _refit(request: FitRequest, split: Split, chosen: AttentionFit, watch: _Watch) -> AttentionFit:
    """The chosen fit, carried on with the validation rows added; the test rows stay untouched."""
    rows = split.fitted
    return fit_direction(
        rows.X, rows.y, chosen.u, lam=chosen.lam, attention=request.attention, ridge=request.ridge, watch=watch
    )


def _example() -> Mapping[str, Any]:
    """240 rows of 4 tokens with 6 coordinates from the model, to two decimals."""
    rows = draw_rows(240, 6, 4, gamma=0.8, noise_sd=0.1, rng=np.random.default_rng(7))
    return {
        "X": rows.X.round(2).tolist(),
        "y": rows.y.round(2).tolist(),
        "seed": 1,
        "return_attention_for": [0, 1, 2, 3],
    }


EXAMPLE: Mapping[str, Any] = _example()
