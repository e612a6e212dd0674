"""Operations that depend on the order of a list: sort, sums of the largest, quantiles.

Elements with equal values may stand in any order. A permutation of g of them is chosen by g - 1 digits, one swap each (Fisher, Yates);
all digits 0 leave the order of the list, which is what a stable sort does.
"""

import numpy as np

from ldp_core.analysis.errors import AnalysisError
from ldp_core.analysis.nonsmooth.applied import Applied, Bounds, Call, Choices, Tie, Value
from ldp_core.types import BoolArray, FloatArray, IntArray

__all__ = ["largest", "quantile", "sort", "top_sum"]


def sort(call: Call) -> Applied:
    """The list in increasing order."""
    x = call.arguments[0]
    order = np.argsort(x.numbers, kind="stable")
    numbers, active = x.numbers[order], x.active[order]
    gaps = np.diff(numbers)
    groups = [group for group in _runs(gaps <= call.tolerance) if active[group].any()]
    for group in groups:
        active[group] = True

    def pull(adjoint: FloatArray, choices: Choices) -> tuple[FloatArray, ...]:
        slots = np.tile(order, (len(adjoint), 1))
        column = 0
        for group in groups:
            size = group.stop - group.start
            _permute(slots, group.start, choices[:, column : column + size - 1].astype(np.int64))
            column += size - 1
        found = np.empty_like(adjoint)
        np.put_along_axis(found, slots, adjoint, axis=1)
        return (found,)

    def bounds(adjoint: Bounds) -> tuple[Bounds, ...]:
        low, high = adjoint.low.copy(), adjoint.high.copy()
        for group in groups:
            low[group], high[group] = low[group].min(), high[group].max()
        back = np.argsort(order)
        return (Bounds(low[back], high[back]),)

    ties = tuple(
        Tie(
            tuple(map(int, order[group])),
            tuple(range(2, group.stop - group.start + 1)),
            False,
            float(numbers[group.stop - 1] - numbers[group.start]),
        )
        for group in groups
    )
    return Applied(Value(numbers, active), pull, bounds, ties, gaps)


def _runs(joined: BoolArray) -> list[slice]:
    """Maximal runs of at least two neighbours that are joined to the next.  (m - 1,) -> slices of 0..m-1"""
    edges = np.flatnonzero(np.diff(np.concatenate([[0], joined.astype(np.int8), [0]])))
    return [slice(int(start), int(stop) + 1) for start, stop in zip(edges[::2], edges[1::2], strict=True)]


def _permute(slots: IntArray, start: int, digits: IntArray) -> None:
    """Swap, in each row, element i with element i - digit of a group of g, for i = 1..g-1.  (V, m), (V, g - 1)"""
    rows = np.arange(len(slots))
    for i in range(1, digits.shape[1] + 1):
        other = start + i - digits[:, i - 1]
        slots[rows, other], slots[rows, start + i] = slots[rows, start + i], slots[rows, other].copy()


def largest(call: Call) -> Applied:
    """The largest element."""
    return top_sum(call._replace(parameters={"count": 1}))


def top_sum(call: Call) -> Applied:
    """The sum of the r largest elements. Elements equal to the r-th largest share a tie: any of them may count."""
    x, r = call.arguments[0], call.parameters["count"]
    size = len(x.numbers)
    if r > size:
        raise AnalysisError(
            f"top_sum of {r} elements needs a list of at least as many, got {size}", code="wrong_shape", field="program"
        )
    order = np.argsort(-x.numbers, kind="stable")
    last = x.numbers[order[r - 1]]
    above = x.numbers > last + call.tolerance
    group = np.flatnonzero(np.abs(x.numbers - last) <= call.tolerance)
    needed = r - int(above.sum())
    tie = (
        _subset_tie(group, needed, float(np.ptp(x.numbers[group])))
        if 0 < needed < len(group) and x.active[group].any()
        else None
    )
    certain = np.zeros(size, dtype=np.bool_)
    certain[order[:r]] = True

    def pull(adjoint: FloatArray, choices: Choices) -> tuple[FloatArray, ...]:
        chosen = np.tile(certain, (len(adjoint), 1))
        if tie is not None:
            chosen[:, group] = _subsets(len(group), needed, choices.astype(np.int64))
        return (adjoint * chosen,)

    def bounds(adjoint: Bounds) -> tuple[Bounds, ...]:
        low, high = adjoint.low * certain, adjoint.high * certain
        if tie is not None:
            low[group], high[group] = min(adjoint.low[0], 0.0), max(adjoint.high[0], 0.0)
        return (Bounds(low, high),)

    kinks = np.array([last - x.numbers[order[r]]]) if r < size else np.zeros(0)
    active = x.active[certain].any() or tie is not None
    value = Value(np.array([x.numbers[order[:r]].sum()]), np.array([active]))
    return Applied(value, pull, bounds, () if tie is None else (tie,), kinks)


