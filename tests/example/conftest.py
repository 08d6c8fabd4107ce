"""The example application on a seeded database."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from example_app import create_app
from example_app.demo import seed
from example_app.models import db

#: ``make_example(**config)``
MakeExample = Callable[..., Flask]


@pytest.fixture(autouse=True)
def bare_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Remove the FLASK_… variables of the developer's shell."""
    for name in os.environ:
        if name.startswith("FLASK_"):
            monkeypatch.delenv(name)


@pytest.fixture(scope="session")
def seeded_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a seeded database, made once because hashing seven passwords is slow."""
    file = tmp_path_factory.mktemp("example") / "example.sqlite"
    uri = f"sqlite:///{file}"
    app = create_app({"SECRET_KEY": "not-a-secret", "SQLALCHEMY_DATABASE_URI": uri})
    with app.app_context():
        seed()
        db.engine.dispose()
    return file


@pytest.fixture
def make_example(tmp_path: Path, seeded_file: Path) -> Iterator[MakeExample]:
    """Return a function that builds examples, each on a copy of the seeded database."""
    made: list[Flask] = []

    def make(**config: Any) -> Flask:
        folder = tmp_path / str(len(made))
        folder.mkdir()
        shutil.copy(seeded_file, folder)
        settings = {"SECRET_KEY": "not-a-secret", "APITOKENS_BCRYPT_ROUNDS": 4}
        app = create_app(settings | config, instance_path=folder)
        made.append(app)
        return app

    yield make
    for app in made:
        with app.app_context():
            db.engine.dispose()


@pytest.fixture
def example(make_example: MakeExample) -> Flask:
    """Return the example with its default settings."""
    return make_example()


@pytest.fixture
def visitor(example: Flask) -> FlaskClient:
    """Return a browser that is not logged in."""
    return example.test_client()
