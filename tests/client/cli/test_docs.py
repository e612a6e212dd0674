"""docs/cli.md names every command and every option, and none that does not exist."""

import re
from collections.abc import Iterator
from importlib.metadata import entry_points
from pathlib import Path

import click
import pytest

from client.cli import application
from client.cli.application import COMMAND_GROUP

TEXT = (Path(__file__).parents[3] / "docs" / "cli.md").read_text(encoding="utf-8")

SECTIONS = {
    match["command"]: match["body"]
    for match in re.finditer(r"^## `fano (?P<command>[^`]+)`\n(?P<body>.*?)(?=^## |\Z)", TEXT, re.MULTILINE | re.DOTALL)
}


def installed() -> Iterator[tuple[str, click.Command]]:
    """Every command that is there to run, with its full name; groups give their parts."""
    for point in entry_points(group=COMMAND_GROUP):
        if point.value.startswith("client."):
            yield from parts(point.name, point.load())


def parts(name: str, command: click.Command) -> Iterator[tuple[str, click.Command]]:
    if isinstance(command, click.Group):
        for inner, one in command.commands.items():
            yield from parts(f"{name} {inner}", one)
    else:
        yield name, command


COMMANDS = dict(installed())


@pytest.mark.parametrize("name", COMMANDS)
def test_every_option_of_a_command_is_described(name: str) -> None:
    options = {
        spelling
        for parameter in COMMANDS[name].params
        if isinstance(parameter, click.Option)
        for spelling in parameter.opts
    }
    assert name in SECTIONS, f"docs/cli.md has no section for `fano {name}`"
    described = set(re.findall(r"(?<![\w-])--?[a-z][a-z-]*", " ".join(re.findall(r"`([^`]+)`", SECTIONS[name]))))
    assert options <= described
    assert described - {"--json"} <= options | {"-"}


@pytest.mark.parametrize("name", COMMANDS)
def test_defaults_in_the_table_are_those_of_the_command(name: str) -> None:
    rows = dict(re.findall(r"^\| `(--[a-z-]+)` \| ([^|]*?) \|", SECTIONS[name], re.MULTILINE))
    for parameter in COMMANDS[name].params:
        if isinstance(parameter, click.Option) and parameter.show_default is True and parameter.opts[-1] in rows:
            assert rows[parameter.opts[-1]] == str(parameter.default)


def test_no_section_of_ours_is_about_a_command_that_does_not_exist() -> None:
    top_level = set(entry_points(group=COMMAND_GROUP).names)
    for name in SECTIONS:
        assert name.split()[0] in top_level
        if any(known.split()[0] == name.split()[0] for known in COMMANDS):
            assert name in COMMANDS


def test_exit_codes_are_those_of_the_code() -> None:
    table = {int(code) for code in re.findall(r"^\| (\d+) \|", TEXT, re.MULTILINE)}
    codes = ("OK", "REFUSED", "USAGE", "UNREACHABLE", "INTERRUPTED")
    assert table == {getattr(application, code) for code in codes}


def test_every_environment_variable_is_described() -> None:
    for command in COMMANDS.values():
        for parameter in command.params:
            if parameter.envvar is not None:
                assert f"`{parameter.envvar}`" in TEXT
