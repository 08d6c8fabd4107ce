"""The order of the rooms: imports go one way, in no circle.

docs/explanation/architecture.md has the same order.
The test knows folders, not modules: a new file in a room needs no line here.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from graphlib import CycleError
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGE = "flask_apitokens"
#: A module imports from its own room and from rooms further up. A module beside the
#: folders is a room of its own. The rooms of one line never import each other.
ORDER = (
    ("signals", "i18n", "refusals"),
    ("errors",),
    ("catalog", "crypto", "db"),
    ("config",),
    ("core",),
    ("audit", "lookup"),
    ("domain",),
    ("importing", "usage"),
    ("state",),
    ("guard", "database"),
    ("host_api",),
    ("web",),
    ("cli", "api", "testing"),
    ("registration",),
    ("extension",),
    ("__init__",),
)
FLOORS = {room: floor for floor, line in enumerate(ORDER) for room in line}
#: rooms that never see a request and leave the commit to the rooms after them
BELOW_REQUESTS = frozenset(room for line in ORDER[: FLOORS["state"]] for room in line)
#: pages, endpoints and commands share what is in the rooms before them
EDGES = frozenset({"web", "api", "cli"})
FILES = sorted((ROOT / PACKAGE).rglob("*.py"))
BENCH = sorted((ROOT / "bench").glob("*.py"))


def name_of(path: Path) -> str:
    """Return the dotted name of the module in *path*."""
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def room_of(module: str) -> str:
    """Return the room of a dotted name: a folder, or a module beside the folders."""
    return [*module.split("."), "__init__"][1]


def imports_of(path: Path) -> Iterator[tuple[int, str]]:
    """Yield line and module of each import from the project, of whatever form.

    Imports inside functions and under TYPE_CHECKING count: a reader follows them too.
    """
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            for name in node.names:
                yield from _in_project(node.lineno, name.name)
        elif isinstance(node, ast.ImportFrom):
            source = _absolute(node, path)
            for name in node.names:
                yield from _in_project(node.lineno, f"{source}.{name.name}")


def _absolute(node: ast.ImportFrom, path: Path) -> str:
    if not node.level:
        return node.module or ""
    package = path.relative_to(ROOT).parent.parts
    base = package[: len(package) - node.level + 1]
    return ".".join([*base, *([node.module] if node.module else [])])


def _in_project(line: int, dotted: str) -> Iterator[tuple[int, str]]:
    """Yield the module that *dotted*, a module or a name in one, belongs to."""
    if dotted.partition(".")[0] not in {PACKAGE, "bench"}:
        return
    while not _is_module(dotted):
        dotted = dotted.rpartition(".")[0]
    yield line, dotted


def _is_module(dotted: str) -> bool:
    path = ROOT.joinpath(*dotted.split("."))
    return path.with_suffix(".py").exists() or (path / "__init__.py").exists()


@pytest.mark.parametrize("path", FILES, ids=name_of)
def test_module_imports_only_from_its_room_and_rooms_before(path: Path) -> None:
    own = room_of(name_of(path))
    wrong = [
        f"line {line}: {module}"
        for line, module in imports_of(path)
        if room_of(module) != own
        and FLOORS[room_of(module)] >= FLOORS[own]
        or {own, room_of(module)} <= EDGES
        and room_of(module) != own
    ]
    assert wrong == []


def test_every_room_has_its_place_in_the_order() -> None:
    assert {room_of(name_of(path)) for path in FILES} == FLOORS.keys()


@pytest.mark.parametrize("files", [FILES, BENCH], ids=["package", "bench"])
def test_no_module_imports_itself_through_others(files: list[Path]) -> None:
    modules = {name_of(path) for path in files}
    graph = {
        name_of(path): {name for _line, name in imports_of(path)}
        & modules - {name_of(path)}
        for path in files
    }
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        pytest.fail(" imports ".join(reversed(error.args[1])))


@pytest.mark.parametrize(
    "path", [path for path in FILES if path.name == "__init__.py"], ids=name_of
)
def test_package_says_what_it_holds_and_defines_nothing(path: Path) -> None:
    docstring, *rest = ast.parse(path.read_text("utf-8")).body
    assert isinstance(docstring, ast.Expr)
    if path.parent.name != PACKAGE:
        assert rest == []


@pytest.mark.parametrize(
    "path",
    [path for path in FILES if room_of(name_of(path)) in BELOW_REQUESTS],
    ids=name_of,
)
def test_rooms_below_requests_never_see_one_and_never_commit(path: Path) -> None:
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
        ("from flask_apitokens.web.views import x", ["flask_apitokens.web.views"]),
        ("from flask_apitokens.guard import decorator", ["guard.decorator"]),
        ("from flask_apitokens import APITokens", ["flask_apitokens"]),
        ("import flask_apitokens.db.models", ["flask_apitokens.db.models"]),
        ("from . import rotation, users", ["domain.rotation", "domain.users"]),
        ("from .rotation import rotate", ["flask_apitokens.domain.rotation"]),
        ("def late():\n    from .rotation import x", ["domain.rotation"]),
        ("if TYPE_CHECKING:\n    from .rotation import x", ["domain.rotation"]),
        ("import flask\nfrom sqlalchemy import select", []),
    ],
)
def test_every_form_of_import_is_seen(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, source: str, modules: list[str]
) -> None:
    for known in ("web/views/x", "guard/decorator", "db/models", "domain/rotation"):
        made = tmp_path / PACKAGE / f"{known}.py"
        made.parent.mkdir(parents=True, exist_ok=True)
        made.touch()
    for folder in ("", "web", "web/views", "domain"):
        (tmp_path / PACKAGE / folder / "__init__.py").touch()
    (tmp_path / PACKAGE / "domain" / "users.py").touch()
    monkeypatch.setattr(f"{__name__}.ROOT", tmp_path)
    file = tmp_path / PACKAGE / "domain" / "module.py"
    file.write_text(source)
    found = [module for _line, module in imports_of(file)]
    whole = [m if m.startswith(PACKAGE) else f"{PACKAGE}.{m}" for m in modules]
    if source.endswith("views import x"):
        whole = [f"{PACKAGE}.web.views.x"]
    assert found == whole
