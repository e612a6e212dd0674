"""Fit attention to rows of tokens with one outcome each: does a hidden location drive the outcome, and which tokens hold it?

The head is in `attention`, the yardstick in `linear_baseline`; what the verdicts mean is in docs/analysis/single-location.md.
"""

from collections.abc import Mapping
from dataclasses import fields
from typing import Any

import numpy as np

from ldp_core.analysis.progress import Progress, Step, silent
from ldp_core.analysis.result import AnalysisResult
from ldp_core.analysis.single_location.attention import AttentionFit, fit_direction, predict
from ldp_core.analysis.single_location.evidence import Evidence, report
from ldp_core.analysis.single_location.fit_request import SCHEMA, FitRequest, from_json
from ldp_core.analysis.single_location.linear_baseline import linear_predictions
from ldp_core.analysis.single_location.split import Split, choose
from ldp_core.analysis.single_location.synthetic import draw_rows
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
_SECONDS_PER_NUMBER, _EVALUATIONS = 7e-9, 25
_SECONDS_PER_FLOP = 1e-10


def predicted_seconds(request: FitRequest) -> float:
    """Expected duration on one core: rows · L · d · fits · 25 evaluations, and the linear yardstick's systems."""
    n, (_, L, d) = len(request.answered), request.X.shape
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
    shown = request.return_attention_for
    found = report(
        split,
        evidence,
        permutations=request.permutations,
        private=request.private_outcome,
        shown=dict(zip(shown, request.X[list(shown)] / split.scale, strict=True)),
        rng=rng_permute,
    )
    parameters = {f.name: getattr(request, f.name) for f in fields(FitRequest) if f.init and f.name not in ("X", "y")}
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
    n = len(request.answered)
    order = request.answered[rng.permutation(n)]
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
