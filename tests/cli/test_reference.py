"""The reference of the commands is generated from the commands themselves."""

from __future__ import annotations

from pathlib import Path

import click
import pytest
from flask import Flask

from scripts import cli_reference
from tests.commandline import run

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "cli.md"


def test_committed_reference_equals_the_generated_one() -> None:
    page = PAGE.read_text("utf-8")
    assert cli_reference.update(page) == page, (
        "run python -m scripts.cli_reference docs/reference/cli.md"
    )


@pytest.mark.parametrize(("path", "command"), [*cli_reference.commands()])
def test_every_command_argument_and_option_has_a_help_sentence(
    path: str, command: click.Command
) -> None:
    first, *_others = (command.help or "").split("\n\n")
    assert first.endswith("."), path
    for parameter in command.params:
        sentence = cli_reference.help_of(parameter)
        assert sentence[:1].isupper(), (path, parameter.name)
        assert sentence.endswith("."), (path, parameter.name)


def test_argument_is_described_by_help(app: Flask) -> None:
    shown = run(app, "token", "revoke", "--help").output
    assert shown.count("The ids of one or more tokens") == 1


def test_page_without_markers_is_refused() -> None:
    with pytest.raises(ValueError, match="has no lines"):
        cli_reference.update("# Command line\n")
