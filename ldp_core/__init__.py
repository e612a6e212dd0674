"""The mathematics that phones and the service share: randomizers, decoders, estimates, planning.

Pure: no file, no network, no clock, no database. Randomness is always an argument.
"""

from importlib.metadata import PackageNotFoundError, version

try:
    __version__ = version("fanoplane")
except PackageNotFoundError:  # running from a bare checkout that was never installed
    __version__ = "0+unknown"

__all__ = ["__version__"]
