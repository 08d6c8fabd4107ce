"""views/preferences.py: the list, one token, generating. HARDENING LIF, AUZ, DBS-09."""

from __future__ import annotations

from datetime import UTC
from datetime import datetime
from datetime import timedelta
from importlib.metadata import version
from typing import Any
from urllib.parse import unquote

import pytest
from bs4 import Tag
from flask import Blueprint
from flask import Flask
from flask import Request
from flask.testing import FlaskClient
from sqlalchemy import event
from werkzeug.middleware.proxy_fix import ProxyFix

from flask_apitokens import token_required
from tests import bearing
from tests import hosts
from tests.conftest import MakeApp
from tests.pages import HTMX
from tests.pages import U
from tests.pages import Visitor
from tests.pages import add_token
from tests.pages import add_tokens
from tests.pages import hidden_fields
from tests.pages import names
from tests.pages import one
from tests.pages import plaintext_in
from tests.pages import soup
from tests.pages import stored
from tests.pages import subscribe
from tests.pages import text_of
from tests.pages import visible_text
from tests.pages import visitor

NOW = datetime.now(UTC)


# -- the list ------------------------------------------------------------------


def test_empty_list_offers_to_generate(ada: Visitor) -> None:
    response = ada.without_script().get()
    assert response.status_code == 200
    assert text_of(response, "#at-list h2") == "No tokens yet"
    assert one(response, "#at-generate")["href"] == f"{U}new"
    assert one(response, "h1").get_text() == "API tokens"


def test_user_without_services_reads_how_to_get_access(
    app: Flask, user: object
) -> None:
    response = visitor(app, user).without_script().get()
    assert "You do not have API access yet" in response.text
    assert soup(response).select("#at-generate, #at-list") == []


def test_tokens_of_a_service_that_is_off_are_paused(ada: Visitor) -> None:
    ada.generate(service="tmy", scope="read")
    subscribe(ada.app, ada.user, "tmy", "timeseries", active=False)
    response = ada.without_script().get()
    assert names(response) == ["Deploy"]
    assert text_of(response, "td[data-label=Status]").startswith("Paused")
    assert soup(response).select("#at-generate") == []
    for refused in (ada.get("new"), ada.generate(service="tmy", scope="read")):
        assert refused.status_code == 403
        assert text_of(refused, ".at-toast--bad") == (
            "API access is switched off for you at the moment. "
            "An administrator can turn it on."
        )


def test_search_returns_the_list_and_announces_the_result(plain: Visitor) -> None:
    add_tokens(plain.app, plain.user, 12)
    response = plain.get(query_string={"q": "token 1"})
    assert response.headers["Apitokens-Fragment"] == "1"
    assert names(response) == ["Token 12", "Token 11", "Token 10", "Token 1"]
    assert one(response, "[data-apitokens-announce]")["data-apitokens-announce"] == (
        "4 tokens found"
    )
    assert soup(response).select("html, [data-apitokens-focus]") == []


def test_search_without_result_repeats_the_query(plain: Visitor) -> None:
    add_tokens(plain.app, plain.user, 2)
    response = plain.without_script().get(query_string={"q": "deplyo <b>"})
    assert text_of(response, "#at-list h2") == "No token matches “deplyo <b>”"
    assert one(response, "#at-list a.at-btn")["href"] == U
    assert one(response, "#at-filter-q")["value"] == "deplyo <b>"


def test_search_can_be_cleared(plain: Visitor) -> None:
    add_tokens(plain.app, plain.user, 12)
    response = plain.get(query_string={"q": "nothing"})
    clear = one(response, ".at-empty a.at-btn")
    assert (clear["href"], clear["hx-target"]) == (U, "#at-list")
    cleared = plain.get(str(clear["hx-get"]).removeprefix(U))
    assert len(names(cleared)) == 10
    field = one(cleared, "#at-tools[hx-swap-oob] #at-filter-q")
    assert (field["value"], field.has_attr("data-apitokens-focus")) == ("", True)
    assert one(cleared, "[data-apitokens-announce]")["data-apitokens-announce"] == (
        "12 tokens found"
    )
    again = soup(plain.without_script().get()).select("[data-apitokens-focus]")
    assert again == []


