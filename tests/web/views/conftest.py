"""Fixtures of the tests of the views."""

from __future__ import annotations

from typing import Any

import pytest
from flask import Flask

from tests.pages import Visitor
from tests.pages import visitor


@pytest.fixture
def ada(app: Flask, user: Any) -> Visitor:
    """A user, signed in, who may use both services."""
    return visitor(app, user, "tmy", "timeseries")
