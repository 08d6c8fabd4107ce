"""The ids of our elements: one namespace, beside any host's, in both template sets."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from bs4 import BeautifulSoup
from bs4 import Tag
from flask import Flask
from jinja2 import FileSystemLoader
from werkzeug.test import TestResponse

from tests import administration
from tests import hosts
from tests.conftest import MakeApp
from tests.pages import HTMX
from tests.pages import Visitor
from tests.pages import add_token
from tests.pages import soup
from tests.pages import visitor
from tests.web.views.admin.test_every_address import Place

BOOTSTRAP = Path(__file__).parents[2] / "templates" / "bootstrap5"
WITH_BOTH_SETS = pytest.mark.parametrize("loader", [None, FileSystemLoader(BOOTSTRAP)])
#: attributes whose value is one or several ids
REFERENCES = (
    *("for", "form", "list", "headers", "aria-labelledby", "aria-describedby"),
    *("aria-controls", "aria-owns", "aria-errormessage", "data-apitokens-copy-from"),
)
#: panels of the page, which a fragment is put into or points to
PANELS = {"at-list", "at-dialog", "at-panel", "at-toasts", "at-filter"}


def problems(html: str) -> list[str]:
    """Return the ids in *html* that a host may have too, or that are ambiguous."""
    document = without_spares(html)
    ids = Counter(str(each["id"]) for each in document.select("[id]"))
    found = [f"not ours: {each}" for each in ids if not each.startswith("at-")]
    found += [f"{count} times: {each}" for each, count in ids.items() if count > 1]
    known = ids.keys() | (set() if document.select("[data-apitokens]") else PANELS)
    for element, reference in _references(document):
        if reference not in known:
            found.append(f"leads nowhere: {reference} in {element.name}")
    return found


def without_spares(html: str) -> BeautifulSoup:
    """Return *html* less the content of templates, which takes the place of other."""
    document = BeautifulSoup(html, "html.parser")
    for template in document.select("template"):
        template.extract()
    return document


def _references(document: BeautifulSoup) -> Iterator[tuple[Tag, str]]:
    for element in document.find_all(True):
        for name in REFERENCES:
            value = element.get(name) or ""
            for reference in value.split() if isinstance(value, str) else value:
                yield element, reference
    for link in document.select("#at-errsum [href]"):
        yield link, str(link["href"]).partition("#")[2]


def dressed(app: Flask, loader: FileSystemLoader | None) -> Flask:
    """Let *app* use a template set."""
    app.jinja_loader = loader
    return app


def answers(ada: Visitor) -> Iterator[TestResponse]:
    """Return the answers of every page of a user, and of every refused form."""
    token = add_token(ada.app, ada.user, "Deploy", service="tmy", scopes=["read"])
    add_token(ada.app, ada.user, "Other", service="tmy", scopes=["read"])
    for path in ("", "new", token):
        yield ada.get(path)
    for action in ("rename", "revoke", "delete", "rotate"):
        yield ada.get(f"{token}/{action}")
    yield ada.post(f"{token}/rename", name="")
    yield ada.post(f"{token}/rotate", expiry="custom", expiry_date="2001-01-01")
    for kind in ("api", "access"):
        yield ada.generate(kind=kind, name="x" * 81, expiry="custom", networks="no")
    yield ada.post("request", service="timeseries", reason="x" * 2000)
    yield ada.generate(name="New", service="tmy", scope="read")


@WITH_BOTH_SETS
@pytest.mark.parametrize("htmx", [True, False])
def test_ids_of_a_users_pages_are_ours_and_unique(
    make_app: MakeApp, loader: FileSystemLoader | None, *, htmx: bool
) -> None:
    app = dressed(make_app(), loader)
    ada = visitor(app, hosts.create_user(app, "ada@example.com"), "tmy")
    for response in answers(ada if htmx else ada.without_script()):
        assert problems(response.text) == [], response.request.path


@WITH_BOTH_SETS
def test_dialog_beside_the_request_form_has_ids_of_its_own(
    make_app: MakeApp, loader: FileSystemLoader | None
) -> None:
    app = dressed(administration.administered(make_app), loader)
    ada = visitor(app, hosts.create_user(app, "ada@example.com"), "tmy")
    page, dialog = ada.without_script().get(), ada.get("new")
    assert soup(page).select("#at-panel select")
    ids = [
        {str(each["id"]) for each in without_spares(answer.text).select("[id]")}
        for answer in (page, dialog)
    ]
    assert ids[0] & ids[1] == set()


@WITH_BOTH_SETS
def test_ids_of_the_administrators_pages_are_ours_and_unique(
    make_app: MakeApp, loader: FileSystemLoader | None
) -> None:
    place = Place(dressed(administration.administered(make_app), loader))
    for endpoint, _rule, url in place.addresses():
        for headers in ({}, HTMX):
            chosen = {"id": place.fields(endpoint)["id"]}
            answer = place.boss.client.get(url, headers=headers, query_string=chosen)
            answer.get_data()  # A file is written as it is read.
            if answer.mimetype == "text/html" and answer.status_code == 200:
                assert problems(answer.text) == [], url
