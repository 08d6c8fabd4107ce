"""Sentences: English by themselves, the host's language where it has Flask-Babel."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from flask import Flask
from flask import request
from flask_babel import Babel
from flask_babel import force_locale

from flask_apitokens import i18n
from flask_apitokens.errors import LimitReached
from flask_apitokens.errors import NameTaken
from flask_apitokens.i18n import gettext
from flask_apitokens.i18n import language
from flask_apitokens.i18n import ngettext
from flask_apitokens.i18n import number
from flask_apitokens.i18n import percent
from flask_apitokens.i18n import plural_forms
from tests.languages import Sentences
from tests.languages import write_catalogue

LIMIT = (
    "You already have %(n)s token, the most allowed. Revoke one you no longer need.",
    "You already have %(n)s tokens, the most allowed. Revoke one you no longer need.",
)
GERMAN: Sentences = {
    "Enter a name.": "Gib einen Namen ein.",
    "Enter a reason.": "Gib einen Grund ein.",
    "You already have a token called “%(name)s”. Choose another name.": (
        "Du hast schon ein Token „%(name)s“. Nimm einen anderen Namen."
    ),
    LIMIT: ("Du hast schon %(n)s Token.", "Du hast schon %(n)s Tokens."),
}


def test_text_without_an_application_is_the_source_text() -> None:
    assert gettext("Enter a name.") == "Enter a name."
    assert gettext("100 % %s") == "100 % %s"
    assert gettext("Use %(n)s characters.", n=80) == "Use 80 characters."
    assert gettext("“%(name)s”", name="50% %(n)s") == "“50% %(n)s”"


def test_number_selects_the_plural_form_and_is_inserted() -> None:
    sentences = [ngettext("%(n)s day", "%(n)s days", n) for n in (0, 1, 2, 1234)]
    assert sentences == ["0 days", "1 day", "2 days", "1,234 days"]
    assert ngettext("%(n)s of %(w)s", "%(n)ss of %(w)s", 2, w="x") == "2s of x"


def test_application_without_babel_shows_english(app: Flask) -> None:
    with app.test_request_context("/", headers={"Accept-Language": "de"}):
        assert gettext("Enter a name.") == "Enter a name."
        assert (language().tag, language().direction) == ("en", "ltr")


def test_extension_that_only_shares_the_name_of_babel_is_ignored() -> None:
    program = (
        "from flask import Flask\n"
        "from flask_apitokens.i18n import gettext\n"
        "app = Flask('x')\n"
        "app.extensions['babel'] = object()\n"
        "with app.app_context():\n"
        "    print(gettext('Enter a name.'))\n"
    )
    run = subprocess.run(  # noqa: S603
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert run.stdout == "Enter a name.\n"


@pytest.fixture
def ours(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The folder of our catalogues: a German one, and one of Brazil and of China."""
    folder = tmp_path / "ours"
    write_catalogue(folder, "de", GERMAN)
    write_catalogue(folder, "pt_BR", {"Enter a name.": "Informe um nome."})
    write_catalogue(folder, "zh_Hans", {"Enter a name.": "请输入名称。"})
    monkeypatch.setattr(i18n, "TRANSLATIONS", folder)
    i18n._language.cache_clear()
    yield folder
    i18n._language.cache_clear()


@pytest.fixture
def babel_app(tmp_path: Path) -> Flask:
    """A host that speaks what the browser asks for."""
    app = Flask("tests.babel", root_path=str(tmp_path / "host"))
    offered = ["de", "en"]
    Babel(app, locale_selector=lambda: request.accept_languages.best_match(offered))
    return app


@pytest.fixture
def host_catalogues(babel_app: Flask) -> Path:
    """The first of the folders where Flask-Babel looks for catalogues of the host."""
    return Path(babel_app.root_path, "translations")


