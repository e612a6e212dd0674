"""The container files: valid, hardened, and made of commands that work; those are run here without a container."""

import json
import os
import re
import socket
import subprocess
import sys
import time
from importlib.resources import files
from pathlib import Path
from typing import Any

import httpx
import jsonschema
import pytest
import yaml

from server.settings import Settings
from tests.services.collection import create
from tests.services.postgresql import PostgresqlCluster

ROOT = Path(__file__).parents[2]
FANO = Path(sys.executable).with_name("fano")


@pytest.fixture(scope="module")
def compose() -> dict[str, Any]:
    document: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
    return document


def test_the_compose_file_keeps_to_the_specification(compose: dict[str, Any]) -> None:
    schema = json.loads(files("check_jsonschema.builtin_schemas.vendor").joinpath("compose-spec.json").read_text())
    validator = jsonschema.validators.validator_for(schema)(schema)
    assert [error.message for error in validator.iter_errors(compose)] == []
    broken = {**compose, "services": {"api": {"comand": "serve"}}}
    assert list(validator.iter_errors(broken))  # it would say so


def test_no_service_has_more_rights_than_it_needs(compose: dict[str, Any]) -> None:
    for name, service in compose["services"].items():
        assert service["read_only"] is True, name
        assert service["cap_drop"] == ["ALL"], name
        assert service["security_opt"] == ["no-new-privileges:true"], name
        assert service["user"] not in ("", "0", "root"), name
        assert not service["user"].startswith("0:"), name
        assert service["tmpfs"], name
        assert "privileged" not in service, name
    assert compose["services"]["api"]["ports"][0].startswith("127.0.0.1:")
    assert "ports" not in compose["services"]["postgres"]
    assert compose["networks"]["inside"]["internal"] is True


def test_the_schema_comes_first(compose: dict[str, Any]) -> None:
    services = compose["services"]
    assert services["migrate"]["command"] == ["db", "upgrade"]
    assert services["migrate"]["depends_on"] == {"postgres": {"condition": "service_healthy"}}
    assert services["api"]["depends_on"]["migrate"] == {"condition": "service_completed_successfully"}
    assert int(services["api"]["command"][-1]) > 1
    assert "healthcheck" in services["postgres"]
    assert int(services["api"]["stop_grace_period"].rstrip("s")) > 10


def test_secrets_come_from_outside(compose: dict[str, Any]) -> None:
    text = (ROOT / "docker-compose.yml").read_text()
    used = set(re.findall(r"\$\{([A-Z_]+)", text))
    example = dict(
        line.split("=", 1)
        for line in (ROOT / ".env.example").read_text().splitlines()
        if "=" in line and line[0] != "#"
    )
    assert used == set(example)
    assert [name for name, value in example.items() if value and "PORT" not in name] == []
    assert ".env" in (ROOT / ".gitignore").read_text().splitlines()
    known = {f"FANO_{name.upper()}" for name in Settings.model_fields}
    for service in ("api", "migrate"):
        given = {name for name in compose["services"][service]["environment"] if name.startswith("FANO_")}
        assert given <= known


