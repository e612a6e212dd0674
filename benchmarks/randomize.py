"""Time to make one report: on a device, one at a time with the system's randomness, and in simulation, a million at once.

python -m benchmarks.randomize
"""

import numpy as np

from benchmarks.measure import machine, median_seconds
from ldp_core.errors import DomainError
from ldp_core.mechanisms import Mechanism, create, list_mechanisms
from ldp_core.randomness import SystemSource

PHONES = 1_000_000
DEVICE_REPORTS = 2_000
DOMAIN_SIZE = 22_000


def main() -> None:
    """Print one row for each mechanism and epsilon at k = 22,000."""
    print(machine())
    print(f"{'mechanism':>28} {'epsilon':>7} {'bits':>6} | {'device us':>9} {'simulated ns':>12}   k = {DOMAIN_SIZE:,}")
    for name in list_mechanisms():
        for epsilon in (1, 5):
            try:
                mechanism = create(name, epsilon=epsilon, domain_size=DOMAIN_SIZE)
            except DomainError:
                continue
            print(row(mechanism, epsilon), flush=True)


def row(mechanism: Mechanism, epsilon: int) -> str:
    """Microseconds a report on a device, nanoseconds a phone in simulation."""
    source, rng = SystemSource(), np.random.default_rng(0)
    values = rng.integers(0, DOMAIN_SIZE, PHONES if mechanism.fits_collections else 200)
    reports = values[: DEVICE_REPORTS if mechanism.fits_collections else 20].tolist()
    device = median_seconds(lambda: [mechanism.randomize(value, source) for value in reports], 3) / len(reports)
    simulated = median_seconds(lambda: mechanism.randomize_many(values, rng)) / len(values)
    return (
        f"{mechanism.name:>28} {epsilon:>7} {mechanism.report_bits:>6} | {1e6 * device:>9.1f} {1e9 * simulated:>12.1f}"
    )


if __name__ == "__main__":
    main()