@pytest.mark.usefixtures("ours")
def test_babel_locale_of_the_application_selects_the_language(babel_app: Flask) -> None:
    with babel_app.test_request_context(headers={"Accept-Language": "de"}):
        assert gettext("Enter a name.") == "Gib einen Namen ein."
        assert str(NameTaken("%x")).startswith("Du hast schon ein Token „%x“")
        assert str(LimitReached(1)) == "Du hast schon 1 Token."
        assert str(LimitReached(1700)) == "Du hast schon 1.700 Tokens."
        assert gettext("not in the catalogue") == "not in the catalogue"
    with babel_app.test_request_context(headers={"Accept-Language": "en"}):
        assert gettext("Enter a name.") == "Enter a name."


@pytest.mark.usefixtures("ours")
def test_babel_outside_a_request_still_returns_a_text(babel_app: Flask) -> None:
    with babel_app.app_context():
        assert gettext("Enter a name.") == "Enter a name."
        assert str(LimitReached(2)).startswith("You already have 2 tokens")


@pytest.mark.usefixtures("ours")
@pytest.mark.parametrize(
    ("locale", "text", "tag"),
    [
        ("de", "Gib einen Namen ein.", "de"),
        ("de_AT", "Gib einen Namen ein.", "de-AT"),
        ("pt_BR", "Informe um nome.", "pt-BR"),
        ("pt", "Informe um nome.", "pt-BR"),
        ("pt_PT", "Informe um nome.", "pt-BR"),
        ("zh", "请输入名称。", "zh-Hans"),
        ("zh_CN", "请输入名称。", "zh-Hans-CN"),
        ("zh_Hans_SG", "请输入名称。", "zh-Hans-SG"),
        # This is another script than that of the catalogue.
        ("zh_TW", "Enter a name.", "en"),
        ("zh_Hant", "Enter a name.", "en"),
        ("fi", "Enter a name.", "en"),
        ("he", "Enter a name.", "en"),
        ("en", "Enter a name.", "en"),
        ("en_GB", "Enter a name.", "en-GB"),
    ],
)
def test_language_of_a_locale_is_the_one_the_text_is_in(
    babel_app: Flask, locale: str, text: str, tag: str
) -> None:
    with babel_app.test_request_context(), force_locale(locale):
        assert gettext("Enter a name.") == text
        assert (language().tag, language().direction) == (tag, "ltr")


@pytest.mark.usefixtures("ours")
def test_catalogue_of_the_host_wins_sentence_by_sentence(
    babel_app: Flask, host_catalogues: Path
) -> None:
    write_catalogue(host_catalogues, "de", {"Enter a name.": "Namen bitte"})
    with babel_app.test_request_context(), force_locale("de"):
        assert gettext("Enter a name.") == "Namen bitte"
        assert gettext("Enter a reason.") == "Gib einen Grund ein."
        assert str(LimitReached(2)) == "Du hast schon 2 Tokens."


@pytest.mark.usefixtures("ours")
def test_host_can_keep_the_english_of_a_sentence(
    babel_app: Flask, host_catalogues: Path
) -> None:
    write_catalogue(host_catalogues, "de", {"Enter a name.": "Enter a name."})
    with babel_app.test_request_context(), force_locale("de"):
        assert gettext("Enter a name.") == "Enter a name."


@pytest.mark.usefixtures("ours")
def test_plural_rule_of_the_host_is_used_for_its_own_sentences_alone(
    babel_app: Flask, host_catalogues: Path
) -> None:
    days = ("%(n)s day", "%(n)s days")
    write_catalogue(host_catalogues, "pl", {days: ("%(n)s d.", "%(n)s dni", "%(n)s D")})
    write_catalogue(i18n.TRANSLATIONS, "pl", {LIMIT: ("1", "kilka", "wiele")})
    with babel_app.test_request_context(), force_locale("pl"):
        assert ngettext(*days, 22) == "22 dni"
        assert [str(LimitReached(n)) for n in (1, 22, 25)] == ["1", "kilka", "wiele"]