@pytest.mark.parametrize(
    "line",
    [
        *(" {} ", "\ufeff{}\r\n", "Bearer {}", "Authorization: Bearer {}"),
        *('export API_TOKEN="{}"', "https://example.com/data?key={}&x=1", "a {}, b"),
        *("API_TOKEN={}", "-H 'Authorization: Bearer {}'", "x" * 99 + " {}"),
    ],
)
def test_search_for_a_whole_token_keeps_only_its_id(line: str, plain: Visitor) -> None:
    plaintext = plaintext_in(plain.generate())
    query = {"q": line.format(plaintext), "sort": "name", "focus": "x"}
    found = plain.get(query_string=query)
    assert (found.status_code, names(found)) == (200, ["Deploy"])
    assert plaintext not in found.text
    browser = plain.without_script()
    away = browser.get(query_string=query)
    assert away.status_code == 302
    # Neither the address bar nor the history keeps it.
    assert away.headers["Location"] == f"{U}?q={plaintext.split('_')[1]}&sort=name"
    response = browser.get(query_string=query, follow_redirects=True)
    assert names(response) == ["Deploy"]
    assert plaintext not in response.text
    assert one(response, "#at-filter-q")["value"] == plaintext.split("_")[1]


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        ({"page": "2"}, ["Token 2", "Token 1"]),
        ({"page": "99"}, ["Token 2", "Token 1"]),
        ({"sort": "created", "page": "2"}, ["Token 11", "Token 12"]),
        ({"sort": "-name", "page": "2"}, ["Token 10", "Token 1"]),
    ],
)
def test_list_is_paged_and_sorted(
    plain: Visitor, asked: dict[str, str], expected: list[str]
) -> None:
    add_tokens(plain.app, plain.user, 12)
    response = plain.get(query_string={**asked, "focus": "list"})
    assert names(response) == expected
    caption = one(response, "caption")
    assert caption.has_attr("data-apitokens-focus")
    announced = one(response, "[data-apitokens-announce]")["data-apitokens-announce"]
    assert announced == "Tokens 11 to 12 of 12"


@pytest.mark.parametrize(
    "nonsense",
    [
        {"page": "-1"},
        {"page": "x"},
        {"page": "9" * 5000},
        {"sort": "owner_id"},
        {"sort": "--name"},
        {"status": "nonsense"},
        {"service": "nonsense"},
        {"q": "\0"},
        {"q": "%_\\"},
        {"q": "x" * 10_000},
        {"focus": '"><script>'},
    ],
)
def test_invalid_query_arguments_are_ignored(
    plain: Visitor, nonsense: dict[str, str]
) -> None:
    add_tokens(plain.app, plain.user, 1)
    response = plain.get(query_string=nonsense)
    assert response.status_code == 200
    assert "<script>" not in response.text


def test_status_filter_selects_tokens(plain: Visitor) -> None:
    add_token(plain.app, plain.user, "Old", revoked_at=NOW, live_name=None)
    days = timedelta(days=3)
    ages = {"created_at": NOW - 9 * days, "expires_at": NOW + days}
    soon = add_token(plain.app, plain.user, "Soon")
    bearing.change(plain.app, soon, **ages)
    add_token(plain.app, plain.user, "Fine")
    for status, expected in (
        ("revoked", ["Old"]),
        ("expiring", ["Soon"]),
        ("active", ["Fine"]),
    ):
        assert names(plain.get(query_string={"status": status})) == expected


def test_tokens_can_be_selected_from_two_on(plain: Visitor) -> None:
    boxes = "[data-apitokens-select], [data-apitokens-select-all], #at-bulk"
    add_token(plain.app, plain.user, "Token 1")
    assert soup(plain.get()).select(boxes) == []
    add_token(plain.app, plain.user, "Token 2")
    assert len(soup(plain.get()).select(boxes)) == 4
    assert one(plain.get(), "#at-bulk + *").name == "table"


def test_toolbar_is_shown_above_ten_tokens(plain: Visitor) -> None:
    tools = "[role=search]"
    add_tokens(plain.app, plain.user, 10)
    assert soup(plain.without_script().get()).select(tools) == []
    add_token(plain.app, plain.user, "Token 11")
    response = plain.without_script().get()
    assert len(soup(response).select("[data-apitokens-select]")) == 10
    assert one(response, "[role=search]")["action"] == U
    assert "at-search" in response.text


