"""Post-processing steps that make estimates a histogram, with every Jacobian they have at a kink.

Notation
    A: items that stay positive · tau: what is subtracted from them · a tie may belong to A or not
    norm-sub, simplex   max(f - tau, 0) over A with sum 1, J_A = diag(1_A) - 1_A 1_A' / |A|: symmetric, so it is its own adjoint
    isotonic            block means; adjacent blocks of equal mean may be one block or two
The projections are 1-Lipschitz. Norm-sub is the simplex projection where the positive estimates sum to 1 or more; where they sum to less,
it adds the same amount to each positive one and jumps where an estimate changes sign.
"""

import numpy as np
from scipy.optimize import isotonic_regression

from ldp_core.analysis.errors import AnalysisError
from ldp_core.analysis.nonsmooth.applied import Applied, Bounds, Call, Choices, Tie, Value
from ldp_core.estimation.norm_sub import norm_sub as shifted
from ldp_core.estimation.simplex import project_to_simplex
from ldp_core.types import BoolArray, FloatArray, IntArray

__all__ = ["isotonic", "norm_sub", "simplex"]


def simplex(call: Call) -> Applied:
    """The nearest point with no negative entry and sum 1."""
    x = call.arguments[0]
    numbers = project_to_simplex(x.numbers)
    return _projected(x, numbers, x.numbers - _tau(x.numbers, numbers), call.tolerance)


def norm_sub(call: Call) -> Applied:
    """The service's norm-sub. Raises AnalysisError `not_path_differentiable` on a jump, `non_finite` without a positive entry."""
    x = call.arguments[0]
    positive = x.numbers > 0
    if not positive.any():
        raise AnalysisError(
            "norm_sub needs a positive estimate; these are all noise", code="non_finite", field="program"
        )
    numbers = shifted(x.numbers)
    kinks = x.numbers - _tau(x.numbers, numbers)
    if float(x.numbers[positive].sum()) >= 1 - 1e-12:
        return _projected(x, numbers, kinks, call.tolerance)
    if np.abs(x.numbers).min() <= call.tolerance:
        raise AnalysisError(
            "norm_sub jumps here: the positive estimates sum to less than 1 and one estimate is 0; use simplex, which is continuous",
            code="not_path_differentiable",
            field="program",
        )
    applied = _projected(x, numbers, np.where(positive, np.inf, -np.inf), call.tolerance)
    return Applied(applied.value, applied.pull, applied.bounds, (), np.zeros(0), jump=float(np.abs(x.numbers).min()))


def _tau(x: FloatArray, projected: FloatArray) -> float:
    kept = projected > 0
    return float((x[kept].sum() - 1) / np.count_nonzero(kept))


def _projected(x: Value, numbers: FloatArray, kinks: FloatArray, tolerance: float) -> Applied:
    """Projection with A = {kinks > 0}; entries within the tolerance of 0 are ties."""
    strict, weak = kinks > tolerance, kinks >= -tolerance
    places = np.flatnonzero(weak & ~strict) if x.active[weak].any() else np.zeros(0, dtype=np.int64)
    kept = strict if strict.any() else weak

    def pull(adjoint: FloatArray, choices: Choices) -> tuple[FloatArray, ...]:
        if not len(places):
            return (_centred(adjoint, kept[None, :]),)
        mask = np.tile(strict, (len(adjoint), 1)).astype(np.float64)
        mask[:, places] = choices
        return (_centred(adjoint, mask),)

    def bounds(adjoint: Bounds) -> tuple[Bounds, ...]:
        low = _extreme_mean(-adjoint.low, kept, places) * -1
        high = _extreme_mean(adjoint.high, kept, places)
        lower, upper = np.where(weak, adjoint.low - high, 0.0), np.where(weak, adjoint.high - low, 0.0)
        lower[places], upper[places] = np.minimum(lower[places], 0), np.maximum(upper[places], 0)
        return (Bounds(lower, upper),)

    ties = tuple(Tie((int(place),), (2,), False, float(abs(kinks[place]))) for place in places)
    active = weak & bool(x.active[weak].any())
    return Applied(Value(numbers, active), pull, bounds, ties, kinks)


def _centred(adjoint: FloatArray, mask: FloatArray | BoolArray) -> FloatArray:
    """1_A (w - mean of w over A).  (V, m), (V or 1, m) -> (V, m)"""
    mean = (adjoint * mask).sum(axis=1, keepdims=True) / mask.sum(axis=1, keepdims=True)
    centred: FloatArray = (adjoint - mean) * mask
    return centred


