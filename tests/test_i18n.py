"""Sentences: English by themselves, the host's language where it has Flask-Babel."""

from __future__ import annotations

from collections.abc import Iterator
from io import BytesIO
from pathlib import Path

import pytest
from babel.messages import Catalog
from babel.messages.mofile import write_mo
from flask import Flask
from flask import request
from flask_babel import Babel

from flask_apitokens import i18n
from flask_apitokens.errors import LimitReached
from flask_apitokens.errors import NameTaken
from flask_apitokens.i18n import gettext
from flask_apitokens.i18n import ngettext


def test_text_without_an_application_is_the_source_text() -> None:
    assert gettext("Enter a name.") == "Enter a name."
    assert gettext("100 % %s") == "100 % %s"
    assert gettext("Use %(n)s characters.", n=80) == "Use 80 characters."
    assert gettext("“%(name)s”", name="50% %(n)s") == "“50% %(n)s”"


def test_number_selects_the_plural_form_and_is_inserted() -> None:
    sentences = [ngettext("%(n)s day", "%(n)s days", n) for n in (0, 1, 2)]
    assert sentences == ["0 days", "1 day", "2 days"]
    assert ngettext("%(n)s of %(w)s", "%(n)ss of %(w)s", 2, w="x") == "2s of x"


def test_application_without_babel_shows_english(app: Flask) -> None:
    with app.test_request_context("/", headers={"Accept-Language": "de"}):
        assert gettext("Enter a name.") == "Enter a name."


@pytest.fixture
def german(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A German catalogue of ours."""
    catalog = Catalog(locale="de", domain="apitokens")
    catalog.add("Enter a name.", "Gib einen Namen ein.")
    catalog.add(
        "You already have a token called “%(name)s”. Choose another name.",
        "Du hast schon ein Token „%(name)s“. Nimm einen anderen Namen.",
    )
    catalog.add(
        (
            "You already have %(n)s token, the most allowed. "
            "Revoke one you no longer need.",
            "You already have %(n)s tokens, the most allowed. "
            "Revoke one you no longer need.",
        ),
        ("Du hast schon %(n)s Token.", "Du hast schon %(n)s Tokens."),
    )
    compiled = BytesIO()
    write_mo(compiled, catalog)
    place = tmp_path / "translations" / "de" / "LC_MESSAGES"
    place.mkdir(parents=True)
    (place / "apitokens.mo").write_bytes(compiled.getvalue())
    monkeypatch.setattr(i18n, "__file__", str(tmp_path / "i18n.py"))
    i18n._domain.cache_clear()
    yield
    i18n._domain.cache_clear()


@pytest.fixture
def babel_app() -> Flask:
    """A host that speaks what the browser asks for."""
    app = Flask("tests.babel")
    Babel(
        app, locale_selector=lambda: request.accept_languages.best_match(["de", "en"])
    )
    return app


@pytest.mark.usefixtures("german")
def test_babel_locale_of_the_application_selects_the_language(babel_app: Flask) -> None:
    with babel_app.test_request_context(headers={"Accept-Language": "de"}):
        assert gettext("Enter a name.") == "Gib einen Namen ein."
        assert str(NameTaken("%x")).startswith("Du hast schon ein Token „%x“")
        assert str(LimitReached(1)) == "Du hast schon 1 Token."
        assert str(LimitReached(7)) == "Du hast schon 7 Tokens."
        assert gettext("not in the catalogue") == "not in the catalogue"
    with babel_app.test_request_context(headers={"Accept-Language": "en"}):
        assert gettext("Enter a name.") == "Enter a name."


@pytest.mark.usefixtures("german")
def test_babel_outside_a_request_still_returns_a_text(babel_app: Flask) -> None:
    with babel_app.app_context():
        assert gettext("Enter a name.") == "Enter a name."
        assert str(LimitReached(2)).startswith("You already have 2 tokens")


def test_babel_without_a_catalogue_of_the_language_shows_english(
    babel_app: Flask,
) -> None:
    with babel_app.test_request_context(headers={"Accept-Language": "de"}):
        assert gettext("Enter a name.") == "Enter a name."
        assert ngettext("%(n)s day", "%(n)s days", 1) == "1 day"
