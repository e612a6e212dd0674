"""The error of the recommended mechanism over the least possible, for a grid of epsilon and domain size, by exact formula.

    python -m benchmarks.error

Below it the same number by simulation for a few cells: the mean squared error of whole decoded fleets.
"""

import time

import numpy as np

from benchmarks.measure import machine
from ldp_core.estimation import optimal_total_squared_error
from ldp_core.mechanisms import create
from ldp_core.planning import recommend

EPSILONS = ["0.25", "0.5", "1", "1.5", "2", "3", "4", "5", "6", "8"]
DOMAIN_SIZES = [16, 64, 256, 1024, 4096, 22_000, 100_000, 1_000_000, 3_300_000]
SIMULATED = [("1", 1024), ("2", 4096), ("5", 22_000)]
FLEETS, PHONES = 30, 20_000


def main() -> None:
    """Print the grid, how many cells are within 2 % and 7 %, and the simulated cells."""
    print(machine())
    print("recommended mechanism: total squared error over the optimum")
    print(f"{'k':>10} " + " ".join(f"{'e=' + epsilon:>12}" for epsilon in EPSILONS))
    ratios = []
    started = time.perf_counter()
    for k in DOMAIN_SIZES:
        chosen = [recommend(epsilon, k) for epsilon in EPSILONS]
        ratios += [entry.over_optimum for entry in chosen]
        print(f"{k:>10,} " + " ".join(f"{short(e.mechanism.name):>5} {e.over_optimum:.4f}" for e in chosen))
    print(
        f"{100 * np.mean(np.array(ratios) <= 1.02):.1f} % of the cells within 2 % of the optimum, the worst {max(ratios):.4f}, "
        f"{1000 * (time.perf_counter() - started) / len(ratios):.0f} ms a plan"
    )
    print("\nby simulation: mean of n · sum of squared errors over the formula")
    for epsilon, k in SIMULATED:
        print(simulated(epsilon, k), flush=True)


def short(name: str) -> str:
    """PG, HPG, RR, SS, SPR …"""
    known = {
        "projective_geometry": "PG",
        "hybrid_projective_geometry": "HPG",
        "randomized_response": "RR",
        "subset_selection": "SS",
        "hadamard_response": "HR",
        "spread": "SPR",
    }
    return known.get(name, name[:5])


def simulated(epsilon: str, k: int) -> str:
    """One row: measured over predicted with its standard error, and predicted over optimum."""
    mechanism = create("projective_geometry", epsilon=epsilon, domain_size=k)
    values = np.random.default_rng(0).zipf(1.3, PHONES) % k
    truth = np.bincount(values, minlength=k) / PHONES
    errors = []
    for seed in range(FLEETS):
        messages = mechanism.randomize_many(values, np.random.default_rng(seed))
        estimate = mechanism.decode(mechanism.tally(messages), decoder="singer")
        errors.append(PHONES * float(((estimate.frequencies - truth) ** 2).sum()))
    predicted = mechanism.total_squared_error()
    optimum = optimal_total_squared_error(mechanism.epsilon, k)
    spread = np.std(errors, ddof=1) / FLEETS**0.5 / predicted
    return (
        f"projective geometry, epsilon = {epsilon}, k = {k:,}: measured / predicted {np.mean(errors) / predicted:.4f} "
        f"± {spread:.4f}, predicted / optimum {predicted / optimum:.4f}"
    )


if __name__ == "__main__":
    main()
