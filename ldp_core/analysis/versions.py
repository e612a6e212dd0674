"""What numbers were made with."""

import platform
from functools import lru_cache
from importlib.metadata import version

from ldp_core import __version__

__all__ = ["library_versions"]

_LIBRARIES = ("numpy", "scipy")


@lru_cache(maxsize=1)
def library_versions() -> dict[str, str]:
    """Versions of this software, of Python, and of the libraries that compute."""
    return {
        "fanoplane": __version__,
        "python": platform.python_version(),
        **{name: version(name) for name in _LIBRARIES},
    }
