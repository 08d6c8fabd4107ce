"""Notices in the language of the person they are for (``locale_of``)."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from datetime import UTC
from datetime import datetime
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask import request
from flask_babel import Babel
from flask_babel import get_locale

from flask_apitokens import Notice
from tests import hosts
from tests.commandline import run
from tests.conftest import MakeApp
from tests.languages import Sentences
from tests.languages import write_catalogue
from tests.pages import add_token

DEACTIVATED = "%(who)s deactivated your token “%(name)s”."
ASKS = "%(who)s asks for access to %(service)s."
EXPIRES = (
    "Your token “%(name)s” expires on %(day)s, %(wait)s. Rotate it, or generate "
    "another, before it stops working."
)


@pytest.fixture
def told() -> list[tuple[str, str]]:
    """The texts of the notices, and the locale that ``on_notice`` ran in."""
    return []


@pytest.fixture
def host(
    make_app: MakeApp, told: list[tuple[str, str]], tmp_path: Path
) -> Callable[[Callable[[Any], object] | None], Flask]:
    """Make a host with catalogues, whose requests are French and its default Dutch."""
    for locale, word in (("de", "Aus"), ("fr", "Non"), ("nl", "Uit")):
        sentences: Sentences = {
            DEACTIVATED: f"{word}: %(name)s",
            ASKS: f"{word}: %(service)s",
            EXPIRES: f"{word}: %(name)s, %(day)s, %(wait)s",
        }
        write_catalogue(tmp_path, locale, sentences)

    def tell(notice: Notice) -> None:
        told.append((notice.text, str(get_locale())))

    def make(locale_of: Callable[[Any], object] | None) -> Flask:
        app = make_app(
            plugin={"on_notice": tell, "locale_of": locale_of},
            BABEL_TRANSLATION_DIRECTORIES=str(tmp_path),
            BABEL_DEFAULT_LOCALE="nl",
        )
        Babel(app, locale_selector=lambda: request.args.get("lang", "fr"))
        return app

    return make


def deactivate(app: Flask) -> None:
    """Let the host's code deactivate a token of ada in a request."""
    ada = hosts.create_user(app, "ada@example.com")
    token_id = add_token(app, ada, "CI")
    extension = app.extensions["apitokens"].extension
    with app.test_request_context("/"):
        session = hosts.host_of(app).db.session
        token = extension.find_token(token_id)
        extension.deactivate(token, reason="Leaked")
        session.commit()


@pytest.mark.parametrize(
    ("locale", "text", "locale_then"),
    [
        ("de", "Aus: CI", "de"),
        ("de-AT", "Aus: CI", "de_AT"),
        ("de_CH", "Aus: CI", "de_CH"),
        (None, "Uit: CI", "nl"),
        ("", "Uit: CI", "nl"),
        ("xx", "Uit: CI", "nl"),
        ("no such locale", "Uit: CI", "nl"),
    ],
)
def test_notice_is_in_the_language_of_its_reader(
    host: Any, told: list[tuple[str, str]], locale: str, text: str, locale_then: str
) -> None:
    deactivate(host(lambda user: locale))
    assert told == [(text, locale_then)]


def test_language_of_the_request_is_back_after_a_notice(
    host: Any, told: list[tuple[str, str]]
) -> None:
    app = host(lambda user: "de")
    seen = []
    with app.test_request_context("/"):
        seen.append(str(get_locale()))
        from flask_apitokens.i18n import speaking

        with speaking("de"):
            seen.append(str(get_locale()))
        seen.append(str(get_locale()))
    assert seen == ["fr", "de", "fr"]


def test_notice_is_in_the_language_of_the_request_without_locale_of(
    host: Any, told: list[tuple[str, str]]
) -> None:
    deactivate(host(None))
    assert told == [("Non: CI", "fr")]


def test_failing_locale_of_means_the_default_language(
    host: Any, told: list[tuple[str, str]], caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.ERROR):
        deactivate(host(lambda user: user.no_such_attribute))
    assert told == [("Uit: CI", "nl")]
    assert "locale_of failed" in caplog.text


def test_notice_for_administrators_is_in_the_default_language(
    host: Any, told: list[tuple[str, str]]
) -> None:
    app = host(lambda user: "de")
    ada = hosts.create_user(app, "ada@example.com")
    with app.test_request_context("/"):
        app.extensions["apitokens"].extension.request_access(ada, "tmy", reason="")
        hosts.host_of(app).db.session.commit()
    assert told == [("Uit: TMY data", "nl")]


def test_command_sends_each_notice_in_the_language_of_its_reader(
    host: Any, told: list[tuple[str, str]]
) -> None:
    """A command has no request that could say a language."""
    app = host(lambda user: "de" if user.email.startswith("ada") else "fr")
    now = datetime.now(UTC)
    for name in ("ada", "bob"):
        user = hosts.create_user(app, f"{name}@example.com")
        created, end = now - timedelta(days=90), now + timedelta(days=5)
        add_token(app, user, name, created_at=created, expires_at=end)
    assert json.loads(run(app, "notices", "send", "--json").stdout)["sent"] == 2
    texts = sorted(text for text, _locale in told)
    assert texts[0].startswith("Aus: ada, ")
    assert texts[0].endswith(", in 5 Tagen")
    assert texts[1].startswith("Non: bob, ")
    assert texts[1].endswith(", dans 5 jours")


def test_locale_of_has_no_effect_without_flask_babel(make_app: MakeApp) -> None:
    told: list[str] = []
    plugin = {
        "on_notice": lambda notice: told.append(notice.text),
        "locale_of": lambda user: "de",
    }
    deactivate(make_app(plugin=plugin))
    assert told == ["The system deactivated your token “CI”."]
