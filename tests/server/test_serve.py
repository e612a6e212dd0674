"""`fano serve` as a process: it says where it listens, ends when told to, and loses nothing when it is killed."""

import contextlib
import json
import os
import random
import resource
import socket
import subprocess
import sys
import threading
import time
from collections import Counter
from pathlib import Path

import httpx
import pytest
from click.testing import CliRunner

from server.cli.db import db
from server.cli.serve import serve
from tests.services.collection import TestCollection, create
from tests.services.real_server import RealServer, real_server, start_server, stop_server
from tests.services.stored import stored_keys, stored_messages
from tests.services.uploader import Uploader

pytestmark = pytest.mark.service


def opened(server: RealServer, token: str | None = None, **changes: object) -> TestCollection:
    admin = {"Authorization": f"Bearer {token or server.admin_token}"}
    with httpx.Client(base_url=server.url, trust_env=False) as client:
        return create(client.post, admin, **changes)


def uploaders(
    where: list[RealServer], collection: TestCollection, *, threads: int, each: int, size: int = 3
) -> list[Uploader]:
    """Every message occurs once, so a report counted twice would show."""
    assert collection.created["report_space"] >= threads * each * size
    return [
        Uploader(
            lambda: where[-1].url,
            collection.reports_path,
            collection.write_headers,
            [
                collection.batch(range(start, start + size))
                for start in range(i * each * size, (i + 1) * each * size, size)
            ],
            repeat_share=0.05,
            seed=i,
        )
        for i in range(threads)
    ]


def test_it_says_where_it_listens_and_ends_on_sigterm(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'fano.sqlite3'}"
    with real_server(tmp_path, url) as server:
        assert server.admin_token is not None
        assert httpx.get(f"{server.url}/healthz", trust_env=False).json() == {"status": "ok"}
        assert httpx.get(f"{server.url}/readyz", trust_env=False).status_code == 200
        opened(server)
        assert server.terminate() == 0
    with real_server(tmp_path, url) as server:
        assert server.admin_token is None  # there is one already
        assert server.terminate() == 0
    assert server.stderr.read_text() == ""


def test_sigterm_under_load_loses_nothing_acknowledged(database_url: str, tmp_path: Path) -> None:
    where = [start_server(tmp_path, database_url)]
    try:
        collection = opened(where[0], items=None, domain_size=20_000)
        threads = uploaders(where, collection, threads=8, each=150)
        for thread in threads:
            thread.start()
        time.sleep(0.3)
        assert where[0].terminate(10) == 0
        where.append(start_server(tmp_path, database_url))
        for thread in threads:
            thread.join(90)
        assert [thread.problem for thread in threads] == [None] * 8
        assert stored_messages(database_url) == Counter(range(8 * 150 * 3))
    finally:
        for server in where:
            stop_server(server)


def test_sigterm_does_not_wait_for_a_long_decoding(sqlite_url: str, tmp_path: Path) -> None:
    """A decoding cannot be interrupted, and nothing that was acknowledged depends on it."""
    slow = (
        "import threading, time; from server.services.estimates import Estimates; "
        "Estimates._decoded = lambda *_: time.sleep(60); "
    )
    with real_server(tmp_path, sqlite_url, before=slow) as server:
        collection = opened(server)
        asked = threading.Thread(target=_ask_for_an_estimate, args=(server, collection), daemon=True)
        asked.start()
        time.sleep(0.5)
        assert server.terminate(12) == 0
        asked.join(10)
        assert not asked.is_alive()


def _ask_for_an_estimate(server: RealServer, collection: TestCollection) -> None:
    with contextlib.suppress(httpx.HTTPError):
        httpx.get(
            f"{server.url}/v1/collections/{collection.id}/estimates",
            headers={"Authorization": f"Bearer {server.admin_token}"},
            trust_env=False,
            timeout=30,
        )


def test_kill_9_under_load_neither_loses_nor_doubles(database_url: str, tmp_path: Path) -> None:
    """Four kills at random moments; clients retry what was not acknowledged, and now and then what was."""
    moments = random.Random(11)
    where = [start_server(tmp_path, database_url)]
    token = where[0].admin_token
    try:
        collection = opened(where[0], items=None, domain_size=20_000)
        threads = uploaders(where, collection, threads=8, each=400, size=2)
        for thread in threads:
            thread.start()
        kills = 0
        while kills < 4:
            time.sleep(0.1 + 0.2 * moments.random())
            where[-1].kill()
            kills += 1
            where.append(start_server(tmp_path, database_url))
        for thread in threads:
            thread.join(90)
        assert [thread.problem for thread in threads] == [None] * 8
        assert sum(thread.acknowledged for thread in threads) == 8 * 400
        assert sum(thread.lost_connections for thread in threads) >= 8  # the kills hit a server at work
        assert sum(thread.replays for thread in threads) > 0
        assert stored_messages(database_url) == Counter(range(8 * 400 * 2))
        assert stored_keys(database_url) == 8 * 400
        answer = httpx.get(
            f"{where[-1].url}/v1/collections/{collection.id}",
            headers={"Authorization": f"Bearer {token}"},
            trust_env=False,
        )
        assert answer.json()["n"] == 8 * 400 * 2
    finally:
        for server in where:
            stop_server(server)


