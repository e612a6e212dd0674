"""Several threads may decode at once: threaded loops take turns instead of ending the process."""

import subprocess
import sys

import pytest

PROGRAM = """
import threading
import numpy as np
from ldp_core.decoding import support_counts

counts = np.random.default_rng(0).integers(0, 9, (29**5 - 1) // 28)
expected = support_counts(counts, q=29, t=5, decoder="singer")
wrong = []

def decode(decoder):
    for _ in range(2):
        if not np.array_equal(support_counts(counts, q=29, t=5, decoder=decoder), expected):
            wrong.append(decoder)

threads = [threading.Thread(target=decode, args=(name,)) for name in ("singer", "dynamic_programming") * 2]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
print("right" if not wrong else wrong)
"""


@pytest.mark.thorough
def test_concurrent_decodes_neither_crash_nor_differ() -> None:
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "right"
