"""templating.py and the templates: each renders with each set and can be replaced."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable
from datetime import UTC
from datetime import datetime
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from bs4 import BeautifulSoup
from flask import Flask
from jinja2 import FileSystemLoader
from jinja2 import StrictUndefined

from flask_apitokens.domain import access_requests
from flask_apitokens.errors import ConfigurationError
from flask_apitokens.web import templating
from tests import administration
from tests import answers
from tests import hosts
from tests.conftest import MakeApp
from tests.pages import add_token
from tests.pages import hidden_fields
from tests.pages import one
from tests.pages import soup
from tests.pages import visitor

SHIPPED = Path(templating.__file__).parents[1] / "templates"
GALLERY = Path(__file__).parents[2] / "templates"
#: ready-made override sets, and none
SETS = [None, *sorted(path for path in GALLERY.glob("*") if path.is_dir())]
WITH_EVERY_SET = pytest.mark.parametrize(
    "gallery", SETS, ids=lambda path: path.name if path else "none"
)
PARTIALS = sorted(SHIPPED.glob("apitokens/**/partials/*.html"))
LAYOUT = """<!doctype html><html lang="en"><head>
<title>{% block name %}{% endblock %}</title>
{% block css %}<link href="own.css">{% endblock %}
</head><body><nav>Own</nav>{% block main %}{% endblock %}{% block js %}{% endblock %}
</body></html>"""
BLOCKS = {"title": "name", "styles": "css", "content": "main", "scripts": "js"}


@WITH_EVERY_SET
def test_user_pages_render_with_every_override_set(
    make_app: MakeApp, gallery: Path | None
) -> None:
    ada = answers.member(answers.host(make_app, gallery))
    for response in answers.every_answer(ada):
        assert response.status_code in {200, 201, 400, 401, 404, 409, 422}, (
            response.text
        )
        assert_sound(response.text)


@WITH_EVERY_SET
def test_every_admin_page_renders_with_every_override_set(
    make_app: MakeApp, gallery: Path | None
) -> None:
    app = administration.administered(make_app)
    app.jinja_env.undefined = StrictUndefined
    if gallery is not None:
        app.jinja_loader = FileSystemLoader(gallery)
    for response in answers.every_admin_answer(app):
        assert response.status_code in {200, 201, 303, 400, 404, 409, 422}, (
            response.text
        )
        assert_sound(response.text)


@WITH_EVERY_SET
def test_admin_actions_render_with_every_override_set(
    make_app: MakeApp, gallery: Path | None
) -> None:
    app = answers.host(make_app, gallery, is_admin=lambda user: True)
    for response in answers.every_administrators_answer(answers.member(app)):
        assert response.status_code in {200, 302, 404}, response.text
        assert_sound(response.text)


@WITH_EVERY_SET
def test_single_token_mode_renders_with_every_override_set(
    make_app: MakeApp, gallery: Path | None
) -> None:
    ada = answers.member(answers.host(make_app, gallery, APITOKENS_MAX_PER_OWNER=1))
    empty = [browser.get() for browser in (ada, ada.without_script())]
    add_token(ada.app, ada.user, service="timeseries", scopes=["read"])
    for browser in (ada, ada.without_script()):
        question = browser.get("replace")
        done = browser.post("replace", **hidden_fields(question.text))
        assert done.status_code == 201
        empty += [question, done, browser.get()]
    for response in empty:
        assert_sound(response.text)


def assert_sound(html: str) -> None:
    """What holds of every answer: no style, no script, no id twice, WEB-02."""
    document = BeautifulSoup(html, "html.parser")
    for unwanted in ("style", "[style]", "script:not([src])", "[onclick]", "[hx-on]"):
        assert document.select(unwanted) == []
    assert not re.search(
        r"\son\w+=|javascript:|hx-(?:on|vars|confirm|disable|ext)", html
    )
    for template in document.select("template"):
        template.extract()
    ids = [str(element["id"]) for element in document.select("[id]")]
    assert sorted(ids) == sorted(set(ids))
    for element in document.select("[hx-get], [hx-post]"):
        assert element["hx-swap"] == "innerHTML"
        assert str(element["hx-target"]).startswith("#at-")
        assert element["hx-status:40x"] == element["hx-status:42x"] == "swap:innerHTML"
        # Each works without script: it is a link, a form, or inside one.
        assert element.get("href") or element.get("action") or element.name == "select"
    for form in document.select("form[method=post]"):
        assert form.select("[name=csrf_token]")
        assert form["action"] == form.get("hx-post", form["action"])


@WITH_EVERY_SET
def test_access_requests_render_with_every_override_set(
    make_app: MakeApp, gallery: Path | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(access_requests, "PAGE_SIZE", 1)
    app = make_app(plugin=hosts.accounts())
    app.jinja_env.undefined = StrictUndefined
    if gallery is not None:
        app.jinja_loader = FileSystemLoader(gallery)
    every = answers.every_answer_about_access(app)
    assert {answer.status_code for answer in every} == {200, 400, 409, 422}
    for response in every:
        assert_sound(response.text)
    text = "".join(response.text for response in every)
    for words in (
        "Waiting for approval",
        "was declined",
        "Decided",
        "Access approved",
        "1–1 of",
    ):
        assert words in text


def test_override_sets_contain_only_shipped_template_names() -> None:
    names = {path.relative_to(SHIPPED) for path in SHIPPED.rglob("*.html")}
    for gallery in filter(None, SETS):
        own = {path.relative_to(gallery) for path in gallery.rglob("*.html")}
        unknown = {path for path in own if path.parts[0] == "apitokens"} - names
        assert unknown == set(), "an override of a template that we do not ship"


@pytest.mark.parametrize("path", PARTIALS, ids=lambda path: str(path.stem))
def test_partial_lists_its_locals_and_is_short(path: Path) -> None:
    lines = path.read_text("utf-8").splitlines()
    assert lines[0].startswith("{# "), "the first line names the locals"
    assert len(lines) < 60


# -- overriding ----------------------------------------------------------------


def test_application_template_overrides_and_can_extend_the_shipped_one(
    make_app: MakeApp,
) -> None:
    own = {
        "apitokens/partials/_empty.html": (
            '<p id="own">Own</p>{% include "!apitokens/partials/_empty.html" %}'
        ),
        "apitokens/tokens.html": (
            '{% extends "!apitokens/tokens.html" %}'
            "{% block apitokens_title %}Own title{% endblock %}"
        ),
    }
    ada = answers.member(answers.host(make_app, own))
    page = ada.without_script().get()
    assert one(page, "#own").get_text() == "Own"
    assert "No tokens yet" in page.text
    assert one(page, "title").get_text(strip=True) == "Own title"
    assert one(ada.get(), "#own")


def test_overriding_the_macros_alone_changes_the_look(make_app: MakeApp) -> None:
    shipped = (SHIPPED / "apitokens/_macros.html").read_text("utf-8")
    assert "at-chip" in shipped
    own = {"apitokens/_macros.html": re.sub(r"\bat-chip", "own-chip", shipped)}
    ada = answers.member(answers.host(make_app, own))
    ada.generate(service="tmy", scope="read")
    chips = one(ada.get(), "tbody tr").select(".own-chip")
    assert [chip.get_text() for chip in chips] == ["API", "Never used", "Active"]
    assert "at-chip" not in ada.without_script().get().text


def test_loader_lists_every_template(app: Flask) -> None:
    names = app.jinja_env.list_templates()
    assert "apitokens/base.html" in names
    assert "apitokens/partials/_token_row.html" in names


# -- the host's layout ---------------------------------------------------------


def test_blocks_are_placed_in_the_layouts_blocks(make_app: MakeApp) -> None:
    app = answers.host(
        make_app,
        {"own.html": LAYOUT},
        APITOKENS_BASE_TEMPLATE="own.html",
        APITOKENS_BLOCKS=BLOCKS,
    )
    page = answers.member(app).without_script().get()
    document = soup(page)
    assert one(page, "title").get_text(strip=True) == "API tokens"
    hrefs = [str(link["href"]) for link in document.select("head link")]
    assert hrefs[0] == "own.css"
    assert hrefs[1].endswith("/apitokens.css")
    assert (
        len(document.select("body > nav, body > [data-apitokens], body > script")) == 7
    )
    assert "at-layout" not in page.text


def test_blocks_of_the_layout_may_be_inherited_and_shared(make_app: MakeApp) -> None:
    layouts = {
        "root.html": "<body>{% block body %}{% endblock %}</body>",
        "own.html": '{% extends "root.html" %}{% block title %}lost{% endblock %}',
    }
    blocks = {"content": "body", "scripts": "body"}
    app = answers.host(
        make_app, layouts, APITOKENS_BASE_TEMPLATE="own.html", APITOKENS_BLOCKS=blocks
    )
    page = answers.member(app).without_script().get()
    body = [child.name for child in one(page, "body").find_all(recursive=False)]
    # No place for styles: they stand beside the content, where they work too.
    assert body == ["link", "div", *["script"] * 5]


def test_layout_with_a_dynamic_parent_is_accepted(make_app: MakeApp) -> None:
    layouts = {
        "own.html": "{% extends which %}",
        "root.html": LAYOUT,
    }
    app = answers.host(
        make_app,
        layouts,
        APITOKENS_BASE_TEMPLATE="own.html",
        APITOKENS_BLOCKS=BLOCKS,
    )
    app.context_processor(lambda: {"which": "root.html"})
    assert "No tokens yet" in answers.member(app).without_script().get().text


@pytest.mark.parametrize(
    ("config", "message"),
    [
        (
            {"APITOKENS_BASE_TEMPLATE": "missing.html"},
            "there is no template 'missing.html'.*APITOKENS_BASE_TEMPLATE.*templates f",
        ),
        (
            {"APITOKENS_BASE_TEMPLATE": "orphan.html"},
            "there is no template 'gone.html'",
        ),
        (
            {"APITOKENS_BASE_TEMPLATE": "own.html"},
            "'own.html', which has no block 'content'.*it has css, js, main, name"
            ".*APITOKENS_BLOCKS",
        ),
        (
            {"APITOKENS_BASE_TEMPLATE": "bare.html"},
            "'bare.html', which has no block 'content'.*it has none",
        ),
    ],
)
def test_layout_without_a_content_block_raises_configuration_error(
    make_app: MakeApp, config: dict[str, str], message: str
) -> None:
    layouts = {
        "own.html": LAYOUT,
        "bare.html": "<html></html>",
        "orphan.html": '{% extends "gone.html" %}',
    }
    app = answers.host(make_app, layouts, **config)
    ada = answers.member(app)
    app.config["PROPAGATE_EXCEPTIONS"] = True
    with pytest.raises(ConfigurationError, match=message):
        ada.without_script().get()


def test_nonce_of_the_application_is_used(make_app: MakeApp) -> None:
    """WEB-14"""
    app = answers.host(make_app)
    nonces: list[Callable[[], str] | str] = ["n1", lambda: "n2"]
    app.context_processor(lambda: {"csp_nonce": nonces[0]})
    browser = answers.member(app).without_script()
    for expected in ("n1", "n2"):
        page = browser.get()
        for script in soup(page).select("script"):
            assert script["nonce"] == expected
        assert one(page, "link[href$='apitokens.css']")["nonce"] == expected
        nonces.pop(0)
        nonces.append("")


@pytest.mark.parametrize("mode", ["auto", "bundled", "host", "off"])
def test_htmx_setting_reaches_the_script(make_app: MakeApp, mode: str) -> None:
    page = (
        answers.member(answers.host(make_app, APITOKENS_HTMX=mode))
        .without_script()
        .get()
    )
    script = one(page, "script[data-apitokens-htmx]")
    assert script["data-apitokens-htmx"] == mode
    assert str(script["data-apitokens-htmx-src"]).endswith(templating.HTMX)
    assert bool(soup(page).select("[hx-get]")) is (mode != "off")


def test_section_resets_htmx_attributes_of_the_body(make_app: MakeApp) -> None:
    root = one(
        answers.member(answers.host(make_app)).without_script().get(),
        "[data-apitokens]",
    )
    assert root["hx-disinherit"] == "*"
    assert root["hx-history"] == "false"
    for name in ("hx-boost", "hx-push-url", "hx-replace-url"):
        assert root[name] == root[f"{name}:inherited"] == "false"
    for name in ("hx-select", "hx-select-oob"):
        assert root[name] == root[f"{name}:inherited"] == ""


def test_built_in_layout_sets_language_and_direction(make_app: MakeApp) -> None:
    app = answers.host(make_app)
    html = one(answers.member(app).without_script().get(), "html")
    assert (html["lang"], html["dir"]) == ("en", "ltr")


def test_built_in_layout_follows_the_locale_of_flask_babel(make_app: MakeApp) -> None:
    from flask_babel import Babel

    app = answers.host(make_app)
    Babel(app, default_locale="ar")
    html = one(answers.member(app).without_script().get(), "html")
    assert (html["lang"], html["dir"]) == ("ar", "rtl")


def test_missing_layout_is_logged_at_the_first_request(
    make_app: MakeApp, caplog: pytest.LogCaptureFixture
) -> None:
    app = make_app(APITOKENS_BASE_TEMPLATE="missing.html")
    client = app.test_client()
    with caplog.at_level(logging.WARNING):
        assert client.get("/login").status_code == 200
        assert client.get("/login").status_code == 200
    told = [r.getMessage() for r in caplog.records if "missing.html" in r.getMessage()]
    assert len(told) == 1
    assert "APITOKENS_BASE_TEMPLATE" in told[0]


def test_unrecorded_usage_is_not_shown_as_never_used(
    make_app: MakeApp,
) -> None:
    app = make_app(APITOKENS_USAGE="off")
    user = hosts.create_user(app, "ada@example.com")
    public = add_token(app, user, "CI")
    guest = visitor(app, user, "tmy").without_script()
    pages = [guest.get(), guest.get(public), guest.get(f"{public}/delete")]
    for page in pages:
        text = page.get_data(as_text=True)
        assert "Never used" not in text
        assert "ot recorded" in text


@pytest.mark.parametrize(("longest", "promised"), [(None, True), (30, False)])
def test_no_expiry_is_offered_only_without_a_longest_lifetime(
    make_app: MakeApp, longest: int | None, promised: bool
) -> None:
    app = make_app(APITOKENS_EXPIRY_MAX=longest)
    user = hosts.create_user(app, "ada@example.com")
    guest = visitor(app, user, "tmy").without_script()
    text = guest.get("new").get_data(as_text=True)
    assert "Sent in the Authorization header of each request." in text
    assert ("Can be set to never expire." in text) is promised


def test_moved_tokens_note_uses_the_plural(app: Flask, user: Any) -> None:
    guest = visitor(app, user, "tmy").without_script()
    days = timedelta(days=2)
    span: dict[str, Any] = {
        "created_at": datetime.now(UTC) - 9 * days,
        "expires_at": datetime.now(UTC) + days,
    }
    for number, words in enumerate(("its replacement", "their replacements")):
        add_token(app, user, f"Token {number}", **span)
        assert f"Generate {words} first" in guest.get().get_data(as_text=True)
