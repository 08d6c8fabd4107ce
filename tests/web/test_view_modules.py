"""What a view module may import: the tests know folders, not modules."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from tests.test_rooms import PACKAGE
from tests.test_rooms import ROOT
from tests.test_rooms import imports_of
from tests.test_rooms import name_of

WEB = ROOT / PACKAGE / "web"
VIEWS = f"{PACKAGE}.web.views."
#: names the views for the address table, which imports them when they are called
TABLE = WEB / "lazy_views.py"
MODULES = [path for path in sorted(WEB.rglob("*.py")) if path != TABLE]


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_module_imports_no_view_module(path: Path) -> None:
    """What views share is in ``web/``: a change to one view cannot break another."""
    imported = {module for _line, module in imports_of(path)}
    assert [module for module in imported if module.startswith(VIEWS)] == []


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_module_imports_no_private_name_of_another(path: Path) -> None:
    private = [
        f"line {node.lineno}: {name.name}"
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.ImportFrom)
        for name in node.names
        if name.name.startswith("_")
    ]
    assert private == []