def test_several_workers_count_once(database_url: str, tmp_path: Path) -> None:
    with real_server(tmp_path, database_url, workers="2") as server:
        collection = opened(server, items=None, domain_size=20_000)
        threads = uploaders([server], collection, threads=8, each=50)
        # the same batches again, at the same time: some reach the other worker
        again = [Uploader(t._base_url, t._path, t._headers, t._batches) for t in threads]
        for thread in (*threads, *again):
            thread.start()
        for thread in (*threads, *again):
            thread.join(90)
        assert [thread.problem for thread in (*threads, *again)] == [None] * 16
        assert sum(thread.replays for thread in (*threads, *again)) >= 8 * 50
        assert stored_messages(database_url) == Counter(range(8 * 50 * 3))
        assert server.terminate(30) == 0


def test_as_many_connections_as_the_system_allows(tmp_path: Path, sqlite_url: str) -> None:
    few = "import resource; most = resource.getrlimit(resource.RLIMIT_NOFILE)[1];"
    few += "resource.setrlimit(resource.RLIMIT_NOFILE, (256, most));"
    with real_server(tmp_path, sqlite_url, before=few) as server:
        soft, hard = resource.prlimit(server.process.pid, resource.RLIMIT_NOFILE)
        assert hard > 256  # else this machine allows no more, and the test shows nothing
        assert soft == (1 << 16 if hard == resource.RLIM_INFINITY else min(1 << 16, hard))


def test_a_configured_admin_token_is_used(tmp_path: Path, sqlite_url: str) -> None:
    with real_server(tmp_path, sqlite_url, environment={"FANO_ADMIN_TOKEN": "chosen by the operator"}) as server:
        assert server.admin_token is None
        opened(server, "chosen by the operator")


def test_people_are_told_on_stderr(tmp_path: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", "from server.cli.serve import serve; serve()", "--port", "0"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "FANO_DATA_DIR": str(tmp_path / "data"), "FANO_WARM_DECODER": "false"},
    ) as process:
        try:
            assert process.stderr is not None
            said = [process.stderr.readline() for _ in range(3)]
        finally:
            process.terminate()
            stdout, _ = process.communicate(timeout=20)
    assert "listens on http://127.0.0.1:" in said[0]
    assert "fano_admin_" in said[1]
    assert stdout == ""
    assert process.returncode == 0
    assert (tmp_path / "data" / "fanoplane.sqlite3").is_file()
    assert (tmp_path / "data").stat().st_mode & 0o077 == 0  # for nobody else on this machine


def test_what_prevents_a_start_is_said_in_a_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FANO_DATA_DIR", str(tmp_path))
    for arguments, environment, words in (
        (["--database", "mysql://x"], {}, "not supported"),
        (["--database", "sqlite://"], {}, "in memory"),
        (["--database", "nonsense"], {}, "cannot be read"),
        (["--database", "postgresql://nobody@127.0.0.1:1/none"], {}, "Connection refused"),
        ([], {"FANO_REPORTS_PER_BATCH": "many"}, "FANO_REPORTS_PER_BATCH"),
    ):
        code = f"import sys; sys.argv[1:] = {arguments!r}; from server.cli.serve import serve; serve()"
        ended = subprocess.run(
            [sys.executable, "-c", code],
            env={**os.environ, **environment},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert ended.returncode == 1, ended
        assert words in ended.stderr
        assert "Traceback" not in ended.stderr


def test_a_taken_port_is_said(tmp_path: Path, sqlite_url: str) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        with pytest.raises(RuntimeError, match="cannot listen"):
            start_server(tmp_path, sqlite_url, port=taken.getsockname()[1])


def test_help_is_complete() -> None:
    shown = CliRunner().invoke(serve, ["--help"]).output
    assert all(option in shown for option in ("--host", "--port", "--database", "--workers", "--json"))
    assert "upgrade" in CliRunner().invoke(db, ["--help"]).output


def test_db_upgrade_and_current(empty_database_url: str) -> None:
    def run(*arguments: str) -> tuple[int, dict[str, object]]:
        result = CliRunner().invoke(db, [*arguments, "--json", "--database", empty_database_url])
        return result.exit_code, json.loads(result.stdout)

    exit_code, before = run("current")
    assert (exit_code, before["current"], before["up_to_date"]) == (1, None, False)
    exit_code, moved = run("upgrade")
    assert (exit_code, moved["before"], moved["after"]) == (0, None, before["head"])
    exit_code, after = run("current")
    assert (exit_code, after["current"], after["up_to_date"]) == (0, before["head"], True)
    spoken = CliRunner().invoke(db, ["upgrade", "--database", empty_database_url])
    assert "already" in spoken.stderr


def test_db_says_what_is_wrong() -> None:
    result = CliRunner().invoke(db, ["current", "--database", "mysql://x"])
    assert result.exit_code == 1
    assert "not supported" in result.stderr