def test_list_without_live_tokens_has_no_selection(
    plain: Visitor,
) -> None:
    add_token(plain.app, plain.user, "Old", revoked_at=NOW, live_name=None)
    add_token(plain.app, plain.user, "Deploy")
    select, query = (
        "[data-apitokens-select-all], #at-bulk",
        {"q": "Old", "sort": "name"},
    )
    found = plain.get(query_string=query)
    assert soup(found).select(select) == []
    assert one(found, "input[form=at-filter]")["value"] == "name"
    assert len(soup(plain.get(query_string={"q": "o"})).select(select)) == 2


def test_sort_links_mark_the_present_order(plain: Visitor) -> None:
    add_tokens(plain.app, plain.user, 2)
    heads = soup(plain.get(query_string={"sort": "name"})).select("th[aria-sort]")
    assert [head["aria-sort"] for head in heads] == ["ascending", "none", "none"]
    links = [one_link["href"] for head in heads for one_link in head.select("a")]
    assert links == [f"{U}?sort=-name", f"{U}?sort=-last_used", f"{U}?sort=expires"]


def test_row_shows_two_scopes_and_counts_the_rest(app: Flask, user: object) -> None:
    many = {name: "" for name in ("a", "b", "c", "d", "e")}
    hosts.host_of(app).apitokens.service("wide", "Wide", scopes=many)
    ada = visitor(app, user, "wide")
    ada.generate(service="wide", scope=list(many))
    tags = soup(ada.get()).select(".at-tag")
    assert [visible_text(tag) for tag in tags] == ["a", "b", "+3 3 more"]


def test_row_of_an_ended_token_offers_only_delete(plain: Visitor) -> None:
    add_token(plain.app, plain.user, "Old", revoked_at=NOW, live_name=None)
    row = one(plain.get(), "tbody tr")
    assert [visible_text(link) for link in row.select(".at-cell-actions a")] == [
        "Delete token Old"
    ]
    assert row["class"] == ["at-row--off"]


def test_token_never_shown_is_marked(plain: Visitor) -> None:
    """LIF-05"""
    long_ago = NOW - timedelta(minutes=5)
    add_token(plain.app, plain.user, "Lost", shown_at=None, created_at=long_ago)
    add_token(plain.app, plain.user, "Seen")
    chips = {
        visible_text(row.select_one(".at-name a")): "Never shown" in visible_text(row)  # type: ignore[arg-type]
        for row in soup(plain.get()).select("tbody tr")
    }
    assert chips == {"Lost": True, "Seen": False}


def test_number_of_statements_does_not_grow_with_the_list(ada: Visitor) -> None:
    ada.get()  # the first page of a process looks once whether a pepper is missing
    counts = []
    for number in (1, 9):
        for n in range(number):
            add_token(
                ada.app, ada.user, f"{number}-{n}", service="tmy", scopes=["read"]
            )
        with ada.app.app_context():
            engine = hosts.host_of(ada.app).db.engine
        seen: list[str] = []

        def note(*args: object, seen: list[str] = seen) -> None:
            seen.append(str(args[2]))

        event.listen(engine, "before_cursor_execute", note)
        ada.without_script().get()
        event.remove(engine, "before_cursor_execute", note)
        counts.append(len(seen))
    assert counts[0] == counts[1] <= 6


# -- one token -----------------------------------------------------------------


def test_token_page_shows_its_properties_and_events(ada: Visitor) -> None:
    ada.generate(service="timeseries", scope=["read", "write"], expiry="30")
    token_id = stored(ada.app, ada.user)[0]["id"]
    response = ada.without_script().get(token_id)
    assert response.status_code == 200
    assert text_of(response, "h1") == "Deploy Active"
    facts = text_of(response, ".at-facts")
    assert token_id in facts
    assert "Time series read write" in facts
    assert "in 30 days" in facts
    assert "Generated ada@example.com 127.0.0.1" in text_of(response, "tbody")


@pytest.mark.parametrize("path", ["{id}", "{id}/rename", "{id}/revoke", "{id}/delete"])
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_token_of_another_user_answers_404(
    app: Flask, user: object, other_user: object, path: str, method: str
) -> None:
    """AUZ-01"""
    token_id = add_token(app, other_user)
    before = stored(app, other_user)
    ada = visitor(app, user)
    if method == "POST" and path == "{id}":
        return
    answers = []
    for asked in (token_id, "0" * 12):
        send = ada.get if method == "GET" else ada.post
        response = send(path.format(id=asked))
        assert response.status_code == 404
        answers.append(response.text)
    assert answers[0] == answers[1]
    assert stored(app, other_user) == before


# -- generate ------------------------------------------------------------------


