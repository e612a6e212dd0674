"""Cheapest paths, through a graph with costs on edges or a grid with costs on cells.

Both minimise cost, so theta = -cost: a solution y marks the path and <y, theta> is minus its cost. Costs below zero, which
noise can make, count as zero.
"""

from collections.abc import Sequence

import numpy as np

from ldp_core.analysis.errors import AnalysisError, TooLargeError
from ldp_core.analysis.perturbed.solvers.shortest_paths import ShortestPaths
from ldp_core.types import FloatArray, IntArray

__all__ = ["GraphPath", "GridPath"]

_MOST_NODES = 10_000
_MOST_ARCS = 100_000
_SECONDS_PER_CALL = 5e-6
_SECONDS_PER_ARC = 6e-8


class _Path:
    spread = 1.0

    def __init__(self, graph: ShortestPaths) -> None:
        self._graph = graph

    @property
    def seconds_per_solve(self) -> float:
        """Nearly linear in the number of arcs."""
        return _SECONDS_PER_CALL + _SECONDS_PER_ARC * len(self._graph.tails)

    @property
    def rows_at_once(self) -> int:
        """Copies of the graph that stay in a processor's cache."""
        return max(1, min(64, 100_000 // len(self._graph.tails)))

    def admissible(self, theta: FloatArray) -> FloatArray:
        """Costs of at least zero."""
        return np.minimum(theta, 0.0)

    def probe(self, solution: FloatArray) -> FloatArray:
        """Cost 1 on the path and prohibitive beside it."""
        prohibitive = 10.0 * solution.size
        costs: FloatArray = 1.0 + prohibitive * (1 - solution)
        return -costs


class GraphPath(_Path):
    """Marks the edges of the cheapest directed path from source to target.

    edges: (E,) pairs [from, to] of node numbers from 0; write an undirected edge twice.
    """

    name = "graph_path"

    def __init__(self, edges: Sequence[Sequence[int]], source: int, target: int | None = None) -> None:
        ends = _checked_edges(edges)
        nodes = int(ends.max()) + 1
        target = nodes - 1 if target is None else target
        for field, node in (("source", source), ("target", target)):
            if isinstance(node, bool) or not isinstance(node, int) or not 0 <= node < nodes:
                raise AnalysisError(
                    f"{field} must be one of the nodes 0..{nodes - 1}, got {node!r}", code="unknown_node", field=field
                )
        if source == target:
            raise AnalysisError("source and target must differ", code="no_path_needed", field="target")
        super().__init__(ShortestPaths(nodes, ends[:, 0], ends[:, 1], source, target))
        self._need = np.zeros(nodes)  # what flows out less what flows in
        self._need[[source, target]] = 1.0, -1.0

    @property
    def shape(self) -> tuple[int, ...]:
        """(E,)"""
        return (len(self._graph.tails),)

    def solve(self, theta: FloatArray) -> FloatArray:
        """One on the edges of each cheapest path."""
        return self._graph.solve(-theta).astype(np.float64)

    def residual(self, mean: FloatArray) -> float:
        """Flow out less flow in, of every node."""
        flow = np.bincount(self._graph.tails, mean, self._graph.nodes) - np.bincount(
            self._graph.heads, mean, self._graph.nodes
        )
        return float(np.abs(flow - self._need).max())

    def two_solutions(self) -> FloatArray | None:
        """Both paths, if there are only two."""
        return self._graph.two_paths


def _checked_edges(edges: Sequence[Sequence[int]]) -> IntArray:
    if len(edges) > _MOST_ARCS:
        raise TooLargeError(f"{len(edges):,} edges; at most {_MOST_ARCS:,}", code="too_large", field="edges")
    even = all(isinstance(pair, Sequence) and len(pair) == 2 for pair in edges)
    ends = np.array(edges) if even else np.zeros(0)
    if ends.ndim != 2 or not np.issubdtype(ends.dtype, np.integer) or ends.min() < 0:
        raise AnalysisError(
            "edges must be pairs [from, to] of node numbers from 0", code="edges_malformed", field="edges"
        )
    if ends.max() >= _MOST_NODES:
        raise TooLargeError(
            f"node {ends.max():,}; node numbers stay below {_MOST_NODES:,}", code="too_large", field="edges"
        )
    return ends.astype(np.int64)


class GridPath(_Path):
    """Marks the cells of the cheapest path from the first to the last cell of a grid, both included.

    neighbours: 4 (up, down, left, right) or 8 (diagonals too).
    """

    name = "grid_path"

    def __init__(self, rows: int, columns: int, neighbours: int = 8) -> None:
        if isinstance(neighbours, bool) or not isinstance(neighbours, int) or neighbours not in {4, 8}:
            raise AnalysisError(f"neighbours must be 4 or 8, got {neighbours!r}", code="unknown_choice", field="grid")
        if rows * columns < 2:
            raise AnalysisError("a grid needs at least two cells", code="too_few", field="costs")
        if rows * columns > _MOST_NODES:
            raise TooLargeError(
                f"a grid of {rows * columns:,} cells; at most {_MOST_NODES:,}", code="too_large", field="costs"
            )
        self.shape = (rows, columns)
        tails, heads = _grid_arcs(rows, columns, neighbours)
        super().__init__(ShortestPaths(rows * columns, tails, heads, 0, rows * columns - 1))

    def solve(self, theta: FloatArray) -> FloatArray:
        """One on the cells of each cheapest path; entering a cell costs its cost."""
        heads = self._graph.heads
        rows, arcs = np.nonzero(self._graph.solve(-theta[:, heads]))
        solutions = np.zeros_like(theta)
        solutions[:, 0] = 1.0
        solutions[rows, heads[arcs]] = 1.0
        return solutions

    def residual(self, mean: FloatArray) -> float:
        """Every path uses the first and the last cell."""
        return float(max(abs(mean[0] - 1), abs(mean[-1] - 1)))

    def two_solutions(self) -> FloatArray | None:
        """Only a square of four cells joined by their sides has exactly two."""
        four = self.shape == (2, 2) and len(self._graph.tails) == 8
        return np.array([[1.0, 1.0, 0.0, 1.0], [1.0, 0.0, 1.0, 1.0]]) if four else None


def _grid_arcs(rows: int, columns: int, neighbours: int) -> tuple[IntArray, IntArray]:
    """Both directions between all neighbouring cells, numbered row by row."""
    cells = np.arange(rows * columns).reshape(rows, columns)
    pairs = [(cells[:, :-1], cells[:, 1:]), (cells[:-1], cells[1:])]
    if neighbours == 8:
        pairs += [(cells[:-1, :-1], cells[1:, 1:]), (cells[:-1, 1:], cells[1:, :-1])]
    first = np.concatenate([a.ravel() for a, _ in pairs])
    second = np.concatenate([b.ravel() for _, b in pairs])
    return np.concatenate([first, second]), np.concatenate([second, first])
