"""What an operator is told when a command of the service cannot do its work: a sentence with the reason, exit code 1, and nothing made."""

import os
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from pydantic import SecretStr, ValidationError

from server.cli.db import db
from server.cli.serve import serve
from server.settings import Settings, misspelt
from server.storage.database import DatabaseUrlError, parse_database_url
from tests.services.postgresql import PostgresqlCluster

COMMANDS = ("current", "upgrade", "purge", "fold")


def fano_db(*arguments: str) -> Result:
    result = CliRunner().invoke(db, list(arguments))
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result


def refused(*arguments: str) -> str:
    result = fano_db(*arguments)
    assert result.exit_code == 1, result.output
    told: str = result.stderr
    assert told.startswith("fano db: ")
    assert told.count("\n") == 1
    return told


def of_file(file: Path) -> tuple[str, str]:
    return "--database", f"sqlite:///{file}"


@pytest.fixture
def foreign(tmp_path: Path) -> Path:
    file = tmp_path / "foreign.sqlite3"
    with sqlite3.connect(file) as connection:
        connection.execute("CREATE TABLE bookmarks (address TEXT)")
    connection.close()
    return file


@pytest.mark.parametrize("command", [*COMMANDS, "backup copy"])
def test_a_wrong_setting_is_named(command: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("FANO_FOLD_SECONDS", "often")
    assert "FANO_FOLD_SECONDS: Input should be a valid number" in refused(*command.split())
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("command", [*COMMANDS, "backup copy"])
def test_a_shell_variable_that_was_not_set_is_no_database(command: str) -> None:
    result = fano_db(*command.split(), "--database", "")
    assert result.exit_code == 2
    assert "it is empty" in result.stderr


@pytest.mark.parametrize("option", ["--host", "--database"])
def test_nothing_is_served_by_an_option_that_is_empty(option: str) -> None:
    """An empty host would listen on every address."""
    result = CliRunner().invoke(serve, [option, ""])
    assert result.exit_code == 2
    assert "it is empty" in result.stderr


@pytest.mark.parametrize("command", ["current", "purge", "fold", "backup copy"])
def test_only_an_upgrade_makes_a_database(command: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A slip in the address must not leave a folder with an empty database that looks like the right one."""
    monkeypatch.chdir(tmp_path)
    assert fano_db(*command.split(), *of_file(tmp_path / "slip" / "fano.sqlite3")).exit_code == 1
    assert list(tmp_path.iterdir()) == []
    assert fano_db("upgrade", *of_file(tmp_path / "meant" / "fano.sqlite3")).exit_code == 0
    assert (tmp_path / "meant" / "fano.sqlite3").is_file()


@pytest.mark.parametrize("command", COMMANDS)
def test_another_programs_database_is_left_alone(command: str, foreign: Path) -> None:
    assert "something else than Fanoplane: bookmarks" in refused(command, *of_file(foreign))
    with sqlite3.connect(foreign) as connection:
        assert connection.execute("SELECT name FROM sqlite_master").fetchall() == [("bookmarks",)]
    connection.close()


@pytest.mark.postgres
def test_another_programs_schema_is_left_alone(postgresql: PostgresqlCluster) -> None:
    import psycopg

    with postgresql.database(empty=True) as url:
        with psycopg.connect(url) as connection:
            connection.execute("CREATE TABLE bookmarks (address TEXT)")
        assert "something else than Fanoplane: bookmarks" in refused("upgrade", "--database", url)


@pytest.mark.parametrize("command", COMMANDS)
def test_a_newer_database_asks_for_the_newer_version(command: str, tmp_path: Path) -> None:
    file = tmp_path / "newer.sqlite3"
    with sqlite3.connect(file) as connection:
        connection.execute("CREATE TABLE alembic_version (version_num VARCHAR(32))")
        connection.execute("INSERT INTO alembic_version VALUES ('from_the_future')")
    connection.close()
    told = refused(command, *of_file(file))
    assert "from_the_future" in told
    assert "install that one" in told
    assert "fano db upgrade" not in told  # it would not help


@pytest.mark.parametrize("command", COMMANDS)
def test_a_file_that_is_no_database_is_said(command: str, tmp_path: Path) -> None:
    file = tmp_path / "letter.txt"
    file.write_text("Dear Sir or Madam, this is not a database. " * 30)
    assert f"{file}: file is not a database" in refused(command, *of_file(file))


@pytest.mark.parametrize("command", ["fold", "backup copy"])
def test_a_damaged_database_is_said(command: str, sqlite_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    file = Path(sqlite_url.removeprefix("sqlite:///"))
    monkeypatch.chdir(file.parent)
    content = bytearray(file.read_bytes())
    content[8_192:] = b"\x77" * (len(content) - 8_192)
    file.write_bytes(content)
    assert "malformed" in refused(*command.split(), "--database", sqlite_url)


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    told = refused("upgrade", *of_file(tmp_path / "file" / "fano.sqlite3"))
    assert told == f"fano db: {tmp_path / 'file'}: File exists\n"


def test_why_postgresql_does_not_answer_is_said() -> None:
    told = refused("current", "--database", "postgresql://somebody:a-password@127.0.0.1:1/reports")
    assert "Connection refused" in told
    assert "a-password" not in told


@pytest.mark.postgres
def test_what_postgresql_refuses_is_said(postgresql: PostgresqlCluster) -> None:
    told = refused("upgrade", "--database", postgresql.url("no_such_database"))
    assert 'database "no_such_database" does not exist' in told


@pytest.mark.parametrize(
    ("address", "words"),
    [
        ("postgresql://somebody:pass@word@host/reports", "%40"),
        ("postgresql://somebody:a-password@host:port/reports", "cannot be read"),
        ("postgresql://somebody@host/reports?sslmodus=require", "sslmodus"),
    ],
)
def test_slips_in_an_address_are_found_before_it_is_used(address: str, words: str) -> None:
    with pytest.raises(DatabaseUrlError, match=words) as refused_address:
        parse_database_url(address)
    assert "pass" not in str(refused_address.value).replace("password as", "")


@pytest.mark.parametrize("token", ["ends with a line break\n", " begins with a blank", "schlüssel", "two\nlines", "\t"])
def test_a_token_that_no_header_carries_is_refused(token: str) -> None:
    for name in ("admin_token", "metrics_token"):
        with pytest.raises(ValidationError, match="one line of printable ASCII") as refused_token:
            Settings(**{name: SecretStr(token)})
        assert token.strip() not in str(refused_token.value) or not token.strip()


@pytest.mark.parametrize("value", ["inf", "nan", "-1", "often"])
@pytest.mark.parametrize("name", ["fold_seconds", "housekeeping_seconds", "window_grace_seconds", "uploads_per_second"])
def test_a_time_that_no_thread_can_wait_is_refused(name: str, value: str) -> None:
    with pytest.raises(ValidationError, match=name):
        Settings(**{name: value})


def test_log_levels_are_read_in_any_case() -> None:
    assert Settings(log_level="INFO").log_level == "info"  # type: ignore[arg-type]
    with pytest.raises(ValidationError, match="log_level"):
        Settings(log_level="loud")  # type: ignore[arg-type]


def test_a_folder_at_home_is_there() -> None:
    assert Settings(data_dir=Path("~/reports")).data_dir == Path.home() / "reports"


@pytest.mark.service
@pytest.mark.parametrize(
    ("arguments", "environment", "words"),
    [
        (["--host", "no-such-host.invalid"], {}, "choose another --host"),
        ([], {"FANO_ADMIN_TOKEN": "from a file\n"}, "FANO_ADMIN_TOKEN"),
        ([], {"FANO_DATA_DIR": "/proc/none"}, "/proc/none: "),
        (["--database", "sqlite:////proc/version"], {}, "/proc/version: "),
        (["--database", "postgresql://nobody@127.0.0.1:1/none"], {"FANO_DATA_DIR": "/proc/none"}, "/proc/none: "),
    ],
)
def test_what_prevents_a_start_is_said(
    arguments: list[str], environment: dict[str, str], words: str, tmp_path: Path
) -> None:
    ended = subprocess.run(
        [sys.executable, "-c", "from server.cli.serve import serve; serve()", "--port", "0", *arguments],
        env={**os.environ, "FANO_DATA_DIR": str(tmp_path), **environment},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert ended.returncode == 1
    assert words in ended.stderr
    assert "Traceback" not in ended.stderr


def test_what_is_no_misspelt_setting() -> None:
    ours = ["FANO_URL", "FANO_TOKEN", "FANO_WRITE_KEY", "FANO_PORT", "FANO_CHROMIUM", "fano_data_dir", "DATABASE_URL"]
    assert misspelt(ours) == {}
    slips = {
        "FANO_DATABASEURL": "FANO_DATABASE_URL",
        "FANO_LOGLEVEL": "FANO_LOG_LEVEL",
        "fano_job_worker": "FANO_JOB_WORKERS",
    }
    assert misspelt(slips) == slips
