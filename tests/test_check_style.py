"""scripts/check_style.py: each kind of fault is found, and what is right passes."""

from __future__ import annotations

from pathlib import Path

import pytest

from scripts.check_style import faults_in

MODULE = Path("flask_apitokens/domain/tokens.py")
LONG_BODY = "    x = 1\n" * 40


def found_in(text: str, path: Path = MODULE) -> list[str]:
    return [what for _path, _line, what in faults_in(path, text)]


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("# Whoever asks waits.\n", "say “Whoever” in plain English"),
        ('"""The row stands in a table."""\n', "say “stands” in plain English"),
        ("# It is none of ours.\n", "say “is none” in plain English"),
        (f"def f():\n{LONG_BODY}", "f: 41 lines; at most 40"),
        ("x = 1\n" * 351, "351 lines; at most 350"),
        ("def f(a, b, c): ...\n", "f: 3 positional parameters; at most 2"),
        ("def f(ctx, a, b, c): ...\n", "f: 4 positional parameters; at most 3"),
    ],
)
def test_fault_is_found(text: str, what: str) -> None:
    assert found_in(text) == [what]


@pytest.mark.parametrize(
    "text",
    [
        "# The caller waits. It withstands a crash.\n",
        "if x is None: x = 'nobody@example.com'\n",
        f"def f():\n{LONG_BODY[:-10]}",
        "def f(a, b, *, c, d): ...\n",
        "def f(ctx, a, b, *, c): ...\n",
        "class C:\n    def f(self, a, b): ...\n",
    ],
)
def test_plain_short_code_passes(text: str) -> None:
    assert found_in(text) == []


def test_sizes_count_in_the_package_alone() -> None:
    assert found_in(f"def f(a, b, c):\n{LONG_BODY}", Path("tests/test_tokens.py")) == []


def test_words_count_in_every_text() -> None:
    assert found_in("Nobody reads this.", Path("docs/index.md"))