def test_generate_shows_a_working_plaintext_once(ada: Visitor) -> None:
    """LIF-01, LIF-03"""
    response = ada.generate(service="tmy", scope="read", expiry="30")
    assert response.status_code == 201
    plaintext = plaintext_in(response)
    bearer = {"Authorization": f"Bearer {plaintext}"}
    assert ada.app.test_client().get("/api/tmy", headers=bearer).status_code == 200
    token = stored(ada.app, ada.user)[0]
    assert (token["service"], token["scopes"]) == ("tmy", ("read",))
    assert timedelta(days=29) < token["expires_at"] - NOW < timedelta(days=31)
    assert response.headers["Cache-Control"] == "no-store"
    assert "Location" not in response.headers
    with ada.client.session_transaction() as session:
        assert plaintext not in repr(dict(session))
    for path in ("", token["id"], f"{token['id']}/revoke"):
        assert plaintext not in ada.get(path).text


def test_reveal_refreshes_the_list_out_of_band(plain: Visitor) -> None:
    response = plain.generate()
    panels = soup(response).select("[hx-swap-oob]")
    assert [panel["id"] for panel in panels] == ["at-list", "at-tools", "at-actions"]
    second = soup(plain.generate(name="Second")).select("[hx-swap-oob]")
    # Whether this page had the button already, the server cannot know.
    assert [panel["id"] for panel in second] == ["at-list", "at-tools", "at-actions"]
    assert one(plain.generate(name="Third"), "#at-actions #at-generate")
    assert all(panel["hx-swap-oob"] == "innerHTML" for panel in panels)
    assert "at-row--new" in str(panels[0])
    assert plaintext_in(response) not in "".join(map(str, panels))


def test_download_is_a_dotenv_file(make_app: MakeApp) -> None:
    app = make_app(plugin={"account_of": lambda user: 'acc "1"'}, services=False)
    ada = visitor(app, hosts.create_user(app, "ada@example.com"))
    response = ada.generate()
    link = one(response, "a[download]")
    token_id = stored(app, ada.user)[0]["id"]
    assert link["download"] == f"api-token-{token_id}.txt"
    kind, _comma, text = unquote(str(link["href"])).partition(",")
    assert kind == "data:text/plain;charset=utf-8"
    assert text == (
        'API_ACCOUNT_ID="acc \\"1\\""\n'
        f"API_TOKEN_ID={token_id}\nAPI_TOKEN={plaintext_in(response)}\n"
    )


def test_examples_name_a_route_that_admits_the_token(ada: Visitor) -> None:
    response = ada.generate(service="tmy", scope="read")
    lines = visible_text(one(response, "details"))
    assert 'curl "$API_URL/api/tmy"' in lines
    assert "Set API_URL to the address of this site" in lines
    assert "://" not in lines
    assert plaintext_in(response) not in lines


def test_examples_know_the_routes_of_a_guarded_blueprint(app: Flask, user: Any) -> None:
    shut = Blueprint("shut", __name__, url_prefix="/a")
    for path in ("/about", "/both", "/data"):
        shut.add_url_rule(path, path.strip("/"), lambda: "in")
    twice = token_required(service="tmy", scopes="write")(lambda: "in")
    shut.add_url_rule("/again", "again", twice)
    apitokens = hosts.host_of(app).apitokens
    apitokens.protect(shut, service="tmy", scopes="read", exempt=["about", "both"])
    app.register_blueprint(shut)
    ada = visitor(app, user, "tmy")
    response = ada.generate(service="tmy", scope="read")
    assert 'curl "$API_URL/a/data"' in visible_text(one(response, "details"))


def test_access_token_is_generated_with_the_expiry_that_the_form_selects(
    plain: Visitor,
) -> None:
    form = plain.get("new")
    fields = {
        str(radio["name"]): str(radio["value"])
        for radio in soup(form).select("[type=radio][checked]")
    }
    assert plain.generate(**{**fields, "kind": "access"}).status_code == 201
    [token] = stored(plain.app, plain.user)
    assert (token["expires_at"] - datetime.now(UTC)).days in {89, 90}


def test_date_of_the_kind_that_was_chosen_counts(plain: Visitor) -> None:
    dates = {"expiry_date": "2999-01-01", "access_expiry_date": "2020-01-01"}
    wish = {"expiry": "custom", "access_expiry": "custom", **dates}
    refused = plain.generate(kind="access", **wish)
    assert (
        text_of(refused, "#at-expiry #at-expiry-e")
        == "Error: Choose a date after today."
    )
    assert one(refused, "[name=access_expiry_date]")["value"] == "2020-01-01"
    assert plain.generate(kind="api", **wish).status_code == 201


