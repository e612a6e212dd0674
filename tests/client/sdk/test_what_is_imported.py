"""A phone carries no compiler, no web framework and no command line."""

import subprocess
import sys
import textwrap

from tests.client.fake_service import FakeService, served

HEAVY = ("numba", "galois", "scipy", "fastapi", "sqlalchemy", "click", "rich")


def run(code: str, *arguments: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code), *arguments],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_importing_the_sdk_imports_nothing_heavy() -> None:
    loaded = run("import sys, client.sdk; print(*sys.modules)").split()
    assert not set(HEAVY) & set(loaded)


def test_the_sdk_randomizes_and_uploads_where_nothing_heavy_is_installed() -> None:
    service = FakeService()
    service.add("c1", items=[f"item {i}" for i in range(300)])
    code = f"""
        import sys
        for name in {HEAVY!r}:
            sys.modules[name] = None  # importing it raises ImportError
        from client.sdk import Client
        with Client(sys.argv[1], write_key="key-c1", max_epsilon=1, lifetime_epsilon=1, store=None) as phone:
            print(phone.report("c1", "item 7").outcome.value)
    """
    with served(service) as url:
        assert run(code, url).strip() == "acknowledged"
    assert len(service.collections["c1"].messages) == 1
