"""Fixtures of the usage tests: tokens that are used, and a context at a fixed time."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest

from flask_apitokens.core.context import Context
from tests import bearing
from tests.calling import NOW
from tests.conftest import MakeApp
from tests.recording import Tokens
from tests.recording import tokens_in


@pytest.fixture
def tokens(database_url: str) -> Iterator[Tokens]:
    """Yield two tokens, on each kind of database in turn."""
    with tokens_in(database_url) as made:
        yield made


@pytest.fixture
def on_sqlite(sqlite_url: str) -> Iterator[Tokens]:
    """Yield two tokens in an SQLite file, where the kind makes no difference."""
    with tokens_in(sqlite_url) as made:
        yield made


@pytest.fixture
def ctx(make_app: MakeApp, database_url: str) -> Iterator[Context]:
    """Yield a context at NOW, on each kind of database in turn."""
    app = make_app(database_url)
    with app.app_context():
        yield replace(bearing.context_of(app), now=lambda: NOW)