def test_the_image_runs_without_root() -> None:
    lines = (ROOT / "Dockerfile").read_text().replace("\\\n", " ").splitlines()
    instructions = [line.split(None, 1) for line in lines if line and not line.startswith("#")]
    words = [name for name, _ in instructions]
    assert words.count("FROM") == 2
    last_stage = instructions[len(words) - 1 - words[::-1].index("FROM") :]
    by_name = dict(last_stage)
    assert by_name["USER"].split(":")[0] == "10001"
    assert json.loads(by_name["ENTRYPOINT"]) == ["fano"]
    assert "healthcheck" in by_name["HEALTHCHECK"]
    assert not [value for name, value in last_stage if name == "RUN" and "pip" in value]  # nothing is built in it
    copied = [value.split()[:-1] for name, value in instructions if name == "COPY" and not value.startswith("--")]
    allowed = {line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    for source in (word for words_ in copied for word in words_):
        assert (ROOT / source).exists(), source
        assert source in allowed, source


@pytest.mark.service
@pytest.mark.postgres
def test_the_same_commands_work_without_a_container(
    compose: dict[str, Any], postgresql: PostgresqlCluster, tmp_path: Path
) -> None:
    services = compose["services"]
    with postgresql.database(empty=True) as url:
        environment = {
            "PATH": os.environ["PATH"],
            "FANO_DATABASE_URL": url,
            "FANO_DATA_DIR": str(tmp_path / "data"),
            "FANO_ADMIN_TOKEN": "chosen by the operator",
            "FANO_METRICS_TOKEN": "",  # as an empty line of .env gives it
            "FANO_LOG_LEVEL": "info",
            "FANO_WARM_DECODER": "false",
            "NUMBA_CACHE_DIR": str(tmp_path / "numba"),
        }
        too_early = _fano(environment, tmp_path, _on_this_machine(services["api"]["command"], 0))
        assert too_early.returncode == 1
        assert "fano db upgrade" in too_early.stderr
        migrated = _fano(environment, tmp_path, services["migrate"]["command"])
        assert migrated.returncode == 0, migrated.stderr
        port = _free_port()
        with (tmp_path / "log").open("w") as log:
            arguments = _on_this_machine(services["api"]["command"], port)
            server = subprocess.Popen([FANO, *arguments], env=environment, cwd=tmp_path, stderr=log, stdout=log)
        try:
            health = services["api"]["healthcheck"]["test"]
            assert health[:2] == ["CMD", "python"]
            probe = [sys.executable, *health[2:], f"http://127.0.0.1:{port}"]
            assert _eventually_healthy(probe, environment)
            _use(f"http://127.0.0.1:{port}")
            server.terminate()
            assert server.wait(15) == 0
            ended = subprocess.run(probe, env=environment, capture_output=True, text=True, timeout=30, check=False)
            assert ended.returncode == 1
            assert "no answer" in ended.stderr
        finally:
            if server.poll() is None:
                server.kill()
                server.wait(10)
    entries = [json.loads(line) for line in (tmp_path / "log").read_text().splitlines() if line.startswith("{")]
    uploads = [entry for entry in entries if str(entry.get("route")).endswith("/reports")]
    assert [entry["status"] for entry in uploads] == [200] * 20
    assert "chosen by the operator" not in (tmp_path / "log").read_text()


def _fano(environment: dict[str, str], folder: Path, arguments: list[str]) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [FANO, *arguments], env=environment, cwd=folder, capture_output=True, text=True, timeout=60, check=False
    )


def _on_this_machine(command: list[str], port: int) -> list[str]:
    return [{"0.0.0.0": "127.0.0.1", "8000": str(port)}.get(word, word) for word in command]


def _free_port() -> int:
    with socket.socket() as asked:
        asked.bind(("127.0.0.1", 0))
        return int(asked.getsockname()[1])


def _eventually_healthy(probe: list[str], environment: dict[str, str]) -> bool:
    for _ in range(120):
        if subprocess.run(probe, env=environment, capture_output=True, timeout=30, check=False).returncode == 0:
            return True
        time.sleep(0.25)
    return False


def _use(url: str) -> None:
    """Twenty uploads, each on a connection of its own so that both workers get some; any worker tells all of them."""
    admin = {"Authorization": "Bearer chosen by the operator"}
    with httpx.Client(base_url=url, trust_env=False) as client:
        collection = create(client.post, admin)
    for _ in range(20):
        answer = httpx.post(
            url + collection.reports_path,
            json=collection.batch([0]),
            headers=collection.write_headers,
            trust_env=False,
        )
        assert answer.status_code == 200
    for _ in range(4):
        metrics = httpx.get(f"{url}/metrics", headers=admin, trust_env=False).text
        assert 'fano_uploads_total{outcome="accepted"} 20.0' in metrics