@pytest.mark.usefixtures("ours")
def test_host_adds_a_language_and_changes_an_english_sentence(
    babel_app: Flask, host_catalogues: Path
) -> None:
    write_catalogue(host_catalogues, "he", {"Enter a name.": "הזן שם."})
    write_catalogue(host_catalogues, "en", {"Enter a name.": "Name it."})
    with babel_app.test_request_context():
        with force_locale("he"):
            assert gettext("Enter a name.") == "הזן שם."
            assert (language().tag, language().direction) == ("he", "rtl")
        for locale in ("en", "en_US", "fi"):
            with force_locale(locale):
                assert gettext("Enter a name.") == "Name it."


@pytest.mark.usefixtures("ours")
def test_every_translation_directory_is_read_and_the_last_wins(tmp_path: Path) -> None:
    for name in ("one", "two"):
        write_catalogue(tmp_path / name, "de", {"Enter a name.": name})
    write_catalogue(tmp_path / "one", "de", {"Enter a reason.": "Grund"})
    write_catalogue(tmp_path / "one", "de_AT", {"Enter a name.": "Österreich"})
    app = Flask("tests.babel", root_path=str(tmp_path))
    app.config["BABEL_TRANSLATION_DIRECTORIES"] = f"one;{tmp_path / 'two'}"
    app.config["BABEL_DOMAIN"] = "messages;other"
    Babel(app, default_locale="de")
    with app.test_request_context():
        assert gettext("Enter a name.") == "two"
        with force_locale("de_AT"):
            assert gettext("Enter a name.") == "Österreich"


@pytest.mark.usefixtures("ours")
def test_other_domains_of_the_host_leave_our_sentences_alone(
    babel_app: Flask, host_catalogues: Path
) -> None:
    sentences: Sentences = {"Enter a name.": "etwas anderes"}
    write_catalogue(host_catalogues, "de", sentences, domain="messages")
    with babel_app.test_request_context(), force_locale("de"):
        assert gettext("Enter a name.") == "Gib einen Namen ein."


@pytest.mark.usefixtures("ours")
def test_two_applications_have_their_own_catalogues(tmp_path: Path) -> None:
    texts = []
    for name in ("one", "two"):
        folder = tmp_path / name
        write_catalogue(folder / "translations", "de", {"Enter a name.": name})
        app = Flask("tests.babel", root_path=str(folder))
        Babel(app, default_locale="de")
        with app.test_request_context():
            texts.append(gettext("Enter a name."))
    assert texts == ["one", "two"]


def test_plural_forms_for_a_script_have_the_categories_of_the_language(
    babel_app: Flask, host_catalogues: Path
) -> None:
    selected = ("%(n)s selected", "%(n)s selected")
    assert plural_forms(*selected) == {"one": "{n} selected", "other": "{n} selected"}
    write_catalogue(
        host_catalogues, "pl", {selected: ("%(n)s a", "%(n)s b", "%(n)s c")}
    )
    write_catalogue(host_catalogues, "ja", {selected: ("%(n)s x",)})
    write_catalogue(host_catalogues, "ar", {selected: tuple("012345")})
    with babel_app.test_request_context():
        with force_locale("pl"):
            polish = {"one": "{n} a", "few": "{n} b", "many": "{n} c"}
            assert plural_forms(*selected) == polish
        with force_locale("ja"):
            assert plural_forms(*selected) == {"other": "{n} x"}
        with force_locale("ar"):
            six = ["zero", "one", "two", "few", "many", "other"]
            # Babel's own header for Arabic has these two in this order.
            assert plural_forms(*selected) == dict(zip(six, "012354", strict=True))


@pytest.mark.usefixtures("ours")
def test_numbers_are_written_as_in_the_language_of_the_text(babel_app: Flask) -> None:
    assert (number(12345), percent(985), percent(1000)) == ("12,345", "98.5%", "100%")
    assert (percent(0), percent(500)) == ("0%", "50.0%")
    with babel_app.test_request_context():
        with force_locale("de"):
            assert (number(12345), percent(985)) == ("12.345", "98,5\xa0%")
            assert percent(1000) == "100\xa0%"
        with force_locale("fi"):  # the text is English, so its numbers are too
            assert (number(12345), percent(985)) == ("12,345", "98.5%")