def test_access_token_without_an_expiry_is_refused_with_a_preset_selected(
    plain: Visitor,
) -> None:
    refused = plain.generate(kind="access", expiry="")
    assert (
        text_of(refused, "#at-expiry-e") == "Error: Access tokens need an expiry date."
    )
    assert one(refused, "#at-expiry [checked]")["value"] == "90"


def test_examples_of_an_access_token_show_the_log_in_alone(plain: Visitor) -> None:
    response = plain.generate(kind="access", expiry="30")
    assert response.status_code == 201
    lines = soup(response).select("details pre")
    assert [line.get_text().split()[:4] for line in lines] == [
        ["SESSION=$(curl", "-X", "POST", '"$API_URL/api-tokens/login"']
    ]


@pytest.mark.parametrize(
    ("config", "shell", "python", "script"),
    [
        (
            {"APITOKENS_HEADERS": ("X-API-Key",)},
            '-H "Authorization: Bearer $API_TOKEN"',
            """headers={"Authorization": f"Bearer {os.environ['API_TOKEN']}"},""",
            "headers: { Authorization: `Bearer ${process.env.API_TOKEN}` },",
        ),
        (
            {"APITOKENS_SCHEMES": ("Token", "Bearer")},
            '-H "Authorization: Token $API_TOKEN"',
            """headers={"Authorization": f"Token {os.environ['API_TOKEN']}"},""",
            "headers: { Authorization: `Token ${process.env.API_TOKEN}` },",
        ),
        (
            {"APITOKENS_SCHEMES": ("Basic", "Bearer")},
            '-u "__token__:$API_TOKEN"',
            """auth=("__token__", os.environ["API_TOKEN"]),""",
            "headers: { Authorization: "
            "`Basic ${btoa(`__token__:${process.env.API_TOKEN}`)}` },",
        ),
        (
            {"APITOKENS_SCHEMES": (), "APITOKENS_HEADERS": ("X-API-Key",)},
            '-H "X-API-Key: $API_TOKEN"',
            """headers={"X-API-Key": os.environ["API_TOKEN"]},""",
            'headers: { "X-API-Key": process.env.API_TOKEN },',
        ),
    ],
)
def test_examples_send_the_token_in_the_first_way(
    config: dict[str, Any], shell: str, python: str, script: str, make_app: MakeApp
) -> None:
    app = make_app(services=False, **config)
    ada = visitor(app, hosts.create_user(app, "ada@example.com"))
    shown = [line.get_text() for line in soup(ada.generate()).select("details pre")]
    for text, line in zip(shown, (shell, python, script), strict=True):
        assert line in [each.strip() for each in text.splitlines()]
    compile(shown[1], "example.py", "exec")
    access = ada.generate(kind="access", expiry="30", name="Log-in")
    [text] = [line.get_text() for line in soup(access).select("details pre")]
    assert shell in text
    assert shell.replace("API_TOKEN", "SESSION") in text
    described = visible_text(soup(ada.get("new")))
    header = "Authorization header" if config.get("APITOKENS_SCHEMES", True) else ""
    assert f"Sent in the {header or 'header X-API-Key'} of each request." in described


def test_examples_send_the_token_as_their_route_takes_it(make_app: MakeApp) -> None:
    app = make_app(services=False)
    app.get("/a")(token_required(schemes="Basic")(lambda: "in"))
    ada = visitor(app, hosts.create_user(app, "ada@example.com"))
    shown = visible_text(one(ada.generate(), "details"))
    assert 'curl "$API_URL/a" \\ -u "__token__:$API_TOKEN"' in shown
    again = ada.generate(kind="access", expiry="30", name="Log-in")
    access = visible_text(one(again, "details"))
    assert '-H "Authorization: Bearer $API_TOKEN" | jq' in access
    assert '-u "__token__:$SESSION"' in access


