"""Fixtures of the tests of the domain."""

from __future__ import annotations

from typing import Any

import pytest


@pytest.fixture
def told() -> list[Any]:
    """Return the list in which a host of these tests keeps its notices."""
    return []
