"""Every solver finds the best solution, as linear programs and exhaustive search say."""

from itertools import permutations

import numpy as np
import pytest
from scipy.optimize import linprog

from ldp_core.analysis.errors import AnalysisError
from ldp_core.analysis.perturbed.solvers import Argmax, Assignment, GraphPath, GridPath, Ranks, Solver, TopK

RNG = np.random.default_rng(11)


def test_the_largest_entries_are_marked() -> None:
    theta = RNG.normal(size=(200, 7))
    for k in (1, 2, 6):
        marked = TopK(7, k).solve(theta)
        assert (marked.sum(axis=1) == k).all()
        inside, outside = np.where(marked == 1, theta, np.inf), np.where(marked == 0, theta, -np.inf)
        assert (inside.min(axis=1) > outside.max(axis=1)).all()
    assert np.array_equal(Argmax(7).solve(theta), TopK(7, 1).solve(theta))


def test_ranks_are_the_best_permutation() -> None:
    every = np.array(list(permutations(range(1, 6))), dtype=float)
    theta = RNG.normal(size=(50, 5))
    solved = Ranks(5).solve(theta)
    assert np.allclose(np.einsum("ij,ij->i", solved, theta), (theta @ every.T).max(axis=1))


def test_assignments_are_the_best_permutation_matrix() -> None:
    every = np.array([np.eye(4)[list(p)].ravel() for p in permutations(range(4))])
    theta = RNG.normal(size=(50, 16))
    solved = Assignment(4).solve(theta)
    assert np.allclose(np.einsum("ij,ij->i", solved, theta), (theta @ every.T).max(axis=1))
    assert Assignment(4).residual(solved.mean(axis=0)) < 1e-12


def shortest_by_linear_program(edges: np.ndarray, nodes: int, costs: np.ndarray, source: int, target: int) -> float:
    """Cost of the cheapest unit flow."""
    incidence = np.zeros((nodes, len(edges)))
    incidence[edges[:, 0], np.arange(len(edges))] += 1
    incidence[edges[:, 1], np.arange(len(edges))] -= 1
    need = np.zeros(nodes)
    need[[source, target]] = 1, -1
    return float(linprog(costs, A_eq=incidence, b_eq=need, bounds=(0, None)).fun)


@pytest.mark.parametrize("seed", range(4))
def test_paths_through_a_graph_cost_what_a_linear_program_says(seed: int) -> None:
    rng = np.random.default_rng(seed)
    edges = np.concatenate([[[i, i + 1] for i in range(9)], rng.integers(0, 10, (40, 2))])
    edges = edges[edges[:, 0] != edges[:, 1]]  # parallel arcs occur
    solver = GraphPath(edges.tolist(), 0, 9)
    costs = rng.random((5, len(edges)))
    costs[0, ::3] = 0.0  # costs of zero are edges, not gaps
    solved = solver.solve(-costs)
    assert max(solver.residual(path) for path in solved) == 0
    for path, cost in zip(solved, costs, strict=True):
        assert path @ cost == pytest.approx(shortest_by_linear_program(edges, 10, cost, 0, 9), abs=1e-9)


@pytest.mark.parametrize("neighbours", [4, 8])
def test_paths_through_a_grid_cost_what_a_linear_program_says(neighbours: int) -> None:
    rng = np.random.default_rng(neighbours)
    rows, columns = 5, 6
    steps = [(a, b) for a in (-1, 0, 1) for b in (-1, 0, 1) if 0 < abs(a) + abs(b) <= neighbours // 4]
    edges = np.array(
        [
            (r * columns + c, (r + a) * columns + c + b)
            for r in range(rows)
            for c in range(columns)
            for a, b in steps
            if 0 <= r + a < rows and 0 <= c + b < columns
        ]
    )
    costs = rng.random((70, rows * columns))  # more than one batch
    solver = GridPath(rows, columns, neighbours)
    for path, cost in list(zip(solver.solve(-costs), costs, strict=True))[::10]:
        expected = cost[0] + shortest_by_linear_program(edges, rows * columns, cost[edges[:, 1]], 0, rows * columns - 1)
        assert path @ cost == pytest.approx(expected, abs=1e-9)


def test_of_parallel_edges_the_cheaper_is_taken() -> None:
    solver = GraphPath([[0, 1], [0, 1], [1, 2]], 0, 2)
    assert np.array_equal(solver.solve(-np.array([[2.0, 1, 1], [1, 2, 1], [0, 0, 0]]))[:2], [[0, 1, 1], [1, 0, 1]])
    assert solver.two_solutions() is not None


@pytest.mark.parametrize(
    ("solver", "count"),
    [
        (Argmax(2), 2),
        (Assignment(2), 2),
        (Ranks(2), 2),
        (GraphPath([[0, 1], [1, 2], [0, 2]], 0, 2), 2),
        (GridPath(2, 2, 4), 2),
        (Argmax(3), None),
        (GraphPath([[0, 1], [0, 1], [0, 1]], 0, 1), None),
        (GraphPath([[0, 1]], 0, 1), None),
        (GridPath(2, 2, 8), None),
    ],
)
def test_exactly_two_solutions_are_noticed(solver: Solver, count: int | None) -> None:
    two = solver.two_solutions()
    assert (None if two is None else len(two)) == count
    for solution in [] if two is None else two:
        assert np.array_equal(solver.solve(solver.probe(solution)[None])[0], solution)


@pytest.mark.parametrize(
    ("edges", "source", "target", "code"),
    [
        ([[0, 1], [2, 3]], 0, 3, "graph_disconnected"),
        ([[1, 0]], 0, 1, "graph_disconnected"),
        ([[0, 1]], 0, 0, "no_path_needed"),
        ([[0, 1]], 0, 7, "unknown_node"),
        ([[0, 1, 2]], 0, 1, "edges_malformed"),
        ([[0, 1], [1]], 0, 1, "edges_malformed"),
        ([[0.5, 1]], 0, 1, "edges_malformed"),
        ([[0, -1]], 0, 1, "edges_malformed"),
        ([[0, 10**9]], 0, 1, "too_large"),
    ],
)
def test_graphs_without_a_path_are_refused(edges: list[list[int]], source: int, target: int, code: str) -> None:
    with pytest.raises(AnalysisError) as caught:
        GraphPath(edges, source, target)
    assert caught.value.code == code