def _extreme_mean(w: FloatArray, kept: BoolArray, places: IntArray) -> float:
    """The largest mean of w over `kept` with any of `places`: the largest of them join while they raise the mean."""
    total, count = float(w[kept].sum()), int(np.count_nonzero(kept))
    for extra in sorted(w[places].tolist(), reverse=True):
        if extra * count <= total:
            break
        total, count = total + extra, count + 1
    return total / count


def isotonic(call: Call) -> Applied:
    """The nearest list that never falls (`direction` increasing) or never rises (decreasing).

    At every cut between neighbours stands a kink: two blocks that would merge, or one that would split, when the means on both sides
    become equal.
    """
    x = call.arguments[0]
    fitted = isotonic_regression(x.numbers, increasing=call.parameters["direction"] == "increasing")
    starts = np.asarray(fitted.blocks, dtype=np.int64)[:-1]
    kinks = _cut_distances(x.numbers, starts, 1.0 if call.parameters["direction"] == "increasing" else -1.0)
    cut = np.zeros(len(x.numbers), dtype=np.bool_)
    cut[starts] = True
    tied = np.flatnonzero(np.abs(kinks) <= call.tolerance) + 1
    joined = cut.copy()
    joined[tied] = False  # as few blocks as any choice makes
    active = _over_blocks(x.active.astype(np.float64), joined) > 0
    tied = tied[active[tied]]

    def pull(adjoint: FloatArray, choices: Choices) -> tuple[FloatArray, ...]:
        cuts = np.tile(cut, (len(adjoint), 1))
        cuts[:, tied] = choices == 1
        return (_block_means(adjoint, cuts),)

    def bounds(adjoint: Bounds) -> tuple[Bounds, ...]:
        if not len(tied):
            return (Bounds(_over_blocks(adjoint.low, cut), _over_blocks(adjoint.high, cut)),)
        first = np.flatnonzero(joined)
        sizes = np.diff(np.append(first, len(cut)))
        fine = cut.copy()
        fine[tied] = True
        loose = np.repeat(np.add.reduceat(fine.astype(np.int64), first) > 1, sizes)
        low = np.where(
            loose, np.repeat(np.minimum.reduceat(adjoint.low, first), sizes), _over_blocks(adjoint.low, joined)
        )
        high = np.where(
            loose, np.repeat(np.maximum.reduceat(adjoint.high, first), sizes), _over_blocks(adjoint.high, joined)
        )
        return (Bounds(low, high),)

    ties = tuple(Tie((int(place) - 1, int(place)), (2,), False, float(abs(kinks[place - 1]))) for place in tied)
    return Applied(Value(np.asarray(fitted.x, dtype=np.float64), active), pull, bounds, ties, kinks)


def _cut_distances(x: FloatArray, starts: IntArray, sign: float) -> FloatArray:
    """Between each pair of neighbours, how far the step is from appearing or vanishing.  -> (m - 1,)

    At a boundary: the step between the blocks, positive. Inside a block: mean right of the cut less mean left of it, negative.
    """
    m = len(x)
    sums = np.concatenate([[0.0], np.cumsum(sign * x)])
    ends = np.append(starts[1:], m)
    block = np.repeat(np.arange(len(starts)), ends - starts)
    cuts = np.arange(1, m)
    at_boundary = block[1:] != block[:-1]
    first, last = starts[block[:-1]], ends[block[1:]]
    left = (sums[cuts] - sums[first]) / (cuts - first)
    right = (sums[last] - sums[cuts]) / (last - cuts)
    step: FloatArray = np.where(at_boundary, np.maximum(right - left, 0), np.minimum(right - left, 0))
    return step


def _over_blocks(w: FloatArray, cut: BoolArray) -> FloatArray:
    """Block means of one list.  (m,), (m,) -> (m,)"""
    means: FloatArray = _block_means(w[None, :], cut[None, :])[0]
    return means


def _block_means(w: FloatArray, cuts: BoolArray) -> FloatArray:
    """Every entry becomes the mean of its block; `cuts` marks the first entry of each.  (V, m), (V, m) -> (V, m)"""
    rows, m = w.shape
    blocks = np.broadcast_to(cuts, w.shape).cumsum(axis=1) - 1
    flat = (blocks + np.arange(rows)[:, None] * m).ravel()
    sums = np.bincount(flat, weights=w.ravel(), minlength=rows * m)
    sizes = np.bincount(flat, minlength=rows * m)
    means: FloatArray = (sums[flat] / sizes[flat]).reshape(rows, m)
    return means