def examples(
    app: Flask, kind: str = "api", *, host: str, prefix: str | None = None
) -> str:
    """Return the examples that a new token is shown with.

    :param host: the Host header of each request.
    :param prefix: the header of a proxy in the last one.
    """
    client, base = app.test_client(), f"http://{host}"
    user = hosts.create_user(app, f"{kind}@example.com")
    client.post("/login", data={"email": user.email}, base_url=base)
    form = hidden_fields(client.get(f"{U}new", base_url=base).text)
    data = {"name": f"x {kind}", "kind": kind, "expiry": "30", **form}
    headers = {**HTMX, **({} if prefix is None else {"X-Forwarded-Prefix": prefix})}
    shown = client.post(U, data=data, headers=headers, base_url=base)
    assert shown.status_code == 201, shown.text
    return "\n".join(line.get_text() for line in soup(shown).select("details pre"))


FORGED: list[tuple[dict[str, str], str | None]] = [({}, None)]
if not version("flask").startswith("3.0."):
    # Flask 3.0 itself answers 404 there, as the host is another one.
    FORGED += [
        ({"SERVER_NAME": "api.example.org:8443"}, "http://api.example.org:8443"),
        (
            {"SERVER_NAME": "example.org", "PREFERRED_URL_SCHEME": "https"},
            "https://example.org",
        ),
    ]


@pytest.mark.parametrize(("config", "origin"), FORGED)
def test_examples_do_not_follow_a_forged_host(
    make_app: MakeApp, config: dict[str, str], origin: str | None
) -> None:
    """A pasted line would send the token there, or run a command of the header."""
    app = make_app(services=False, **config)
    app.wsgi_app = ProxyFix(app.wsgi_app, x_prefix=1)  # type: ignore[method-assign]
    for kind in ("api", "access"):
        text = examples(app, kind, host="evil.example", prefix="/$(reboot);`x`@evil")
        assert "evil.example" not in text
        for sign in ("$(r", "`x", "reboot;"):
            assert sign not in text
        path = "/%24%28reboot%29%3B%60x%60@evil/api/"
        assert (f"{origin}{path}" if origin else f"$API_URL{path}") in text
        assert ("://" in text) is (origin is not None)


def test_examples_name_a_host_that_the_application_trusts(make_app: MakeApp) -> None:
    class Trusting(Request):
        # Flask 3.1 sets it from TRUSTED_HOSTS.
        trusted_hosts = ["solar.example", ".trusted.example"]  # noqa: RUF012

    app = make_app(services=False)
    app.request_class = Trusting
    text = examples(app, host="solar.example:8080")
    assert "curl http://solar.example:8080/api/p" in text
    assert '"http://solar.example:8080/api/p' in text


def test_generate_without_htmx_answers_with_a_page(ada: Visitor) -> None:
    """CSR-10"""
    response = ada.without_script().generate(service="tmy", scope="read")
    assert response.status_code == 201
    assert one(response, "h1").get_text() == "Token generated"
    assert plaintext_in(response).startswith("apt_")
    assert one(response, "[data-apitokens-secret]").select("#at-secret")
    assert "Apitokens-Fragment" not in response.headers


def test_form_sent_twice_generates_one_token(plain: Visitor) -> None:
    """LIF-02, LIF-04"""
    form = hidden_fields(plain.get("new").text)
    fields = {**form, "name": "Deploy", "kind": "api", "expiry": "never"}
    first = plain.client.post(U, data=fields, headers=HTMX)
    second = plain.client.post(U, data={**fields, "name": "Other"}, headers=HTMX)
    assert (first.status_code, second.status_code) == (201, 409)
    assert second.headers["HX-Retarget"] == "#at-toasts"
    assert "This token was already generated and its value shown once." in second.text
    assert len(stored(plain.app, plain.user)) == 1
    page = plain.client.post(U, data=fields)
    assert page.status_code == 409
    assert "at-secret" not in page.text


@pytest.mark.parametrize("form_id", ["", "x", "a" * 23, "é" * 22])
def test_forged_form_id_gets_a_new_form(plain: Visitor, form_id: str) -> None:
    response = plain.generate(form_id=form_id, name="Kept")
    assert response.status_code == 400
    assert "This form was open too long. Try again." in response.text
    assert one(response, "#at-field-name")["value"] == "Kept"
    assert len(hidden_fields(response.text)["form_id"]) == 22
    assert stored(plain.app, plain.user) == []


