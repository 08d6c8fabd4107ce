"""Fixtures of the tests of the guard."""

from __future__ import annotations

from typing import Any

import pytest
from flask import Flask

from tests import bearing
from tests.bearing import bearer


@pytest.fixture
def bcrypt_asked(monkeypatch: pytest.MonkeyPatch) -> bearing.Bcrypt:
    """Return the counter of bcrypt's checks."""
    return bearing.Bcrypt(monkeypatch)


@pytest.fixture
def token(app: Flask, user: Any) -> tuple[str, str]:
    """Return the id and the plaintext of a token of the user, without a service."""
    return bearing.generate(app, user)


@pytest.fixture
def plaintext(token: tuple[str, str]) -> str:
    """Return the plaintext of that token."""
    return token[1]


@pytest.fixture
def headers(plaintext: str) -> dict[str, str]:
    """Return the header that carries that token."""
    return bearer(plaintext)
