"""What every benchmark script shares: the machine, medians, and the peak memory of a fresh process."""

import platform
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

__all__ = ["machine", "median_seconds", "peak_megabytes"]


def machine() -> str:
    """One line: processor, cores, Python and the libraries that do the work."""
    import numba
    import numpy
    import scipy

    processor = platform.machine()
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        names = [
            line.split(":")[1].strip() for line in cpuinfo.read_text().splitlines() if line.startswith("model name")
        ]
        processor = f"{len(names)} x {names[0]}" if names else processor
    return (
        f"{processor}, Python {platform.python_version()}, numpy {numpy.__version__}, "
        f"scipy {scipy.__version__}, numba {numba.__version__}"
    )


def median_seconds(work: Callable[[], object], runs: int = 7) -> float:
    """Median wall time of `work` after one run that does not count."""
    work()
    times = []
    for _ in range(runs):
        started = time.perf_counter()
        work()
        times.append(time.perf_counter() - started)
    return statistics.median(times)


def peak_megabytes(code: str) -> float:
    """The most memory that a fresh Python process held while it ran `code`."""
    # VmHWM and not ru_maxrss, which a child inherits from its parent
    program = f"{code}\nprint([l for l in open('/proc/self/status') if l.startswith('VmHWM')][0].split()[1])"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    return int(done.stdout.split()[-1]) / 1024
