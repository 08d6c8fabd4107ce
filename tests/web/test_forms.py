"""forms.py: every form of ours is protected, and reads nothing but its fields."""

from __future__ import annotations

import secrets
from typing import Any

import pytest
from flask import Flask
from flask_wtf.csrf import generate_csrf

from flask_apitokens.web.forms import ConfirmForm
from flask_apitokens.web.forms import CsrfField
from flask_apitokens.web.forms import GenerateForm
from flask_apitokens.web.forms import ProtectedForm
from flask_apitokens.web.forms import RenameForm

FORMS = [ConfirmForm, RenameForm, GenerateForm]


@pytest.fixture
def app() -> Flask:
    """An application that can keep a session."""
    app = Flask(__name__)
    app.secret_key = "not-a-secret"
    return app


def filled(app: Flask, kind: type[ProtectedForm], **options: Any) -> Any:
    """Whether a form of *kind* with a token of its own session is genuine."""
    form_id = secrets.token_urlsafe(16)
    with app.test_request_context(method="POST", **options) as context:
        token = generate_csrf()
        raw = context.session["csrf_token"]
    data = {"csrf_token": token, "form_id": form_id, **options.pop("data", {})}
    with app.test_request_context(method="POST", data=data, **options) as context:
        context.session["csrf_token"] = raw
        return kind().is_genuine()


@pytest.mark.parametrize("kind", FORMS)
def test_form_with_the_sessions_csrf_token_is_genuine(
    app: Flask, kind: type[ProtectedForm]
) -> None:
    assert filled(app, kind)


@pytest.mark.parametrize("kind", FORMS)
@pytest.mark.parametrize("token", ["", "x", "\N{SNOWMAN}", "a.b.c", "x" * 5000])
def test_form_without_a_valid_csrf_token_is_not_genuine(
    app: Flask, kind: type[ProtectedForm], token: str
) -> None:
    data = {"csrf_token": token, "form_id": secrets.token_urlsafe(16)}
    with app.test_request_context(method="POST", data=data):
        assert not kind().is_genuine()


@pytest.mark.parametrize("form_id", ["", "short", "a" * 21 + "!", "a" * 23])
def test_generate_form_without_a_form_id_is_not_genuine(
    app: Flask, form_id: str
) -> None:
    app.testing = True
    app.config["WTF_CSRF_ENABLED"] = False
    with app.test_request_context(method="POST", data={"form_id": form_id}):
        assert not GenerateForm().is_genuine()
    data = {"form_id": secrets.token_urlsafe(16)}
    with app.test_request_context(method="POST", data=data):
        assert GenerateForm().is_genuine()


@pytest.mark.parametrize(("testing", "open_"), [(False, False), (True, True)])
def test_csrf_check_is_disabled_only_under_test(
    app: Flask, testing: bool, open_: bool
) -> None:
    app.testing = testing
    app.config["WTF_CSRF_ENABLED"] = False
    with app.test_request_context(method="POST"):
        assert ConfirmForm().is_genuine() is open_


@pytest.mark.parametrize(
    ("strict", "referer", "genuine"),
    [
        (True, "https://localhost/page", True),
        (True, "https://evil.example/", False),
        (True, None, False),
        (False, None, True),
    ],
)
def test_form_over_https_needs_a_referer_of_the_same_host(
    app: Flask, strict: bool, referer: str | None, genuine: bool
) -> None:
    app.config["WTF_CSRF_SSL_STRICT"] = strict
    headers = {"Referer": referer} if referer else {}
    options = {"base_url": "https://localhost", "headers": headers}
    assert filled(app, RenameForm, **options) is genuine


def test_form_ignores_json_and_query_arguments(app: Flask) -> None:
    with app.test_request_context("/?name=x", method="POST", json=[1, 2]):
        assert RenameForm().name.data is None


def test_multiple_field_keeps_all_values(app: Flask) -> None:
    data = {"scope": ["read", "write"], "name": ["first", "second"]}
    with app.test_request_context(method="POST", data=data):
        form = GenerateForm()
        assert form.scope.data == ["read", "write"]
        assert form.name.data == "first"


def test_csrf_field_has_the_configured_name(app: Flask) -> None:
    app.config["WTF_CSRF_FIELD_NAME"] = "_protection"
    with app.test_request_context():
        field = CsrfField.fresh()
    assert field.name == "_protection"
    assert field.value
