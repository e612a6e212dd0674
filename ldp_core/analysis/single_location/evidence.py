"""What the fitted head is worth, and what it looks at.

Notation: c: mean of the training outcomes · a: (n, L) attention, absolute weights with sum 1 in each row
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from ldp_core.analysis.result import Series
from ldp_core.analysis.single_location.attention import AttentionFit, attention_weights
from ldp_core.analysis.single_location.held_out import Skill, explained_variance, skill
from ldp_core.analysis.single_location.linear_baseline import linear_r2_theory
from ldp_core.analysis.single_location.split import Split
from ldp_core.labels import OneBitOutcome
from ldp_core.types import FloatArray, IntArray

__all__ = ["Evidence", "Findings", "report"]

_SAME_DIRECTION = 0.9
"""Absolute cosine above which two starts found the same direction."""

_SAME_TOKENS = 0.95
"""Share of rows with one choice of token above which two starts agree though saturated attention leaves the direction open."""

_SIGNIFICANT = 0.01
_GAIN = 0.02
"""Least advantage over the linear model, in R^2, where outcomes are exact."""

_BLOCK = 4096


@dataclass(frozen=True, eq=False)
class Evidence:
    """best: the chosen fit · by_start: the fit of each start at the same lambda · predictions, linear: of the test rows by
    attention and by the linear model · r2_validation: of the best · evaluations: of the objective in all fits."""

    best: AttentionFit
    by_start: tuple[AttentionFit, ...]
    predictions: FloatArray
    linear: FloatArray
    r2_validation: float
    evaluations: int


@dataclass(frozen=True)
class Findings:
    """The parts of an analysis result."""

    verdict: str
    result: Mapping[str, Any]
    diagnostics: Mapping[str, Any]
    warnings: tuple[str, ...]
    series: Mapping[str, Series]


@dataclass(frozen=True, eq=False)
class _Focus:
    """Where a head looks. profile: (L,) mean attention · histogram: (L,) rows whose largest attention is there ·
    entropy: mean, 0 for one token and 1 for all alike."""

    profile: FloatArray
    histogram: IntArray
    entropy: float


def report(
    split: Split,
    evidence: Evidence,
    *,
    permutations: int,
    private: OneBitOutcome | None,
    shown: Mapping[int, FloatArray],
    rng: np.random.Generator,
) -> Findings:
    """Everything that is said about the best fit, and the verdict. shown: scaled tokens of the rows whose attention is wanted."""
    test, best, c = split.test, evidence.best, float(split.train.y.mean())
    attention = skill(test.y, evidence.predictions, c, permutations, rng)
    linear = skill(test.y, evidence.linear, c, permutations, rng)
    explained, explained_se = explained_variance(test.y - c, evidence.predictions - c)
    cosines = [float(abs(fit.u @ best.u)) for fit in evidence.by_start]
    same_tokens = [_token_agreement(split, fit, best) for fit in evidence.by_start]
    agreeing = sum(
        cosine >= _SAME_DIRECTION or same >= _SAME_TOKENS for cosine, same in zip(cosines, same_tokens, strict=True)
    )
    alignment, sign = _mean_alignment(split, best)
    swapped = abs(alignment) < 0.3 and split.z_mean > 3
    amplitude = float(np.linalg.norm(best.w))
    v = best.w / amplitude if amplitude > 0 else best.w
    focus = _focus(split, best)
    result = {
        "k": best.u * sign,
        "v": v * sign,
        "lambda": best.lam,
        "amplitude": amplitude,
        "intercept": best.intercept,
        "token_scale": split.scale,
        "r2_test": attention.r2,
        "r2_linear": linear.r2,
        "r2_linear_theory": _linear_theory(split, best, v, focus),
        "r2_ceiling": None if private is None else (private.limit / private.magnitude) ** 2,
        "explained_variance": explained,
        "explained_variance_se": explained_se,
        "perm_p": attention.p,
        "position_profile": focus.profile,
        "position_histogram": focus.histogram,
        "entropy": focus.entropy,
        "start_agreement": cosines,
        "mean_alignment": alignment,
        "z_mean": split.z_mean,
        "role_swap_suspected": swapped,
        "attention_rows": [{"row": row, "attention": _attention(X[None], best)[0]} for row, X in shown.items()],
    }
    diagnostics = {
        "r2_validation": evidence.r2_validation,
        "linear_perm_p": linear.p,
        "starts_that_agree": agreeing,
        "start_token_agreement": same_tokens,
        "moment_alignment_v": _moment_alignment(split, v),
        "evaluations": evidence.evaluations,
        "rows": {"train": len(split.train.y), "validation": len(split.validation.y), "test": len(test.y)},
        "degenerate_positions": list(split.degenerate),
    }
    stable = agreeing >= 2 and not (swapped and best.attention == "erf")
    verdict = _verdict(attention, linear, stable=stable, gain=_GAIN if private is None else 0.0)
    said = {"degenerate_position": split.degenerate, "role_swap_suspected": swapped, "single_start": len(cosines) == 1}
    warnings = tuple(code for code, true in said.items() if true)
    return Findings(verdict, result, diagnostics, warnings, _series(result, tuple(shown)))


def _verdict(attention: Skill, linear: Skill, *, stable: bool, gain: float) -> str:
    better = attention.r2 > max(linear.r2, 0.0) + gain
    significant = attention.p <= _SIGNIFICANT
    if significant and stable and better:
        return "supported"
    if linear.p <= _SIGNIFICANT and linear.r2 > 0 and not better:
        return "linear_enough"
    return "unstable" if significant and better else "not_supported"


def _mean_alignment(split: Split, fit: AttentionFit) -> tuple[float, int]:
    """<k, mean token> / |mean token|, and the sign that makes it positive where (k, v) and (-k, -v) are the same model."""
    length = float(np.linalg.norm(split.mean_token))
    alignment = float(fit.u @ split.mean_token) / length if length > 0 else 0.0
    sign = -1 if fit.attention == "erf" and alignment < 0 else 1
    return alignment * sign, sign


def _moment_alignment(split: Split, v: FloatArray) -> float:
    """Cosine of v with sum_i (y_i - mean y) sum_l X_il, which points to v* in the population: a check that fits nothing."""
    moment = (split.y - split.y.mean()) @ split.X.sum(axis=1)
    length = float(np.linalg.norm(moment))
    return abs(float(moment @ v)) / length if length > 0 else 0.0


def _token_agreement(split: Split, one: AttentionFit, other: AttentionFit) -> float:
    """Share of the validation rows in which two heads look at the same token most."""
    X = split.validation.X
    return float(np.mean(_located(X, one) == _located(X, other)))


def _located(X: FloatArray, fit: AttentionFit) -> IntArray:
    """Position with the largest attention.  (rows, L, d) -> (rows,)"""
    return np.asarray(np.abs(attention_weights(X, fit.u, fit.lam, fit.attention)).argmax(axis=1))


def _attention(X: FloatArray, fit: AttentionFit) -> FloatArray:
    """Absolute weights with sum 1 in each row; uniform where all are zero.  (rows, L, d) -> (rows, L)"""
    a = np.abs(attention_weights(X, fit.u, fit.lam, fit.attention))
    total = a.sum(axis=1, keepdims=True)
    return np.asarray(np.where(total > 0, a / np.where(total > 0, total, 1), 1 / a.shape[1]))


def _focus(split: Split, fit: AttentionFit) -> _Focus:
    n, L, _ = split.X.shape
    profile, histogram, entropy = np.zeros(L), np.zeros(L, dtype=np.int64), 0.0
    for start in range(0, n, _BLOCK):
        a = _attention(split.X[start : start + _BLOCK], fit)
        profile += a.sum(axis=0)
        histogram += np.bincount(a.argmax(axis=1), minlength=L)
        entropy -= float((a * np.log(np.maximum(a, 1e-300))).sum())
    return _Focus(profile / n, histogram, max(entropy / n / float(np.log(L)), 0.0))


def _linear_theory(split: Split, fit: AttentionFit, v: FloatArray, focus: _Focus) -> float:
    """R^2 that a linear model would reach if tokens at the positions that the head looks at decide the outcome as it says."""
    rows = split.train
    located = rows.X[np.arange(len(rows.y)), _located(rows.X, fit)] @ v
    spread = float(located.var())
    if spread == 0:
        return 0.0
    signal = min(float(fit.w @ fit.w) * spread / float(split.y.var()), 1.0)
    return linear_r2_theory(focus.histogram / focus.histogram.sum(), spread / split.token_sd**2, signal)


def _series(result: Mapping[str, Any], rows: tuple[int, ...]) -> dict[str, Series]:
    L = len(result["position_profile"])
    positions: dict[str, Any] = {
        "position": list(range(L)),
        "mean_attention": result["position_profile"],
        "times_largest": result["position_histogram"],
    }
    bars: dict[str, Any] = {
        "model": ["linear", "linear, in theory", "attention"],
        "r2": [result["r2_linear"], result["r2_linear_theory"], result["r2_test"]],
    }
    series = {
        "position_profile": Series(positions, "position", "position of the token", "mean attention"),
        "r2": Series(bars, "model", "model", "R^2 on the test rows"),
    }
    if rows:
        heat: dict[str, Any] = {
            "row": [row for row in rows for _ in range(L)],
            "position": [position for _ in rows for position in range(L)],
            "attention": np.concatenate([entry["attention"] for entry in result["attention_rows"]]),
        }
        series["attention_rows"] = Series(heat, "position", "position of the token", "row")
    return series