def test_all_errors_are_shown_at_once_and_the_input_is_kept(ada: Visitor) -> None:
    ada.generate(service="tmy", scope="read")
    fields = {"name": "Deploy", "kind": "access", "service": "timeseries"}
    response = ada.generate(**fields)
    assert response.status_code == 422
    assert text_of(response, "#at-errsum p") == (
        "The token was not generated. Fix 3 problems:"
    )
    links = soup(response).select("#at-errsum a")
    assert [(link["href"], visible_text(link)) for link in links] == [
        (
            f"{U}#at-field-name",
            "You already have a token called “Deploy”. Choose another name.",
        ),
        (f"{U}#at-scopes", "Choose at least one kind of access."),
        (f"{U}#at-expiry", "Access tokens need an expiry date."),
    ]
    assert one(response, "#at-field-name")["value"] == "Deploy"
    assert (
        one(response, "#at-field-name")["aria-describedby"]
        == "at-field-name-e at-field-name-h"
    )
    assert one(response, "[name=kind][checked]")["value"] == "access"
    assert one(response, "#at-field-service [selected]")["value"] == "timeseries"
    assert len(stored(ada.app, ada.user)) == 1


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("", "Enter a name."),
        ("  \t ", "Enter a name."),
        ("a\0b", "Use letters, digits, signs and spaces only."),
        ("a\x1bb", "Use letters, digits, signs and spaces only."),
        ("x" * 81, "Use 80 characters or fewer."),
        ("x" * 10_000, "Use 80 characters or fewer."),
    ],
)
def test_invalid_name_is_refused(plain: Visitor, name: str, message: str) -> None:
    """DBS-09"""
    response = plain.generate(name=name)
    assert response.status_code == 422
    assert message in text_of(response, "#at-field-name-e")
    assert stored(plain.app, plain.user) == []


def test_huge_name_is_not_echoed(plain: Visitor) -> None:
    token_id = add_token(plain.app, plain.user)
    name, date = "x" * 400_000, "9" * 50_000
    wish = {"name": name, "expiry": "custom", "expiry_date": date}
    for browser in (plain, plain.without_script()):
        for refused in (
            browser.generate(**wish),
            browser.post(f"{token_id}/rename", name=name),
        ):
            assert refused.status_code == 422
            assert "Use 80 characters or fewer." in refused.text
            assert one(refused, "#at-field-name, #at-rename")["value"] == "x" * 500
            assert len(refused.text) < 50_000
    # What counts is what was sent.
    assert browser.generate(name=" " * 600 + "Far").status_code == 201


@pytest.mark.parametrize(
    "name",
    [
        "<img src=x onerror=alert(1)>",
        "{{7*7}}",
        "a‮b",
        "🚀 नमस्ते",
        "x" * 80,
        '"><script>alert(1)</script>',
        "‘quoted’ & co",
    ],
)
def test_hostile_name_is_escaped(plain: Visitor, name: str) -> None:
    assert plain.generate(name=name).status_code == 201
    token_id = stored(plain.app, plain.user)[0]["id"]
    assert names(plain.get()) == [name]
    for path in ("", token_id, f"{token_id}/rename", f"{token_id}/revoke"):
        for browser in (plain, plain.without_script()):
            response = browser.get(path)
            assert response.status_code == 200
            assert soup(response).select("img, script:not([src])") == []


def test_invalid_utf8_causes_no_error(plain: Visitor) -> None:
    form = hidden_fields(plain.get("new").text)
    body = b"csrf_token=" + form["csrf_token"].encode() + b"&form_id=\xff&name=\xff\xfe"
    kind = "application/x-www-form-urlencoded"
    response = plain.client.post(U, data=body, content_type=kind, headers=HTMX)
    assert response.status_code == 400
    response = plain.client.post(U, data=b"[1]", content_type="application/json")
    assert response.status_code == 400


def test_forged_fields_are_ignored(plain: Visitor, plain_app: Flask) -> None:
    """AUZ-04"""
    grace = hosts.create_user(plain_app, "grace@example.com")
    forged = {
        "owner_id": grace.id,
        "user_id": grace.id,
        "id": "0" * 12,
        "secret_hash": "x",
        "created_at": "2001-01-01",
        "expires_at": "2099-01-01",
        "userless": "1",
        "account_id": "other",
        "is_admin": "1",
    }
    assert plain.generate(**forged).status_code == 201
    token = stored(plain_app, plain.user)[0]
    assert token["owner_id"] == plain.user.id
    assert token["expires_at"] is None
    assert token["id"] != "0" * 12
    assert stored(plain_app, grace) == []


