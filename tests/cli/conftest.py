"""Hosts that the commands run in."""

from __future__ import annotations

from typing import Any

import pytest
from flask import Flask

from tests import hosts
from tests.conftest import MakeApp


@pytest.fixture
def anywhere(make_app: MakeApp, database_url: str) -> Flask:
    """Return a host on each database in turn, with the user ada."""
    app = make_app(database_url)
    hosts.create_user(app, "ada@example.com")
    return app


@pytest.fixture
def ada(app: Flask, user: Any) -> Any:
    """Return the user ada in the host on SQLite."""
    return user
