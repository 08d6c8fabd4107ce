"""Every sentence of the pages comes from the catalogue.

A catalogue made for the test puts each sentence in brackets. Text outside of them is
data, or a sentence that translators never see.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from collections.abc import Iterator
from pathlib import Path

import pytest
from babel.messages import Catalog
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from bs4 import BeautifulSoup
from bs4 import Tag
from flask import Flask
from flask.testing import FlaskClient
from flask_babel import Babel

from example_app import create_app
from example_app.demo import PASSWORD
from example_app.models import db
from flask_apitokens import i18n
from scripts import translations
from scripts.screenshots import fill
from tests.administration import A
from tests.pages import U
from tests.pages import hidden_fields

#: attributes that a person reads or hears
ATTRIBUTES = ("title", "aria-label", "aria-description", "placeholder", "alt")
#: elements of data, code and units; Babel itself writes times
DATA = ("bdi", "code", "pre", "time", "script", "style", "kbd")
#: names and descriptions of the example host, and what Babel writes of lengths of time
KNOWN = set(
    re.findall(
        r"\w+",
        """
    TMY data Time series UTC CSV read write Old desktop Backup runner Plant
    import Jira integration Deploy script Nightly export Ada Lovelace Annie
    Easley Charles Babbage Grace Hopper Mary Somerville ada admin grace disabled
    noapi example com acme zz Download typical years Hourly irradiance of a year
    for any place on Earth the days you ask in Tagen Jahr Tage vor Stunden
    Stunde Minuten Uhr other Submit jobs
        """,
    )
)


@pytest.fixture
def bracketed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Replace the German catalogue by one that puts English sentences in brackets."""
    with translations.TEMPLATE.open("rb") as file:
        template = read_po(file)
    catalog = Catalog("de")
    for message in template:
        if not message.id:
            continue
        forms = tuple(f"⟦{form}⟧" for form in translations.texts(message.id))
        plural = isinstance(message.id, tuple)
        catalog.add(message.id, forms if plural else forms[0])
    path = tmp_path / "catalogues" / "de" / "LC_MESSAGES" / "apitokens.mo"
    path.parent.mkdir(parents=True)
    with path.open("wb") as file:
        write_mo(file, catalog)
    monkeypatch.setattr(i18n, "TRANSLATIONS", tmp_path / "catalogues")
    i18n._language.cache_clear()
    yield
    i18n._language.cache_clear()


@pytest.fixture(params=["ours", "bootstrap5"])
def translated(
    request: pytest.FixtureRequest, tmp_path: Path, bracketed: None
) -> Iterator[Flask]:
    """The example host in German, with tokens."""
    config = {"APITOKENS_BCRYPT_ROUNDS": 4}
    if request.param != "ours":
        config["EXAMPLE_TEMPLATES"] = request.param
    app = create_app(config, instance_path=tmp_path / "instance")
    Babel(app, default_locale="de")
    fill(app)
    yield app
    with app.app_context():
        db.engine.dispose()


def sign_in(app: Flask, name: str) -> FlaskClient:
    """Return a client that is signed in as a user of the demonstration."""
    client = app.test_client()
    values = {"email": f"{name}@example.com", "password": PASSWORD}
    client.post("/login", data={**hidden_fields(client.get("/login").text), **values})
    return client


def outside(html: str) -> set[str]:
    """Return the words of our section that are in no brackets."""
    soup = BeautifulSoup(html, "html.parser")
    section = soup.select_one("[data-apitokens]") or soup
    for data in section.find_all(DATA):
        data.decompose()
    # A sentence may have elements in it, and so may its brackets.
    texts = [section.get_text(" ")]
    for element in section.find_all(True):
        assert isinstance(element, Tag)
        for name, value in element.attrs.items():
            if name in ATTRIBUTES or (" " in str(value) and name.startswith("data-")):
                texts += told(str(value))
    words: set[str] = set()
    for text in texts:
        # A message is divided after its first sentence, in a heading and the rest.
        text = re.sub(r"^[^⟦]*⟧|⟦[^⟧]*$", " ", text)
        while text != (text := re.sub(r"⟦[^⟦⟧]*⟧", " ", text)):
            pass
        words |= set(re.findall(r"[^\W\d_]{2,}", text))
    return words - KNOWN


def told(value: str) -> list[str]:
    """Return the texts of an attribute; the script gets plural forms as JSON."""
    return list(json.loads(value).values()) if value.startswith("{") else [value]


def untranslated(client: FlaskClient, paths: Iterable[str]) -> dict[str, set[str]]:
    """Return the untranslated words of pages by their path."""
    found = {path: outside(client.get(path).text) for path in paths}
    return {path: words for path, words in found.items() if words}


def first_token(client: FlaskClient) -> str:
    """Return the address of the newest token's page."""
    link = BeautifulSoup(client.get(U).text, "html.parser").select_one(
        "#at-table tbody a[href]"
    )
    assert link is not None
    return str(link["href"])


def test_brackets_are_needed() -> None:
    html = "<p>⟦Keep <b>it</b>⟧ Lost <i title='Gone'>⟦x⟧</i><code>code</code></p>"
    assert outside(html) == {"Lost", "Gone"}


def test_pages_of_a_user_have_no_untranslated_sentence(translated: Flask) -> None:
    ada = sign_in(translated, "ada")
    token = first_token(ada)
    acts = [f"{token}/{act}" for act in ("rename", "revoke", "delete", "rotate")]
    searches = [f"{U}?q=zz", f"{U}?status=revoked", f"{U}nothing"]
    assert untranslated(ada, [U, f"{U}new", token, *acts, *searches]) == {}
    for name in ("grace", "noapi"):
        assert untranslated(sign_in(translated, name), [U, f"{U}new"]) == {}


def test_administration_has_no_untranslated_sentence(translated: Flask) -> None:
    admin = sign_in(translated, "admin")
    token = first_token(sign_in(translated, "ada")).removeprefix(U)
    lists = ("services", "tokens", "requests", "usage", "audit")
    service = f"{A}services/tmy"
    pages = [service, *(f"{service}/{tab}" for tab in ("users", "userless", "usage"))]
    pages += [f"{A}{name}{query}" for name in lists for query in ("", "?q=zz")]
    pages += [f"{A}tokens/{token}{act}" for act in ("", "/deactivate", "/rotate")]
    assert untranslated(admin, [*pages, f"{A}nothing"]) == {}


@pytest.mark.parametrize("htmx", [True, False])
def test_answers_to_forms_have_no_untranslated_sentence(
    translated: Flask, htmx: bool
) -> None:
    ada = sign_in(translated, "ada")
    headers = {"HX-Request": "true"} if htmx else {}

    def answer(path: str, form: str, **values: str) -> tuple[int, set[str]]:
        hidden = hidden_fields(ada.get(form).text)
        sent = ada.post(path, data={**hidden, **values}, headers=headers)
        return sent.status_code, outside(sent.text)

    token, new = first_token(ada), f"{U}new"
    valid = {"kind": "api", "name": "Nightly", "service": "tmy", "scope": "read"}
    assert answer(U, new, name="") == (422, set())
    assert answer(U, new, **valid, expiry="never") == (201, set())
    assert answer(f"{token}/rename", f"{token}/rename", name="") == (422, set())
    sent = ada.post(
        f"{token}/revoke",
        data=hidden_fields(ada.get(f"{token}/revoke").text),
        headers=headers,
        follow_redirects=True,
    )
    assert (sent.status_code, outside(sent.text)) == (200, set())
    assert untranslated(ada, [U]) == {}