@pytest.mark.parametrize("service", ["", "nonsense", "timeseries"])
def test_service_without_access_is_refused(
    app: Flask, user: object, service: str
) -> None:
    """AUZ-08"""
    ada = visitor(app, user, "tmy")
    response = ada.generate(service=service, scope="read")
    assert response.status_code == 422
    assert text_of(response, "#at-field-service-e") == (
        "Error: This service is no longer available. Choose another."
    )
    # What is offered instead comes with its own access, so that the next try can work.
    assert one(response, "#at-field-service option")["value"] == "tmy"
    assert one(response, "#at-scopes input")["value"] == "read"
    assert stored(app, user) == []


def test_application_without_services_shows_no_service_field(plain: Visitor) -> None:
    dialog = plain.get("new")
    assert soup(dialog).select("#at-field-service, #at-scopes, [name=scope]") == []
    plain.generate()
    heads = [visible_text(head) for head in soup(plain.get()).select("th")]
    assert heads == ["Token", "Last used", "Status", "Actions"]


def test_generate_refuses_more_tokens_than_allowed(make_app: MakeApp) -> None:
    app = make_app(services=False, APITOKENS_MAX_PER_OWNER=2)
    ada = visitor(app, hosts.create_user(app, "ada@example.com"))
    assert ada.generate().status_code == 201
    assert ada.generate(name="Second").status_code == 201
    response = ada.generate(name="Third")
    assert response.status_code == 409
    assert "You already have 2 tokens, the most allowed." in text_of(
        response, "#at-errsum"
    )
    assert one(response, "#at-field-name")["value"] == "Third"


def test_scopes_follow_the_chosen_service(ada: Visitor) -> None:
    response = ada.get("new/scopes", query_string={"service": "timeseries"})
    boxes = soup(response).select("[name=scope]")
    assert [(box["value"], box.has_attr("checked")) for box in boxes] == [
        ("read", True),
        ("write", False),
    ]
    assert "csrf_token" not in one(ada.get("new"), "#at-field-service")["hx-get"]
    subscribe(ada.app, ada.user, "timeseries", active=False)
    for service in ("nonsense", "timeseries"):
        other = ada.get("new/scopes", query_string={"service": service})
        assert soup(other).select("[name=scope]") == []
        assert text_of(other, "[role=alert]") == (
            "This service is no longer available. Choose another."
        )


def test_without_htmx_the_form_reloads_with_the_scopes(ada: Visitor) -> None:
    browser = ada.without_script()
    fields = {"name": "Kept", "service": "timeseries", "change": "service"}
    response = browser.generate(**fields)
    assert response.status_code == 200
    assert [box["value"] for box in soup(response).select("[name=scope]")] == [
        "read",
        "write",
    ]
    assert one(response, "#at-field-name")["value"] == "Kept"
    assert stored(ada.app, ada.user) == []
    assert browser.get("new/scopes").headers["Location"] == f"{U}new"


def test_token_is_marked_shown_after_the_response_is_sent(plain: Visitor) -> None:
    response = plain.generate()
    assert stored(plain.app, plain.user)[0]["shown_at"] is None
    response.close()
    assert stored(plain.app, plain.user)[0]["shown_at"] is not None


# -- the panel -----------------------------------------------------------------


def test_panel_renders_in_a_page_of_the_application(ada: Visitor) -> None:
    ada.generate(service="tmy", scope="read")
    response = ada.client.get("/account")
    assert one(response, "h1").get_text() == "Account"
    assert one(response, "h2.at-title").get_text() == "API tokens"
    assert len(soup(response).select("[data-apitokens]")) == 1
    assert len(soup(response).select("link[href*='apitokens.css']")) == 1
    assert len(soup(response).select("script[src*='apitokens.js']")) == 1
    assert response.headers["Cache-Control"] == "no-store"
    assert names(response) == ["Deploy"]


def test_log_in_link_returns_to_the_page_of_the_application(ada: Visitor) -> None:
    response = ada.client.get("/account?tab=api&x=%C3%A9")
    # Selectors ignore the contents of a template.
    spare = soup(response).find("template", {"data-apitokens-signed-out": True})
    assert isinstance(spare, Tag)
    assert (
        spare.find_all("a")[0]["href"]
        == "/login?next=%2Faccount%3Ftab%3Dapi%26x%3D%25C3%25A9"
    )


def test_panel_is_empty_for_a_signed_out_user(client: FlaskClient) -> None:
    response = client.get("/account")
    assert response.status_code == 200
    assert "at-" not in response.text
