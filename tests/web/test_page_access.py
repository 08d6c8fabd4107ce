"""views/__init__.py, forms.py: who gets in, what is refused, and how it is said."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import parse_qs
from urllib.parse import quote
from urllib.parse import unquote
from urllib.parse import urlsplit

import pytest
from flask import Blueprint
from flask import Flask
from flask.testing import FlaskClient
from flask_wtf import CSRFProtect
from sqlalchemy.exc import OperationalError

from flask_apitokens.domain import token_counts
from flask_apitokens.errors import ConfigurationError
from tests import hosts
from tests.conftest import MakeApp
from tests.pages import HTMX
from tests.pages import U
from tests.pages import Visitor
from tests.pages import add_token
from tests.pages import hidden_fields
from tests.pages import one
from tests.pages import plaintext_in
from tests.pages import soup
from tests.pages import stored
from tests.pages import text_of
from tests.pages import visitor

ADDRESSES = [
    ("GET", ""),
    ("POST", ""),
    ("GET", "new"),
    ("GET", "new/scopes"),
    ("GET", "revoke"),
    ("POST", "revoke"),
    ("GET", "{id}"),
    *(
        (method, "{id}/" + act)
        for act in ("rename", "revoke", "delete")
        for method in ("GET", "POST")
    ),
    ("GET", "nowhere"),
    ("PUT", ""),
]
CHANGES = ["", "revoke", "{id}/rename", "{id}/revoke", "{id}/delete"]


@pytest.fixture
def ada(plain: Visitor) -> Visitor:
    """A user of the host without services."""
    return plain


def next_of(url: str) -> str:
    """Where a log-in address comes back to."""
    return parse_qs(urlsplit(url).query)["next"][0]


# -- who gets in ---------------------------------------------------------------


@pytest.mark.parametrize(("method", "path"), ADDRESSES)
def test_signed_out_user_sees_and_changes_nothing(
    plain_app: Flask, ada: Visitor, method: str, path: str
) -> None:
    """AUZ-03"""
    token_id = add_token(plain_app, ada.user)
    before = stored(plain_app, ada.user)
    client = plain_app.test_client()
    for headers in ({}, HTMX):
        response = client.open(
            U + path.format(id=token_id), method=method, headers=headers
        )
        assert response.status_code == (401 if headers else 302)
        assert "Deploy" not in response.text
    assert stored(plain_app, ada.user) == before


def test_signed_out_user_is_redirected_to_log_in_and_back(client: FlaskClient) -> None:
    response = client.get(f"{U}new")
    assert response.status_code == 302
    assert next_of(response.headers["Location"]) == f"{U}new"


def test_log_in_link_does_not_carry_the_search(client: FlaskClient) -> None:
    """The search text may be a whole token."""
    response = client.get(f"{U}?q=apt_secret")
    assert response.status_code == 302
    assert next_of(response.headers["Location"]) == U
    assert "apt_secret" not in response.headers["Location"]


@pytest.mark.parametrize(
    ("path", "back"),
    [
        (U, U),
        (f"{U}revoke", U),
        (f"{U}request", f"{U}request"),
        (f"{U}0123456789ab/revoke", f"{U}0123456789ab/revoke"),
        (f"{U}nowhere", f"{U}nowhere"),
        ("/admin/api/tokens/deactivate", "/admin/api/tokens"),
        *(
            (f"/admin/api/services/tmy/{form}", f"/admin/api/services/tmy/{shown}")
            for form, shown in (
                ("switch", "switch"),
                ("users", "users"),
                ("users/a%20b/tokens", "users/a%20b"),
                ("users/7/revoke", "users/7"),
                ("userless", "userless"),
                ("userless/revoke", "userless"),
            )
        ),
    ],
)
def test_log_in_after_a_form_leads_to_a_page_that_answers_get(
    client: FlaskClient, path: str, back: str
) -> None:
    for sent in (path, f"{path}?page=2"):
        answer = client.post(sent)
        assert quote(unquote(next_of(answer.headers["Location"]))) == back
    asked = client.get(
        f"{U}new", headers={**HTMX, "HX-Current-URL": f"http://localhost{path}"}
    )
    link = one(asked, "a.at-btn--primary")
    assert quote(unquote(next_of(str(link["href"])))) == back


@pytest.mark.parametrize(
    ("headers", "back"),
    [
        ({"HX-Current-URL": f"http://localhost{U}?q=apt_secret"}, U),
        ({"HX-Current-URL": "http://localhost/account?tab=api"}, "/account?tab=api"),
        ({"Referer": "http://localhost/account"}, "/account"),
        ({"HX-Current-URL": "http://evil.example/x"}, U),
        ({"HX-Current-URL": "http://localhost//evil.example/x"}, "/evil.example/x"),
        ({"HX-Current-URL": "http://[broken"}, U),
        ({}, U),
    ],
)
def test_control_of_a_signed_out_user_answers_401_with_a_dialog(
    client: FlaskClient, headers: dict[str, str], back: str
) -> None:
    """CSR-06"""
    response = client.get(f"{U}new", headers={**HTMX, **headers})
    assert response.status_code == 401
    assert response.headers["HX-Retarget"] == "#at-dialog"
    assert response.headers["HX-Reswap"] == "innerHTML"
    assert response.headers["Apitokens-Fragment"] == "1"
    assert text_of(response, "h2") == "You have been signed out"
    link = one(response, "a.at-btn--primary")
    assert link.get_text() == "Sign in"
    assert next_of(str(link["href"])) == back
    assert soup(response).select("form") == []


def test_inactive_user_is_signed_out(plain_app: Flask, ada: Visitor) -> None:
    host = hosts.host_of(plain_app)
    with plain_app.app_context():
        user: Any = host.db.session.get(host.user_model, ada.user.id)
        user.is_active = False
        host.db.session.commit()
    assert ada.get().status_code == 401


def test_login_disabled_does_not_open_the_pages(make_app: MakeApp) -> None:
    """AUZ-12"""
    app = make_app(LOGIN_DISABLED=True)
    assert app.test_client().get(U).status_code == 302


def test_token_in_a_header_does_not_open_the_pages(
    plain_app: Flask, ada: Visitor
) -> None:
    """AUZ-05"""
    plaintext = plaintext_in(ada.generate())
    host = hosts.host_of(plain_app)

    def by_header(request: Any) -> Any:
        if "Authorization" not in request.headers:
            return None
        return host.db.session.get(host.user_model, ada.user.id)

    manager: Any = plain_app.login_manager  # type: ignore[attr-defined]
    manager.request_loader(by_header)
    for value in (f"Bearer {plaintext}", "Basic YWRhOnRva2Vu"):
        client = plain_app.test_client()
        bearer = {"Authorization": value}
        assert client.get(U, headers=bearer).status_code == 302
        assert client.post(f"{U}revoke", headers={**bearer, **HTMX}).status_code == 401
    assert ada.client.get(U, headers=bearer).status_code == 200


def test_remembered_log_in_opens_the_pages(plain_app: Flask) -> None:
    user = hosts.create_user(plain_app, "grace@example.com")
    from flask_login import login_user

    @plain_app.post("/remember")
    def remember() -> str:
        host = hosts.host_of(plain_app)
        login_user(host.db.session.get(host.user_model, user.id), remember=True)
        return ""

    client = plain_app.test_client()
    client.post("/remember")
    client.delete_cookie("session")
    assert client.get(U).status_code == 200


# -- forms ---------------------------------------------------------------------


@pytest.mark.parametrize("path", CHANGES)
@pytest.mark.parametrize("token", ["", "nonsense", "foreign"])
def test_post_without_the_sessions_csrf_token_changes_nothing(
    plain_app: Flask, ada: Visitor, path: str, token: str
) -> None:
    """CSR-01"""
    token_id = add_token(plain_app, ada.user)
    before = stored(plain_app, ada.user)
    foreign = hosts.csrf_token(plain_app.test_client())
    fields = {
        "csrf_token": foreign if token == "foreign" else token,
        "form_id": "a" * 22,
        "name": "Kept",
        "kind": "api",
        "expiry": "never",
        "confirm": "1",
        "id": token_id,
    }
    for headers in ({}, HTMX):
        response = ada.client.post(
            U + path.format(id=token_id), data=fields, headers=headers
        )
        assert response.status_code == 400
        assert "This form was open too long. Try again." in response.text
        fresh = hidden_fields(response.text)["csrf_token"]
        assert fresh not in {"", token, foreign}
        if "name" in {field.get("name") for field in soup(response).select("input")}:
            assert one(response, "input[name=name]")["value"] == "Kept"
    assert stored(plain_app, ada.user) == before


def test_form_with_an_expired_csrf_token_is_shown_again(make_app: MakeApp) -> None:
    """CSR-05"""
    app = make_app(services=False, WTF_CSRF_TIME_LIMIT=-1)
    ada = visitor(app, hosts.create_user(app, "ada@example.com"))
    response = ada.generate(name="Kept")
    assert response.status_code == 400
    assert "This form was open too long. Try again." in text_of(response, "#at-errsum")
    assert one(response, "#at-field-name")["value"] == "Kept"


def _none(app: Flask) -> None:
    app.extensions.pop("csrf", None)


def _late(app: Flask) -> None:
    CSRFProtect(app)


def _exempt_all(app: Flask) -> None:
    csrf = CSRFProtect(app)
    for blueprint in app.blueprints.values():
        csrf.exempt(blueprint)
    csrf.exempt(Blueprint("other", __name__))


def _unchecked(app: Flask) -> None:
    app.config["WTF_CSRF_CHECK_DEFAULT"] = False
    CSRFProtect(app)


def _disabled(app: Flask) -> None:
    app.config["TESTING"] = False
    app.config["WTF_CSRF_ENABLED"] = False


@pytest.mark.parametrize("arrange", [_none, _late, _exempt_all, _unchecked, _disabled])
def test_csrf_token_is_checked_whatever_the_application_configures(
    plain_app: Flask, arrange: Any
) -> None:
    """CSR-14"""
    arrange(plain_app)
    ada = visitor_past_csrf(plain_app)
    refused = ada.client.post(U, data={"name": "x", "form_id": "a" * 22}, headers=HTMX)
    assert refused.status_code == 400
    assert refused.headers["Apitokens-Fragment"] == "1"
    assert ada.generate().status_code == 201


def visitor_past_csrf(app: Flask) -> Visitor:
    """Sign in whatever guards the host's own log-in form."""
    user = hosts.create_user(app, "ada@example.com")
    client = app.test_client()
    with client.session_transaction() as session:
        session["_user_id"] = str(user.id)
        session["_fresh"] = True
    return Visitor(app, user, client)


