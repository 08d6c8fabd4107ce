"""The layers of docs/architecture.md: a module imports only what stands above it."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from graphlib import CycleError
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parent.parent / "flask_apitokens"
#: From the top: a module may import those of its own layer and of the layers above.
LAYERS = (
    {
        *("i18n", "errors", "signals", "secret", "config", "catalog", "process"),
        *("peppers", "imported", "times", "sessions", "networks"),
    },
    {"columns", "models"},
    {
        *("hooks", "people", "access", "textsearch", "statuses", "figures"),
        *("audit_log", "history", "call_log", "call_names", "binding"),
        *("domain", "audit", "subscriptions", "rules", "listing", "tokens"),
        *("rotation", "ending", "notices"),
        *("prepared", "lookup", "usage_rows", "usage_sql", "usage_prune"),
        *("usage_writer", "usage"),
        *("lookup_imported", "importing", "import_names", "pepper_check"),
    },
    {"state"},
    {
        *("bearer", "bearer_imported", "watch", "guard", "neighbours", "endpoints"),
        *("htmx", "templating", "forms", "generating", "views", "blueprint"),
        *("places", "questions", "present", "asking", "happenings", "members"),
        *("rotating", "latecomers", "single", "calls", "chart", "daily", "sheets"),
        "cli",
    },
    {"extension", "hostcode", "testing"},
    {"__init__"},
)
#: Layers that know nothing of a request and leave the commit to the edges.
DOMAIN_LAYERS = LAYERS[:3]
FILES = sorted(PACKAGE.rglob("*.py"))


def module_of(path: Path) -> str:
    """The name in LAYERS that *path* belongs to: its module, or its subpackage."""
    return path.relative_to(PACKAGE).with_suffix("").parts[0]


def layer_of(module: str) -> int:
    """The place of *module* in LAYERS; a module that has none is an error."""
    for number, layer in enumerate(LAYERS):
        if module in layer:
            return number
    raise AssertionError(f"{module} stands in no layer: give it its place in LAYERS")


def imports_of(path: Path) -> Iterator[tuple[int, str]]:
    """Line and module of each import of the package in *path*, of whatever form.

    Imports for the type checker alone are none: nothing runs through them.
    """
    for node in running_code(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            for name in node.names:
                yield from _of_the_package(node.lineno, name.name.split("."))
        elif isinstance(node, ast.ImportFrom):
            source = _absolute(node, path)
            for name in node.names:
                yield from _of_the_package(node.lineno, [*source, name.name])


def running_code(node: ast.AST) -> Iterator[ast.AST]:
    """Every node below *node*, but for the blocks under ``if TYPE_CHECKING``."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.If) and ast.unparse(child.test) == "TYPE_CHECKING":
            continue
        yield child
        yield from running_code(child)


def _absolute(node: ast.ImportFrom, path: Path) -> list[str]:
    named = node.module.split(".") if node.module else []
    if not node.level:
        return named
    package = [PACKAGE.name, *path.relative_to(PACKAGE).parent.parts]
    return package[: len(package) - node.level + 1] + named


def _of_the_package(line: int, name: list[str]) -> Iterator[tuple[int, str]]:
    if name[0] != PACKAGE.name:
        return
    module = name[1] if len(name) > 1 else "__init__"
    known = any(module in layer for layer in LAYERS)
    # A name that is no module comes out of __init__.py.
    yield line, module if known or _is_module(module) else "__init__"


def _is_module(name: str) -> bool:
    return (PACKAGE / name).is_dir() or (PACKAGE / f"{name}.py").exists()


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_a_module_imports_nothing_below_its_layer(path: Path) -> None:
    own = layer_of(module_of(path))
    upward = [
        f"line {line}: {module}"
        for line, module in imports_of(path)
        if layer_of(module) > own
    ]
    assert upward == []


def test_no_module_imports_itself_through_others() -> None:
    graph: dict[str, set[str]] = {}
    for path in FILES:
        module = module_of(path)
        imported = {name for _line, name in imports_of(path)}
        graph.setdefault(module, set()).update(imported - {module})
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        pytest.fail(" imports ".join(reversed(error.args[1])))


@pytest.mark.parametrize(
    "path",
    [path for path in FILES if module_of(path) in set().union(*DOMAIN_LAYERS)],
    ids=lambda path: str(path.relative_to(PACKAGE)),
)
def test_the_domain_knows_no_request_and_never_commits(path: Path) -> None:
    tree = ast.parse(path.read_text("utf-8"))
    from_flask = {
        name.name
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and node.module == "flask"
        for name in node.names
    }
    assert from_flask.isdisjoint({"request", "session", "g"})
    commits = [
        node.lineno
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute)
        and node.attr == "commit"
        and "session" in ast.unparse(node.value)
    ]
    assert commits == []


@pytest.mark.parametrize(
    ("source", "modules"),
    [
        ("from flask_apitokens.views import x", ["views"]),
        ("from flask_apitokens import guard", ["guard"]),
        ("from flask_apitokens import APITokens", ["__init__"]),
        ("import flask_apitokens.models", ["models"]),
        ("from . import guard, errors", ["guard", "errors"]),
        ("from .views.preferences import x", ["views"]),
        ("def late():\n    from .guard import x", ["guard"]),
        ("if TYPE_CHECKING:\n    from .guard import x", []),
        ("import flask\nfrom sqlalchemy import select", []),
    ],
)
def test_every_form_of_import_is_seen(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, source: str, modules: list[str]
) -> None:
    package = tmp_path / "flask_apitokens"
    package.mkdir()
    monkeypatch.setattr(f"{__name__}.PACKAGE", package)
    file = package / "module.py"
    file.write_text(source)
    assert [module for _line, module in imports_of(file)] == modules
