"""Guarded calls for the tests of the look-up."""

from __future__ import annotations

from typing import Any

from flask import Flask
from flask_login import current_user

from tests.bearing import bearer

#: the recorder stays off where statements are counted
QUIET = {"APITOKENS_USAGE": "off"}


def owner_email() -> str:
    """Return the email address of the token's owner: a view."""
    user: Any = current_user
    return str(user.email)


def status(app: Flask, plaintext: str, path: str = "/api/plain") -> int:
    """Return the status of a guarded call."""
    return app.test_client().get(path, headers=bearer(plaintext)).status_code