def _subset_tie(group: IntArray, needed: int, spread: float) -> Tie:
    """A choice of `needed` of a group, or of those left out where they are fewer: one digit for each draw."""
    draws = min(needed, len(group) - needed)
    return Tie(tuple(map(int, group)), tuple(len(group) - i for i in range(draws)), False, spread)


def _subsets(size: int, needed: int, digits: IntArray) -> BoolArray:
    """Which of a group are chosen.  (V, draws) -> (V, size); all digits 0 choose the first `needed`"""
    draws = digits.shape[1]
    out = size - needed == draws and needed != draws
    places = np.tile(np.arange(size)[::-1] if out else np.arange(size), (len(digits), 1))
    rows = np.arange(len(digits))
    for i in range(draws):
        other = i + digits[:, i]
        places[rows, i], places[rows, other] = places[rows, other], places[rows, i].copy()
    drawn = np.zeros((len(digits), size), dtype=np.bool_)
    np.put_along_axis(drawn, places[:, :draws], True, axis=1)
    return ~drawn if out else drawn


def quantile(call: Call) -> Applied:
    """The place 0..m up to which the cells hold the share u of their total, linear inside a cell.

    With F the running sums and F_{j-1} < u F_m <= F_j:  j - 1 + (u F_m - F_{j-1}) / x_j, cells numbered from 1.
    It has a kink where u F_m = F_j, and a jump there when the next cell is empty. Raises AnalysisError
    `not_path_differentiable` on a jump, and `non_finite` where the cells hold nothing.
    """
    x, u = call.arguments[0].numbers, call.parameters["level"]
    sums = np.cumsum(x)
    target = u * sums[-1]
    if sums[-1] <= 0:
        raise AnalysisError("a quantile needs cells with a positive total", code="non_finite", field="program")
    cell = int(np.argmax(sums >= target))
    before = sums[cell] - x[cell]
    ahead, behind = float(sums[cell] - target), float(target - before)
    following = float(x[cell + 1]) if cell + 1 < len(x) else np.inf
    tied = ahead <= call.tolerance and cell + 1 < len(x)
    if tied and following <= call.tolerance:
        raise AnalysisError(
            f"the quantile jumps here: exactly the share {u:g} is reached at the end of cell {cell} and the next cell is empty",
            code="not_path_differentiable",
            field="program",
        )
    rows = [_quantile_slopes(len(x), c, u, behind if c == cell else 0.0, float(x[c])) for c in (cell, cell + tied)]

    def pull(adjoint: FloatArray, choices: Choices) -> tuple[FloatArray, ...]:
        s = choices if tied else np.zeros((len(adjoint), 1))
        return (adjoint * (rows[0] + s * (rows[1] - rows[0])),)

    def bounds(adjoint: Bounds) -> tuple[Bounds, ...]:
        corners = np.stack([end * row for end in adjoint for row in rows])
        return (Bounds(corners.min(axis=0), corners.max(axis=0)),)

    value = Value(np.array([cell + behind / x[cell]]), np.array([call.arguments[0].active.any()]))
    ties = (Tie((cell, cell + 1), (2,), True, ahead),) if tied else ()
    # an empty neighbour makes the nearest boundary of the cell a jump
    empty = [ahead] * (following <= call.tolerance) + [behind] * (cell > 0 and float(x[cell - 1]) <= call.tolerance)
    return Applied(value, pull, bounds, ties, np.array([ahead, behind]), min(empty, default=np.inf))


def _quantile_slopes(size: int, cell: int, level: float, inside: float, mass: float) -> FloatArray:
    """d/dx of cell + (u F_m - F_{cell-1}) / x_cell: (u - [i < cell]) / x_cell, less inside / x_cell^2 at the cell."""
    slopes = np.full(size, level / mass)
    slopes[:cell] -= 1 / mass
    slopes[cell] -= inside / mass**2
    return slopes
