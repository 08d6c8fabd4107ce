"""Fixtures of the tests of the administrators' views."""

from __future__ import annotations

from typing import Any

import pytest
from flask import Flask

from flask_apitokens import Notice
from tests import administration
from tests import bearing
from tests.conftest import MakeApp
from tests.pages import Visitor


@pytest.fixture
def heard() -> list[Notice]:
    """The notices that the host was given to send."""
    return []


@pytest.fixture
def app(make_app: MakeApp, heard: list[Notice]) -> Flask:
    """A host of two accounts."""
    return administration.administered(make_app, plugin={"on_notice": heard.append})


@pytest.fixture(params=[True, False], ids=["htmx", "plain"])
def boss(app: Flask, request: pytest.FixtureRequest) -> Visitor:
    """An administrator of the first account, with scripts and without."""
    made = administration.administrator(app)
    return made if request.param else made.without_script()


@pytest.fixture
def ada(app: Flask) -> Any:
    """A user who may use the service "tmy"."""
    user = administration.create_user(app, "ada", name="Ada")
    bearing.subscribe(app, user, "tmy")
    return user