def test_pages_work_beside_csrf_protect(make_app: MakeApp) -> None:
    """HTTP-16, the pages' half"""
    app = make_app(services=False, csrf_protect=True)
    app.add_url_rule("/own", "own", lambda: "done", methods=["POST"])
    ada = visitor(app, hosts.create_user(app, "ada@example.com"))
    stale = ada.client.post(U, data={"name": "x"}, headers=HTMX)
    assert (stale.status_code, stale.headers["Apitokens-Fragment"]) == (400, "1")
    assert ada.generate().status_code == 201
    # What is the host's own stays guarded by it.
    assert ada.client.post("/own").status_code == 400


def test_csrf_check_can_be_disabled_under_test(make_app: MakeApp) -> None:
    app = make_app(services=False, TESTING=True, WTF_CSRF_ENABLED=False)
    ada = visitor(app, hosts.create_user(app, "ada@example.com"))
    fields = {"name": "x", "kind": "api", "expiry": "never", "form_id": "a" * 22}
    assert ada.client.post(U, data=fields, headers=HTMX).status_code == 201


def test_csrf_field_can_be_renamed(make_app: MakeApp) -> None:
    app = make_app(services=False, WTF_CSRF_FIELD_NAME="_protection")
    ada = visitor(app, hosts.create_user(app, "ada@example.com"))
    assert ada.generate().status_code == 201


