"""The entry point of `fano`. It imports nothing but what it takes to say what is missing."""

import sys
from importlib.util import find_spec

__all__ = ["main"]


def main() -> None:
    """Run the command line and leave with its exit code."""
    missing = [name for name in ("click", "rich") if find_spec(name) is None]
    if missing:
        sys.stderr.write(
            f"fano needs {' and '.join(missing)}, which the SDK alone does not install. "
            "Install the command line with: pip install 'fanoplane[cli]'\n"
        )
        sys.exit(1)
    from client.cli.application import run

    sys.exit(run(sys.argv[1:]))


if __name__ == "__main__":
    main()
