"""Shortest paths in one directed graph under many weightings at once.

Copies of the graph stand side by side in one sparse matrix, one for each weighting, and a single run of Dijkstra's algorithm
from all copies of the source solves them together; that saves most of the fixed cost of a call.
"""

from functools import cached_property

import numpy as np
from scipy.sparse import csr_array
from scipy.sparse.csgraph import breadth_first_order, dijkstra

from ldp_core.analysis.errors import AnalysisError
from ldp_core.types import BoolArray, FloatArray, IntArray

__all__ = ["ShortestPaths"]

_STEPS_OF_SEARCH = 20_000


class ShortestPaths:
    """Arcs tails[e] -> heads[e] between `nodes` nodes, from source to target. Parallel arcs are allowed.

    Raises AnalysisError `graph_disconnected` when no path leads from source to target.
    """

    def __init__(self, nodes: int, tails: IntArray, heads: IntArray, source: int, target: int) -> None:
        self.nodes, self.tails, self.heads, self.source, self.target = nodes, tails, heads, source, target
        keys = tails * nodes + heads
        self._order = np.argsort(keys, kind="stable")  # (arcs,) arcs grouped by their two ends
        self._keys, self._starts = np.unique(keys[self._order], return_index=True)  # (pairs,)
        counts = np.bincount(self._keys // nodes, minlength=nodes)
        self._pointers = np.concatenate([[0], np.cumsum(counts)])  # (nodes + 1,)
        graph = csr_array((np.ones(len(self._keys)), self._keys % nodes, self._pointers), shape=(nodes, nodes))
        if target not in breadth_first_order(graph, source, return_predecessors=False):
            raise AnalysisError(
                f"no path leads from node {source} to node {target}", code="graph_disconnected", field="edges"
            )

    def solve(self, weights: FloatArray) -> BoolArray:
        """Which arcs the shortest path takes; weights >= 0.  (m, arcs) -> (m, arcs)"""
        ordered = weights[:, self._order]
        best = np.minimum.reduceat(ordered, self._starts, axis=1)  # (m, pairs)
        rows, pairs = self._walk_back(self._predecessors(best))
        used = np.zeros(weights.shape, dtype=np.bool_)
        used[rows, self._order[self._cheapest(ordered, best, rows, pairs)]] = True
        return used

    def _predecessors(self, best: FloatArray) -> IntArray:
        """The node before each node on its shortest path, numbered across copies.  (m, pairs) -> (m * nodes,)"""
        m, n = len(best), self.nodes
        shift = n * np.arange(m)[:, None]
        indices = (self._keys % n + shift).ravel()
        steps = np.tile(np.diff(self._pointers), m)
        pointers = np.concatenate([[0], np.cumsum(steps)])
        graph = csr_array((best.ravel(), indices, pointers), shape=(m * n, m * n))
        sources = self.source + shift.ravel()
        _, before, _ = dijkstra(graph, indices=sources, min_only=True, return_predecessors=True)
        predecessors: IntArray = before.astype(np.int64)
        return predecessors

    def _walk_back(self, predecessors: IntArray) -> tuple[IntArray, IntArray]:
        """(copy, pair of nodes) for every step of every path."""
        n = self.nodes
        rows = np.arange(len(predecessors) // n)
        at = np.full(len(rows), self.target)
        taken: list[tuple[IntArray, IntArray]] = []
        while (moving := at != self.source).any():
            rows, at = rows[moving], at[moving]
            before = predecessors[at + n * rows] - n * rows
            taken.append((rows, np.searchsorted(self._keys, before * n + at)))
            at = before
        return np.concatenate([row for row, _ in taken]), np.concatenate([pair for _, pair in taken])

    def _cheapest(self, ordered: FloatArray, best: FloatArray, rows: IntArray, pairs: IntArray) -> IntArray:
        """Of the parallel arcs between each pair of nodes, the first that is as cheap as any."""
        places = self._starts[pairs]
        missed = ordered[rows, places] > best[rows, pairs]
        while missed.any():
            places = places + missed
            missed = ordered[rows, places] > best[rows, pairs]
        found: IntArray = places
        return found

    @cached_property
    def two_paths(self) -> FloatArray | None:
        """Both paths as marked arcs when there are exactly two, found by a search of bounded length.  -> (2, arcs)"""
        outgoing: list[list[int]] = [[] for _ in range(self.nodes)]
        for arc, tail in enumerate(self.tails.tolist()):
            outgoing[tail].append(arc)
        found: list[list[int]] = []
        stack: list[list[int]] = [[]]
        for _ in range(_STEPS_OF_SEARCH):
            if not stack or len(found) > 2:
                break
            path = stack.pop()
            at = int(self.heads[path[-1]]) if path else self.source
            if at == self.target:
                found.append(path)
                continue
            visited = {self.source, *(int(self.heads[arc]) for arc in path)}
            stack.extend([*path, arc] for arc in outgoing[at] if int(self.heads[arc]) not in visited)
        if stack or len(found) != 2:
            return None
        marked = np.zeros((2, len(self.tails)))
        for row, path in zip(marked, found, strict=True):
            row[path] = 1.0
        return marked