@pytest.mark.parametrize("path", CHANGES)
def test_cross_site_post_is_refused_despite_a_csrf_token(
    plain_app: Flask, ada: Visitor, path: str
) -> None:
    """CSR-11"""
    token_id = add_token(plain_app, ada.user)
    before = stored(plain_app, ada.user)
    fields = {
        "csrf_token": hosts.csrf_token(ada.client),
        "confirm": "1",
        "id": token_id,
    }
    headers = {"Sec-Fetch-Site": "cross-site"}
    for more in ({}, HTMX):
        response = ada.client.post(
            U + path.format(id=token_id), data=fields, headers={**headers, **more}
        )
        assert response.status_code == 403
        assert "You are not allowed to do that." in response.text
    assert stored(plain_app, ada.user) == before
    assert ada.client.get(U, headers=headers).status_code == 200


@pytest.mark.parametrize(
    ("referer", "status"),
    [
        ("https://localhost/account/api-tokens/", 200),
        ("https://localhost/", 200),
        ("http://localhost/", 400),
        ("https://evil.example/", 400),
        ("", 400),
    ],
)
def test_post_over_https_without_referer_is_refused(
    plain_app: Flask, ada: Visitor, referer: str, status: int
) -> None:
    """CSR-04"""
    token_id = add_token(plain_app, ada.user)
    client, base = plain_app.test_client(), "https://localhost"
    client.post("/login", data={"email": ada.user.email}, base_url=base)
    token = client.get("/csrf-token", base_url=base).text
    response = client.post(
        f"{U}{token_id}/revoke",
        base_url=base,
        data={"csrf_token": token},
        headers={**HTMX, "Referer": referer},
    )
    assert response.status_code == status


