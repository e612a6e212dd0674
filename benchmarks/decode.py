"""Decode time and memory over geometries: dynamic programming, the Singer cycle, and what they are compared with.

    python -m benchmarks.decode

The authors' C++ needs about N q t inner steps at 4.5 ns on a machine of this kind; its time is computed from that
figure. A bare real transform there and back of length N is measured in the same run, and so is a fast Walsh-Hadamard
transform of the next power of two: what decoding Hadamard response costs, whose error is about twice as large.
"""

import time

import numpy as np

from benchmarks.measure import machine, median_seconds, peak_megabytes
from ldp_core.algebra import point_count
from ldp_core.decoding import singer, support_counts
from ldp_core.designs.walsh_hadamard import walsh_hadamard
from ldp_core.mechanisms import create

GEOMETRIES = [(149, 3), (67, 4), (8, 7), (4, 10), (2, 20), (149, 4), (2971, 3)]
REFERENCE_STEP_SECONDS = 4.5e-9

_MEMORY = """
import numpy as np
from ldp_core.decoding import support_counts
counts = np.random.default_rng(0).poisson(0.3, {size}).astype(np.int64)
support_counts(counts, q={q}, t={t}, decoder={decoder!r})
"""


def main() -> None:
    """Print one row for each geometry, then the whole way at three million items."""
    print(machine())
    print(
        f"{'q':>5} {'t':>3} {'N':>10} | {'DP s':>8} {'Singer s':>9} {'first s':>8} | "
        f"{'C++ steps/Singer':>16} {'Singer/FFT':>10} {'Singer/FWHT':>11} | {'DP MB':>6} {'Singer MB':>9}"
    )
    for q, t in GEOMETRIES:
        print(row(q, t), flush=True)
    whole_way()


def row(q: int, t: int) -> str:
    """Times of one geometry on the counts of N / 3 phones."""
    size = point_count(q, t)
    counts = np.random.default_rng(0).poisson(1 / 3, size).astype(np.int64)
    steps = size * q * t
    support_counts(np.zeros(7, dtype=np.int64), q=2, t=3, decoder="singer")  # kernels compiled, other tables
    singer.singer_tables.cache_clear()
    started = time.perf_counter()
    support_counts(counts, q=q, t=t, decoder="singer")
    first = time.perf_counter() - started
    by_singer = median_seconds(lambda: support_counts(counts, q=q, t=t, decoder="singer"))
    programmable = steps < 1e10
    by_programming = median_seconds(lambda: support_counts(counts, q=q, t=t), 3) if programmable else float("nan")
    floats = counts.astype(float)
    bare = median_seconds(lambda: np.fft.irfft(np.fft.rfft(floats), size), 3)
    power = np.zeros(1 << (size - 1).bit_length(), dtype=np.int64)
    power[:size] = counts
    hadamard = median_seconds(lambda: walsh_hadamard(power[None]), 3)
    memory = {
        decoder: peak_megabytes(_MEMORY.format(size=size, q=q, t=t, decoder=decoder))
        for decoder in (("dynamic_programming", "singer") if programmable else ("singer",))
    }
    return (
        f"{q:>5} {t:>3} {size:>10,} | {by_programming:>8.4f} {by_singer:>9.4f} {first:>8.3f} | "
        f"{steps * REFERENCE_STEP_SECONDS / by_singer:>16.0f} {by_singer / bare:>10.2f} {by_singer / hadamard:>11.2f} | "
        f"{memory.get('dynamic_programming', float('nan')):>6.0f} {memory['singer']:>9.0f}"
    )


def whole_way() -> None:
    """A million phones with one of 3.3 million items each, randomized, counted, decoded and given errors."""
    mechanism = create("projective_geometry", epsilon=5, domain_size=3_300_000, q=149, t=4)
    rng = np.random.default_rng(1)
    values = rng.zipf(1.2, 1_000_000) % 3_300_000
    marks = [time.perf_counter()]
    messages = mechanism.randomize_many(values, rng)
    marks.append(time.perf_counter())
    tally = mechanism.tally(messages)
    marks.append(time.perf_counter())
    for decoder in ("dynamic_programming", "singer"):
        estimate = mechanism.decode(tally, decoder=decoder)
        marks.append(time.perf_counter())
    randomized, counted, programmed, singer_time = np.diff(marks)
    print(
        f"\n1,000,000 phones, k = 3,300,000, epsilon = 5 (q = 149, t = 4, N = {mechanism.report_space:,}): "
        f"randomize {randomized:.2f} s, count {counted:.2f} s, estimate by dynamic programming {programmed:.2f} s, "
        f"by Singer cycle {singer_time:.2f} s; sum of all estimates {estimate.total}"
    )


if __name__ == "__main__":
    main()
