"""How long the perturbed-optimizer methods take on one core, beside what they predict of themselves.

OPENBLAS_NUM_THREADS=1 python benchmarks/perturbed.py
"""

import time
from collections.abc import Callable
from typing import Any

import numpy as np

from ldp_core.analysis.perturbed import optimizer, top_k
from ldp_core.mechanisms.registry import create


def line(name: str, predicted: float, work: Callable[[], Any]) -> None:
    """Print the least of three timings."""
    times = []
    for _ in range(3):
        start = time.perf_counter()
        work()
        times.append(time.perf_counter() - start)
    print(f"{name:55} {min(times):7.2f} s   predicted {predicted:7.2f} s")


def top_k_of_a_collection(items: int) -> None:
    """20,000 phones at epsilon 1 on Zipf 1.1 items."""
    rng = np.random.default_rng(0)
    share = 1 / np.arange(1, items + 1) ** 1.1
    mechanism = create("projective_geometry", epsilon=1, domain_size=items)
    values = rng.choice(items, 20_000, p=share / share.sum())
    estimate = mechanism.decode(mechanism.tally(mechanism.randomize_many(values, rng)))
    request = top_k.TopKRequest(estimate, k=10)
    line(f"top 10 of {items:,} items, 4,000 samples", top_k.predicted_seconds(request), lambda: top_k.run(request))


def perturbed(name: str, **body: Any) -> None:
    """One request of the perturbed optimizer."""
    request = optimizer.from_json({"noise": {"kind": "normal", "sigma": 0.1}, **body})
    line(name, optimizer.predicted_seconds(request), lambda: optimizer.run(request))


def main() -> None:
    """Every figure that docs/analysis/perturbed.md states."""
    rng = np.random.default_rng(0)
    for items in (100, 1_000, 5_000):
        top_k_of_a_collection(items)
    perturbed(
        "argmax of 5, 1,000,000 samples, Jacobian",
        solver="argmax", theta=rng.random(5).tolist(), num_samples=10**6, want=["mean", "jacobian"],
    )  # fmt: skip
    perturbed("argmax of 10,000, 2,000 samples", solver="argmax", theta=rng.random(10_000).tolist(), num_samples=2_000)
    perturbed("top 10 of 1,000, 4,000 samples", solver="topk", k=10, theta=rng.random(1_000).tolist())
    perturbed("ranks of 1,000, 4,000 samples", solver="rank", theta=rng.random(1_000).tolist())
    perturbed(
        "assignment 8 x 8, 10,000 samples", solver="assignment", costs=rng.random((8, 8)).tolist(), num_samples=10_000
    )
    costs = (rng.random((12, 12)) + 0.5).tolist()
    perturbed("path through a 12 x 12 grid, 10,000 samples", solver="grid_path", costs=costs, num_samples=10_000)


if __name__ == "__main__":
    main()