def test_address_never_contains_a_secret_or_csrf_token(ada: Visitor) -> None:
    """CSR-03"""
    add_token(ada.app, ada.user)
    pages = [ada.get(), ada.get("new"), ada.generate(name="Second")]
    html = "".join(page.text for page in pages)
    addresses = re.findall(r'(?:href|hx-get|action)="([^"]*)"', html)
    assert addresses
    assert not any("csrf" in url or "form_id" in url for url in addresses)


# -- headers -------------------------------------------------------------------


@pytest.mark.parametrize(("method", "path"), ADDRESSES)
@pytest.mark.parametrize("htmx", [True, False])
def test_every_response_forbids_caching_and_framing(
    plain_app: Flask, ada: Visitor, method: str, path: str, htmx: bool
) -> None:
    """WEB-03, WEB-17, CSR-08"""
    token_id = add_token(plain_app, ada.user)
    response = ada.client.open(
        U + path.format(id=token_id), method=method, headers=HTMX if htmx else {}
    )
    headers = response.headers
    assert headers["Cache-Control"] == "no-store"
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Referrer-Policy"] == "same-origin"
    assert headers["Content-Security-Policy"] == "frame-ancestors 'none'"
    assert headers["X-Frame-Options"] == "DENY"
    assert set(headers["Vary"].split(", ")) == {"HX-Request", "Cookie"}
    if response.status_code != 302:
        assert (headers.get("Apitokens-Fragment") == "1") is (
            htmx and path != "{id}" and path != "new/scopes" or "HX-Retarget" in headers
        ) or path in {"{id}", "new/scopes"}


@pytest.mark.parametrize(
    ("policy", "expected"),
    [
        ("default-src 'self'", ["default-src 'self'", "frame-ancestors 'none'"]),
        ("frame-ancestors 'self'", ["frame-ancestors 'self'"]),
    ],
)
def test_security_policy_of_the_application_is_kept(
    plain_app: Flask, policy: str, expected: list[str]
) -> None:
    @plain_app.after_request
    def strict(response: Any) -> Any:
        response.headers.setdefault("Content-Security-Policy", policy)
        response.headers["Cache-Control"] = "public"
        return response

    ada = visitor(plain_app, hosts.create_user(plain_app, "ada@example.com"))
    response = ada.get()
    assert response.headers.getlist("Content-Security-Policy") == expected
    assert response.headers["Cache-Control"] == "no-store"
    other = ada.client.get("/csrf-token")
    assert other.headers.getlist("Content-Security-Policy") == [policy]


def test_restored_or_boosted_request_gets_a_whole_page(ada: Visitor) -> None:
    """CSR-08"""
    for header in ("HX-History-Restore-Request", "HX-Boosted"):
        response = ada.client.get(U, headers={**HTMX, header: "true"})
        assert one(response, "html")
        assert "Apitokens-Fragment" not in response.headers


# -- refusals ------------------------------------------------------------------


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "nowhere", 404),
        ("GET", "new/", 404),
        ("GET", "x/y/z", 404),
        ("POST", "new", 405),
        ("DELETE", "", 405),
        ("PUT", "revoke", 405),
        ("GET", "0" * 12, 404),
    ],
)
def test_unknown_address_or_method_gets_an_error_page(
    ada: Visitor, method: str, path: str, status: int
) -> None:
    note = ada.client.open(U + path, method=method, headers=HTMX)
    assert note.status_code == status
    assert note.headers["HX-Retarget"] == "#at-toasts"
    assert one(note, ".at-toast--bad").has_attr("data-apitokens-stay")
    page = ada.client.open(U + path, method=method)
    assert page.status_code == status
    assert text_of(page, "h1") == text_of(note, ".at-toast--bad strong")
    if status == 405:
        assert page.headers["Allow"]


