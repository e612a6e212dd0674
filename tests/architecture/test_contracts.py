"""The architecture as tests: arrows point down, public names exist, a phone stays light, the mathematics is pure."""

import ast
import importlib
import pkgutil
import subprocess
import sys
from pathlib import Path

import pytest

import client
import ldp_core
import server

ROOT = Path(__file__).parents[2]
MODULES = sorted(
    module.name
    for package in (ldp_core, client, server)
    for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}.")
    if not module.name.startswith("server.storage.migrations")
)


def test_import_contracts_hold() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "importlinter.cli", "lint", "--no-cache"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    if "No module named" in done.stderr:
        command = Path(sys.executable).with_name("lint-imports")
        done = subprocess.run([command, "--no-cache"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("name", MODULES)
def test_public_names_exist_and_are_listed_in_order(name: str) -> None:
    module = importlib.import_module(name)
    listed = getattr(module, "__all__", [])
    assert len(set(listed)) == len(listed)
    for public in listed:
        assert hasattr(module, public), f"{name}.__all__ names {public}"


def test_the_mathematics_calls_no_global_generator_and_reads_no_clock() -> None:
    for path in (ROOT / "ldp_core").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                names = {alias.name for alias in node.names}
                assert not names & {"random", "time", "secrets", "datetime", "socket"}, path
            if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Attribute):
                # np.random.Generator is a type; np.random.normal would be the global generator
                is_global = node.value.attr == "random" and node.attr not in {
                    "Generator",
                    "SeedSequence",
                    "default_rng",
                }
                assert not is_global, f"{path}: numpy.random.{node.attr}"


def test_no_seed_reaches_a_device() -> None:
    for path in (ROOT / "client" / "sdk").rglob("*.py"):
        text = path.read_text()
        assert "default_rng" not in text, path
        assert "GeneratorSource" not in text, path
        assert "TapeSource" not in text, path


def test_a_phone_loads_no_compiler_no_field_library_and_no_server() -> None:
    program = (
        "import sys, client.sdk; from ldp_core.mechanisms import create; from ldp_core.randomness import SystemSource; "
        "create('projective_geometry', epsilon=1, domain_size=100).randomize(3, SystemSource()); "
        "print(sorted({name.split('.')[0] for name in sys.modules} & "
        "{'numba', 'galois', 'scipy', 'fastapi', 'starlette', 'uvicorn', 'sqlalchemy', 'click', 'rich', 'wordfreq'}))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
