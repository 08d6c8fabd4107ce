"""The README and the pages of docs/ say what the code does."""

from __future__ import annotations

import ast
import re
from dataclasses import fields
from pathlib import Path

import pytest

import flask_apitokens
from flask_apitokens import errors
from flask_apitokens import signals
from flask_apitokens.config import PREFIX
from flask_apitokens.config import Settings
from flask_apitokens.errors import Refusal

ROOT = Path(__file__).parent.parent
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
README = PAGES[0].read_text("utf-8")


def test_the_readme_lists_every_setting_with_its_default() -> None:
    rows = re.findall(r"^\| `(APITOKENS_\w+)` \| `(.+?)` \|", README, re.MULTILINE)
    stated = {name: ast.literal_eval(default) for name, default in rows}

    defaults = Settings()
    for item in fields(Settings):
        value = getattr(defaults, item.name)
        value = dict(value) if item.name == "blocks" else value
        assert stated.pop(PREFIX + item.name.upper()) == value

    assert stated == {}


def _all_refusals(kind: type[Refusal] = Refusal) -> set[type[Refusal]]:
    found = {kind}
    for child in kind.__subclasses__():
        found |= _all_refusals(child)
    return found


def test_the_guards_page_lists_every_code_a_refusal_can_have() -> None:
    page = (ROOT / "docs" / "explanation" / "checking-a-call.md").read_text("utf-8")
    bases = {Refusal, errors.Forbidden}

    for kind in _all_refusals() - bases:
        row = re.search(rf"^\|.*`{kind.problem}`.*\| (\d+) \|", page, re.MULTILINE)
        assert row is not None, kind.problem
        assert int(row[1]) == kind.code


def test_the_guards_page_names_every_signal() -> None:
    page = (ROOT / "docs" / "explanation" / "checking-a-call.md").read_text("utf-8")
    names = {name for name in vars(signals) if name.startswith(("token_", "subscr"))}

    assert names
    assert {name for name in names if f"`{name}`" not in page} == set()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_and_pictures_lead_somewhere(page: Path) -> None:
    text = page.read_text("utf-8")
    for target in re.findall(r"\]\((?!https?:|#)([^)#]+)", text):
        assert (page.parent / target).exists(), target


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_python_in_the_pages_parses(page: Path) -> None:
    for code in re.findall(
        r"^```python\n(.*?)^```", page.read_text("utf-8"), re.M | re.S
    ):
        ast.parse(code)


def test_every_public_name_says_what_it_is() -> None:
    # A proxy has the docstring of what it stands for, and here that is nothing.
    for name in set(flask_apitokens.__all__) - {"current_token"}:
        assert getattr(flask_apitokens, name).__doc__, name


def test_the_reference_has_every_public_name() -> None:
    page = (ROOT / "docs" / "reference" / "python.md").read_text("utf-8")
    lacking = [n for n in flask_apitokens.__all__ if f"flask_apitokens.{n}" not in page]
    assert lacking == []


def test_the_table_of_templates_is_what_their_first_lines_say() -> None:
    page = (ROOT / "docs" / "reference" / "templates.md").read_text("utf-8")
    told = dict(re.findall(r"^\| `([\w/]+\.html)` \| (.*) \|$", page, re.M))
    folder = ROOT / "flask_apitokens" / "templates" / "apitokens"
    there = {}
    for path in folder.rglob("*.html"):
        opening = re.match(r"\{# (.*?)\.? #\}", path.read_text("utf-8"))
        if opening:
            there[path.relative_to(folder).as_posix()] = opening[1]
    assert told == there