def test_address_without_trailing_slash_redirects(ada: Visitor) -> None:
    response = ada.client.get(U.rstrip("/"))
    assert response.status_code == 308
    assert urlsplit(response.headers["Location"]).path == U


def test_unreachable_database_answers_503(
    ada: Visitor, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*args: object) -> None:
        raise OperationalError("SELECT secret_column", {}, Exception("locked"))

    monkeypatch.setattr(token_counts, "count_list", fail)
    note = ada.get()
    assert note.status_code == 503
    assert note.headers["HX-Retarget"] == "#at-toasts"
    assert "Something went wrong." in note.text
    page = ada.without_script().get()
    assert page.status_code == 503
    assert one(page, "h1")
    assert "secret_column" not in note.text + page.text


def test_outage_of_pages_is_logged_at_its_two_ends(
    ada: Visitor, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(*args: object) -> None:
        raise OperationalError("SELECT secret_column", {}, Exception("locked"))

    with monkeypatch.context() as patch:
        patch.setattr(token_counts, "count_list", fail)
        assert [ada.get().status_code for _ in range(4)] == [503] * 4
    assert [ada.get().status_code for _ in range(4)] == [200] * 4
    begun, ended = caplog.messages
    assert begun.endswith("so calls are answered with 503: Exception: locked")
    assert ended == "rows of pages are looked up again; 4 calls failed"
    assert caplog.records[0].exc_info


def test_unreachable_database_answers_503_if_the_layout_needs_it(
    plain_app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*args: object) -> Any:
        raise OperationalError("SELECT", {}, Exception("locked"))

    away = False
    plain_app.context_processor(lambda: fail() if away else {})
    ada = visitor(plain_app, hosts.create_user(plain_app, "ada@example.com"))
    monkeypatch.setattr(token_counts, "count_list", fail)
    away = True
    response = ada.without_script().get()
    assert response.status_code == 503
    assert response.text == "Something went wrong. Nothing was changed. Try again."


@pytest.mark.parametrize("before", [True, False])
@pytest.mark.parametrize("path", ["", "{id}/rename", "{id}/revoke", "{id}/delete"])
def test_failed_commit_message_says_that_it_may_be_saved(
    plain_app: Flask,
    ada: Visitor,
    monkeypatch: pytest.MonkeyPatch,
    path: str,
    before: bool,
) -> None:
    """DBS-02: the connection broke before the commit, or while it was under way."""
    host, token_id = hosts.host_of(plain_app), add_token(plain_app, ada.user)
    fields = {**hidden_fields(ada.get("new").text), "name": "New"}
    wish = {**fields, "kind": "api", "expiry": "never"}

    def fail(*args: object) -> None:
        raise OperationalError("COMMIT", {}, Exception("gone away"))

    monkeypatch.setattr(host.db.session, "flush" if before else "commit", fail)
    answers = [
        ada.client.post(U + path.format(id=token_id), data=wish, headers=headers)
        for headers in (HTMX, {})
    ]
    assert [answer.status_code for answer in answers] == [503, 503]
    for answer in answers:
        whole = not answer.headers.get("Apitokens-Fragment")
        if whole:
            assert text_of(answer, "h1") == "Something went wrong."
        said = text_of(answer, ".at-note--bad" if whole else ".at-toast--bad")
        assert whole or said.startswith("Something went wrong.")
        assert ("Nothing was changed." in said) is before
        assert ("Your change may have been saved." in said) is not before


def test_missing_tables_raise_configuration_error(
    plain_app: Flask, ada: Visitor
) -> None:
    host = hosts.host_of(plain_app)
    with plain_app.app_context():
        for table in reversed(plain_app.extensions["apitokens"].models.tables):
            table.drop(host.db.engine)
    plain_app.config["PROPAGATE_EXCEPTIONS"] = True
    with pytest.raises(ConfigurationError, match=r"apitokens_token.*db\.create_all"):
        ada.get()


def test_without_a_login_manager_there_are_no_pages(plain_app: Flask) -> None:
    del plain_app.login_manager  # type: ignore[attr-defined]
    assert plain_app.test_client().get(U).status_code == 404


def test_session_signed_with_another_key_is_signed_out(ada: Visitor) -> None:
    """VER-18, the pages' half"""
    ada.app.secret_key = "another"
    assert ada.without_script().get().status_code == 302
