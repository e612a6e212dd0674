"""`fano` itself: quick help, clear ends."""

import subprocess
import sys
from importlib.metadata import entry_points

import pytest

from client.cli.application import COMMAND_GROUP, SUMMARIES, run
from ldp_core import __version__
from tests.client.fake_service import ADMIN, FakeService, served

HEAVY = {"numpy", "httpx", "rich", "numba", "scipy", "wordfreq", "fastapi", "client.sdk", "client.simulation"}


def python(code: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False)


@pytest.mark.parametrize("arguments", [["fano", "--help"], ["fano", "--version"], ["fano"]])
def test_help_and_version_import_nothing_heavy(arguments: list[str]) -> None:
    done = python(
        f"import sys, atexit; sys.argv = {arguments!r}\n"
        "atexit.register(lambda: print('LOADED', *sys.modules))\n"
        "from client.cli.main import main; main()"
    )
    text, _, loaded = done.stdout.partition("LOADED")
    assert not HEAVY & set(loaded.split())
    assert not [
        name
        for name in loaded.split()
        if name.startswith("client.cli.") and name not in {"client.cli.main", "client.cli.application"}
    ]
    assert text.strip() == f"fano {__version__}" if "--version" in arguments else True


def test_help_names_every_installed_command() -> None:
    text = python("import sys; sys.argv = ['fano', '--help']\nfrom client.cli.main import main; main()").stdout
    assert set(SUMMARIES) == set(entry_points(group=COMMAND_GROUP).names)
    for name, summary in SUMMARIES.items():
        assert f"\n  {name} " in text
        assert " ".join(summary.split()[:3]) in text


def test_summaries_are_the_first_line_of_the_commands_own_help() -> None:
    for point in entry_points(group=COMMAND_GROUP):
        if point.value.startswith("client."):
            first = " ".join((point.load().help or "").partition("\n\n")[0].split())
            assert first == SUMMARIES[point.name]


def test_without_click_and_rich_the_extra_is_named() -> None:
    done = python(
        "import importlib.util, sys\n"
        "real = importlib.util.find_spec\n"
        "importlib.util.find_spec = lambda name, *rest: None if name in {'click', 'rich'} else real(name, *rest)\n"
        "from client.cli.main import main; main()"
    )
    assert done.returncode == 1
    assert "fano needs click and rich" in done.stderr
    assert "fanoplane[cli]" in done.stderr


def test_exit_codes(capsys: pytest.CaptureFixture[str]) -> None:
    closed = "http://127.0.0.1:9"
    assert run(["mechanisms", "--json"]) == 0
    assert run(["plan", "--epsilon", "-1", "--items", "10"]) == 1
    assert run(["plan"]) == 2
    assert run(["no-such-command"]) == 2
    assert run(["collection", "list", "--url", closed, "--token", "t"]) == 3
    assert "cannot be reached" in capsys.readouterr().err
    with served(FakeService()) as url:
        assert run(["collection", "list", "--url", url, "--token", "wrong"]) == 1
        assert "--token or FANO_ADMIN_TOKEN" in capsys.readouterr().err
        assert run(["collection", "list", "--url", url, "--token", ADMIN]) == 0
    assert run(["collection", "list", "--url", "nonsense", "--token", "t"]) == 1


def test_an_interrupt_ends_with_130(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("client.rest.AdminClient.collections", interrupted)
    assert run(["collection", "list", "--token", "t"]) == 130


def test_a_fault_of_our_own_is_not_hidden(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object, **__: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr("client.rest.AdminClient.collections", broken)
    with pytest.raises(ZeroDivisionError):
        run(["collection", "list", "--token", "t"])


def test_parts_that_are_not_installed_are_named(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    class Missing:
        name, value = "serve", "server.cli.serve:serve"

        def load(self) -> None:
            raise ModuleNotFoundError("No module named 'uvicorn'", name="uvicorn")

    monkeypatch.setattr("client.cli.application.entry_points", lambda group: [Missing()])
    assert run(["serve"]) == 1
    assert "the module uvicorn" in capsys.readouterr().err
