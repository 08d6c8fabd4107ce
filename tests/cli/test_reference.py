"""The reference of the commands is generated from the commands themselves."""

from __future__ import annotations

from pathlib import Path

import pytest

from scripts import cli_reference

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "cli.md"


def test_the_committed_reference_is_the_generated_one() -> None:
    page = PAGE.read_text("utf-8")
    assert cli_reference.update(page) == page, (
        "run python -m scripts.cli_reference docs/reference/cli.md"
    )


def test_a_page_without_markers_is_refused() -> None:
    with pytest.raises(ValueError, match="has no lines"):
        cli_reference.update("# Command line\n")
