"""The wheel as people get it: built, installed into an empty environment, tried."""

from __future__ import annotations

import json
import subprocess
import sys
import tarfile
import venv
import zipfile
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "flask_apitokens"

pytestmark = pytest.mark.packaging


def run(*command: object) -> str:
    """What *command* printed; its complaints are the test's when it fails."""
    done = subprocess.run(  # noqa: S603
        [str(word) for word in command],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the sdist, and the wheel built from it."""
    folder = tmp_path_factory.mktemp("dist")
    run(sys.executable, "-m", "build", "--no-isolation", "--outdir", folder, ROOT)
    return folder


@pytest.fixture(scope="session")
def wheel(built: Path) -> Path:
    (path,) = built.glob("*.whl")
    return path


@pytest.fixture(scope="session")
def tried(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What a host saw in an environment with the wheel and its dependencies alone."""
    folder = tmp_path_factory.mktemp("environment")
    venv.create(folder, symlinks=True)
    python = folder / "bin" / "python"
    run(
        *(sys.executable, "-m", "pip", "--python", python, "install", "--quiet"),
        *("--constraint", ROOT / "constraints.txt", wheel),
    )
    printed = run(python, "-I", ROOT / "tests" / "wheel_host.py", folder)
    seen: dict[str, Any] = json.loads(printed)
    return seen | {"folder": str(folder)}


def shipped_files() -> set[str]:
    return {
        path.relative_to(ROOT).as_posix()
        for path in PACKAGE.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }


def failed(statuses: dict[str, int]) -> dict[str, int]:
    return {address: status for address, status in statuses.items() if status != 200}


def test_wheel_contains_only_the_package(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
    packed = {name for name in names if ".dist-info/" not in name}
    assert packed == shipped_files()
    assert "flask_apitokens/py.typed" in packed
    assert any(name.endswith(".dist-info/licenses/LICENSE") for name in names)


def test_sdist_contains_the_files_its_tests_need(built: Path) -> None:
    (path,) = built.glob("*.tar.gz")
    with tarfile.open(path) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    wanted = {
        *("pyproject.toml", "constraints.txt", "Makefile", "README.md", "LICENSE"),
        *("scripts/setup", "tests/conftest.py", "example_app/__init__.py"),
        "templates/bootstrap5/apitokens/_macros.html",
    }
    assert wanted | shipped_files() <= names


def test_tests_import_the_package_from_the_wheel(tried: dict[str, Any]) -> None:
    assert tried["file"].startswith(tried["folder"])


def test_every_page_renders(tried: dict[str, Any]) -> None:
    assert len(tried["pages"]) >= 60
    assert failed(tried["pages"]) == {}


def test_secret_is_revealed_once_and_a_call_is_recorded(tried: dict[str, Any]) -> None:
    made, called = (
        {"status": 201, "shows_token": True},
        {"call": 200, "shows_call": True},
    )
    assert tried["reveal"] == made | called


def test_every_template_compiles(tried: dict[str, Any]) -> None:
    templates = PACKAGE / "templates"
    shipped = {
        path.relative_to(templates).as_posix() for path in templates.rglob("*.html")
    }
    assert shipped <= set(tried["templates"])


def test_files_linked_by_a_page_are_served(tried: dict[str, Any]) -> None:
    assert len(tried["static"]) >= 3
    assert failed(tried["static"]) == {}
