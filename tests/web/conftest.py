"""Fixtures of the tests of the pages."""

from __future__ import annotations

import pytest
from flask import Flask

from tests import hosts
from tests.conftest import MakeApp
from tests.pages import Visitor
from tests.pages import visitor


@pytest.fixture
def plain_app(make_app: MakeApp) -> Flask:
    """A host that declares no service."""
    return make_app(services=False)


@pytest.fixture
def plain(plain_app: Flask) -> Visitor:
    """A user of that host, signed in."""
    return visitor(plain_app, hosts.create_user(plain_app, "ada@example.com"))
