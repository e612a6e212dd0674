"""Side by side with a library from PyPI, in one run: pure-ldp's Hadamard response, its best mechanism for large domains.

python -m pip install pure-ldp scikit-learn statsmodels   # not part of this project's environment
python -m benchmarks.libraries
"""

import importlib.util
import time
import warnings

import numpy as np

from benchmarks.measure import machine
from ldp_core.estimation import optimal_total_squared_error
from ldp_core.mechanisms import create

EPSILON, DOMAIN_SIZE, PHONES = 5, 22_000, 100_000


def main() -> None:
    """Time and error of both on the same answers."""
    print(machine())
    values = np.random.default_rng(0).zipf(1.3, PHONES) % DOMAIN_SIZE
    print(
        f"{PHONES:,} phones, k = {DOMAIN_SIZE:,}, epsilon = {EPSILON}; error: n · sum of squared errors over the optimum"
    )
    print(ours(values))
    if importlib.util.find_spec("pure_ldp") is None:
        print("pure-ldp is not installed, so there is nothing to compare with; the head of this script says how.")
        return
    print(theirs(values))


def row(name: str, randomized: float, decoded: float, frequencies: np.ndarray, values: np.ndarray) -> str:
    """One line of the table."""
    truth = np.bincount(values, minlength=DOMAIN_SIZE) / PHONES
    error = (
        PHONES
        * float(((frequencies - truth) ** 2).sum())
        / optimal_total_squared_error(
            create("projective_geometry", epsilon=EPSILON, domain_size=DOMAIN_SIZE).epsilon, DOMAIN_SIZE
        )
    )
    return (
        f"{name:>36}: randomize {1e6 * randomized / PHONES:8.2f} us/phone, decode {decoded:7.4f} s, error {error:.3f}"
    )


def ours(values: np.ndarray) -> str:
    """Projective geometry, vectorised."""
    mechanism = create("projective_geometry", epsilon=EPSILON, domain_size=DOMAIN_SIZE)
    rng = np.random.default_rng(1)
    mechanism.decode(mechanism.tally(mechanism.randomize_many(values[:10], rng)), decoder="singer")
    started = time.perf_counter()
    messages = mechanism.randomize_many(values, rng)
    randomized = time.perf_counter() - started
    started = time.perf_counter()
    estimate = mechanism.decode(mechanism.tally(messages), decoder="singer")
    return row("fanoplane projective geometry", randomized, time.perf_counter() - started, estimate.frequencies, values)


def theirs(values: np.ndarray) -> str:
    """pure-ldp's Hadamard response, one call a phone as it offers."""
    from pure_ldp.frequency_oracles.hadamard_response import (  # type: ignore[import-not-found]
        HadamardResponseClient,
        HadamardResponseServer,
    )

    server = HadamardResponseServer(EPSILON, DOMAIN_SIZE)
    client = HadamardResponseClient(EPSILON, DOMAIN_SIZE, server.get_hash_funcs())
    started = time.perf_counter()
    reports = [client.privatise(value + 1) for value in values.tolist()]
    randomized = time.perf_counter() - started
    started = time.perf_counter()
    server.aggregate_all(reports)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        counts = server.estimate_all(range(1, DOMAIN_SIZE + 1))
    decoded = time.perf_counter() - started
    return row("pure-ldp Hadamard response", randomized, decoded, np.asarray(counts) / PHONES, values)


if __name__ == "__main__":
    main()
