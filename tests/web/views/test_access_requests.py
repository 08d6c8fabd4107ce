"""Asking for access in a browser, and the administrators' answer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import event
from werkzeug.test import TestResponse

from flask_apitokens import Actor
from flask_apitokens.core.callbacks import Notice
from flask_apitokens.domain import access_requests
from flask_apitokens.domain import subscriptions
from flask_apitokens.domain.access_requests import PAGE_SIZE
from tests import bearing
from tests import hosts
from tests.conftest import MakeApp
from tests.pages import HTMX
from tests.pages import U
from tests.pages import Visitor
from tests.pages import add_token
from tests.pages import one
from tests.pages import soup
from tests.pages import subscribe
from tests.pages import text_of
from tests.pages import visible_text
from tests.pages import visitor

A = "/admin/api/requests"
NOT_YET = "You do not have API access yet"
HOSTILE = "<script>alert(1)</script>\n\"'&{{ 7*7 }}"
BOTH = pytest.mark.parametrize("htmx", [True, False], ids=["htmx", "plain"])


@pytest.fixture
def told() -> list[Notice]:
    """What the host was handed by ``on_notice``."""
    return []


@pytest.fixture
def app(make_app: MakeApp, told: list[Notice]) -> Flask:
    """A host with administrators."""
    return make_app(plugin=hosts.accounts(on_notice=told.append))


@dataclass(frozen=True)
class Administrator:
    """An administrator and their browser."""

    client: FlaskClient
    htmx: bool = True

    def get(self, path: str = "") -> TestResponse:
        """Follow a link below A."""
        return self.client.get(A + path, headers=HTMX if self.htmx else {})

    def post(self, path: str, **fields: Any) -> TestResponse:
        """Send a form below A."""
        data = {"csrf_token": hosts.csrf_token(self.client), **fields}
        headers = HTMX if self.htmx else {}
        return self.client.post(A + path, data=data, headers=headers)

    def plain(self) -> Administrator:
        """The same with scripts off."""
        return Administrator(self.client, htmx=False)


def guest(
    app: Flask, name: str = "grace", *services: str, htmx: bool = True
) -> Visitor:
    """A user who may use *services* alone."""
    there = visitor(app, hosts.create_user(app, f"{name}@example.com"), *services)
    return there if htmx else there.without_script()


@pytest.fixture
def grace(app: Flask) -> Visitor:
    """A user who may use nothing."""
    return guest(app)


@pytest.fixture
def admin(app: Flask) -> Administrator:
    """The administrator of example.com."""
    client = app.test_client()
    hosts.login(client, hosts.create_user(app, "admin@example.com"))
    return Administrator(client)


def requests_of(visitor: Visitor) -> dict[str, tuple[str | None, bool]]:
    """What a user asked for: the reason, and whether it waits."""
    with visitor.app.app_context():
        made = access_requests.requests_of(
            bearing.context_of(visitor.app), visitor.user
        )
        return {
            slug: (row.request_reason, subscriptions.is_waiting(row))
            for slug, row in made.items()
        }


def asked(visitor: Visitor, slug: str = "tmy", reason: str = "") -> int:
    """A request of a user, made behind the pages; its number."""
    with visitor.app.app_context():
        ctx = bearing.context_of(visitor.app)
        actor = Actor(visitor.user.email)
        row = access_requests.request(
            ctx, visitor.user, slug, reason=reason, actor=actor
        )
        ctx.session.commit()
        return row.id


def asked_number(visitor: Visitor) -> int:
    """The number of the only request there is."""
    with visitor.app.app_context():
        model = bearing.models_of(visitor.app).Subscription
        return int(bearing.context_of(visitor.app).session.query(model).one().id)


def decide(visitor: Visitor, number: int, *, approve: bool, reason: str = "") -> None:
    """Decide a request behind the pages."""
    with visitor.app.app_context():
        ctx = bearing.context_of(visitor.app)
        access_requests.decide(
            ctx,
            "example.com",
            number,
            approve=approve,
            reason=reason,
            actor=Actor("admin@example.com"),
        )
        ctx.session.commit()


def may_use(visitor: Visitor, slug: str = "tmy") -> bool:
    """Whether a user may use a service."""
    with visitor.app.app_context():
        ctx = bearing.context_of(visitor.app)
        return subscriptions.is_active(ctx, visitor.user, slug)


def cards(response: TestResponse) -> list[str]:
    """The titles of the cards in the panel."""
    return [visible_text(title) for title in soup(response).select("#at-asking h2")]


def options(response: TestResponse) -> list[tuple[str, str]]:
    """What the form offers to ask for."""
    found = soup(response).select("select[name=service] option")
    return [(str(option["value"]), visible_text(option)) for option in found]


def page_of(visitor: Visitor) -> TestResponse:
    """The user's page as a whole."""
    return visitor.without_script().get()


# -- what it takes -------------------------------------------------------------


def test_user_without_any_access_sees_the_request_form_alone(grace: Visitor) -> None:
    for page in (page_of(grace), grace.client.get("/account")):
        assert cards(page) == [NOT_YET]
        assert text_of(page, "#at-asking .at-chip") == "No access"
        assert "you will get a message when they decide" in page.text
        form = one(page, f"#at-panel form[action='{U}request']")
        assert form["hx-target"] == "#at-panel"
        assert options(page) == [
            ("tmy", "TMY data"),
            ("timeseries", "Time series"),
            ("*", "All services"),
        ]
        seen = "your name and email address, grace@example.com."
        assert seen in text_of(page, "#at-asked-reason-h")
        assert one(page, "textarea[name=reason]")["maxlength"] == "500"
        assert not soup(page).select("#at-list")


def test_user_without_one_service_can_request_it_below_the_list(app: Flask) -> None:
    page = page_of(guest(app, "ada", "tmy"))
    assert one(page, "#at-list ~ *, .at-card ~ #at-panel")
    assert cards(page) == ["Request access"]
    assert options(page) == [("timeseries", "Time series")]
    assert not soup(page).select("#at-asking .at-chip")


def test_user_with_all_services_sees_no_request_form(app: Flask) -> None:
    for names in (("tmy", "timeseries"),):
        page = page_of(guest(app, "ada", *names))
        assert one(page, "#at-panel")
        assert cards(page) == []


@pytest.mark.parametrize("services", [True, False])
def test_user_without_api_access_requests_the_whole_api(
    make_app: MakeApp, *, services: bool
) -> None:
    barred = guest(make_app(plugin=hosts.accounts(), services=services), "noapi")
    page = page_of(barred)
    assert cards(page) == [NOT_YET]
    assert options(page) == []
    assert "You will see their decision here." in page.text
    assert one(page, "input[name=service]")["value"] == ""
    assert barred.post("request", service="", reason="", alone="1").status_code == 200
    assert requests_of(barred) == {"": (None, True)}
    facts = soup(page_of(barred)).select(".at-facts dd")
    assert visible_text(facts[0]) == "The whole API"


def test_application_without_administrators_offers_no_request_form(
    make_app: MakeApp,
) -> None:
    lonely = guest(make_app(plugin={"can_use_api": lambda user: False}))
    page = page_of(lonely)
    assert cards(page) == [NOT_YET]
    assert not soup(page).select("#at-panel form")
    assert lonely.post("request", service="", alone="1").status_code == 409
    assert requests_of(lonely) == {}
    some = guest(make_app(SQLALCHEMY_DATABASE_URI="sqlite://"), "ada", "tmy")
    assert cards(page_of(some)) == []


def test_service_off_for_the_account_cannot_be_requested(
    app: Flask, grace: Visitor
) -> None:
    bearing.switch_service(app, "tmy", active=False, account="example.com")
    assert options(page_of(grace)) == [("timeseries", "Time series")]
    bearing.switch_service(app, "timeseries", active=False, account="example.com")
    page = page_of(grace)
    assert cards(page) == [NOT_YET]
    assert not soup(page).select("#at-panel form")


def test_user_who_lost_access_still_sees_their_tokens(app: Flask) -> None:
    ada = guest(app, "ada", "tmy")
    add_token(app, ada.user, "Old", service="tmy", scopes=["read"])
    subscribe(app, ada.user, "tmy", active=False)
    page = page_of(ada)
    assert one(page, "#at-list")
    assert cards(page) == ["Request access"]


# -- asking --------------------------------------------------------------------


@BOTH
def test_request_is_stored_and_shown_as_waiting(app: Flask, *, htmx: bool) -> None:
    grace = guest(app, htmx=htmx)
    fields = {"service": "tmy", "reason": HOSTILE, "alone": "1"}
    response = grace.post("request", **fields)
    assert requests_of(grace) == {"tmy": (HOSTILE, True)}
    if htmx:
        assert response.status_code == 200
        assert response.headers["Apitokens-Fragment"] == "1"
        assert text_of(response, "#at-toasts strong") == "Request sent"
    else:
        assert (response.status_code, response.location) == (303, U)
        response = grace.get()
        assert "Request sent" in text_of(response, ".at-note")
    assert cards(response) == ["Access requested", "Request access"]
    assert options(response) == [("timeseries", "Time series")]
    assert text_of(response, "#at-waiting ~ .at-chip") == "Waiting for approval"
    note = [visible_text(fact) for fact in soup(response).select(".at-facts dd")]
    assert note[0] == "TMY data"
    assert note[2] == " ".join(HOSTILE.split())
    assert "<script>alert" not in response.text


@BOTH
def test_all_services_can_be_requested_at_once(app: Flask, *, htmx: bool) -> None:
    grace = guest(app, htmx=htmx)
    asked(grace, "tmy", "before")
    grace.post("request", service="*", reason="now")
    assert requests_of(grace) == {
        "tmy": ("before", True),
        "timeseries": ("now", True),
    }
    page = page_of(grace)
    assert cards(page) == ["Access requested"]
    forms = soup(page).select(f"form[action='{U}request/withdraw']")
    slugs = [
        str(one_of["value"]) for f in forms for one_of in f.select("[name=service]")
    ]
    assert slugs == ["tmy", "timeseries"]
    assert visible_text(forms[0].select("button")[0]) == "Withdraw request TMY data"


@BOTH
@pytest.mark.parametrize("service", ["tmy", "*"])
def test_form_sent_twice_stores_one_request(
    app: Flask, told: list[Notice], service: str, *, htmx: bool
) -> None:
    grace = guest(app, htmx=htmx)
    status = [grace.post("request", service=service).status_code for _ in "ab"]
    assert status == [200 if htmx else 303] * 2
    assert len(told) == (1 if service == "tmy" else 2)


@BOTH
@pytest.mark.parametrize("service", ["gone", "", "\0", "\U0001f511", "TMY"])
def test_request_for_an_unavailable_service_answers_409(
    app: Flask, service: str, *, htmx: bool
) -> None:
    grace = guest(app, htmx=htmx)
    for path in ("request", "request/withdraw"):
        response = grace.post(path, service=service, alone="1")
        assert response.status_code == 409
        assert "Someone else changed this." in response.text
        if htmx:
            assert response.headers["HX-Retarget"] == "#at-toasts"
            assert one(response, "#at-panel[hx-swap-oob=innerHTML] form")
    assert requests_of(grace) == {}


@BOTH
@pytest.mark.parametrize("reason", ["a\0b", "\x1b[31m", "lost \ufffd", "x" * 10_000])
def test_invalid_reason_is_shown_again_with_its_error(
    app: Flask, reason: str, *, htmx: bool
) -> None:
    grace = guest(app, htmx=htmx)
    response = grace.post("request", service="timeseries", reason=reason, alone="1")
    assert response.status_code == 422
    field = one(response, "textarea[name=reason]")
    assert field["aria-invalid"] == "true"
    assert field.has_attr("data-apitokens-focus")
    said = text_of(response, "#at-asked-reason-e")
    assert said.startswith("Error: Use ")
    assert field.get_text() == reason[:500]
    chosen = one(response, "select[name=service] option[selected]")
    assert chosen["value"] == "timeseries"
    if htmx:
        assert text_of(response, "#at-alert") in said
    assert requests_of(grace) == {}


@BOTH
def test_stale_form_is_shown_again_with_its_input(app: Flask, *, htmx: bool) -> None:
    grace = guest(app, htmx=htmx)
    response = grace.post("request", csrf_token="", service="*", reason="Why not")
    assert response.status_code == 400
    assert "open too long" in text_of(response, "#at-panel .at-note, form .at-note")
    assert one(response, "textarea").get_text() == "Why not"
    assert grace.post("request/withdraw", csrf_token="").status_code == 400
    assert requests_of(grace) == {}


# -- taking back and being answered --------------------------------------------


@BOTH
def test_request_can_be_withdrawn(app: Flask, *, htmx: bool) -> None:
    grace = guest(app, htmx=htmx)
    asked(grace)
    response = grace.post("request/withdraw", service="tmy", alone="1")
    assert requests_of(grace) == {}
    if htmx:
        assert text_of(response, "#at-toasts strong") == "Request withdrawn"
        assert cards(response) == [NOT_YET]
    else:
        assert (response.status_code, response.location) == (303, U)
        assert "Request withdrawn" in text_of(grace.get(), ".at-note")


def test_declined_request_shows_its_reason_and_the_form(grace: Visitor) -> None:
    decide(grace, asked(grace), approve=False, reason=HOSTILE)
    page = page_of(grace)
    assert cards(page) == [NOT_YET]
    note = text_of(page, "#at-panel .at-note")
    assert note.startswith("Your request for TMY data was declined. <script>")
    assert ("tmy", "TMY data") in options(page)
    assert grace.post("request", service="tmy", alone="1").status_code == 200
    assert "declined" not in page_of(grace).text


@pytest.mark.parametrize("others", [(), ("timeseries",)])
def test_approval_without_effect_shows_what_it_waits_for(
    app: Flask, others: tuple[str, ...]
) -> None:
    grace = guest(app, "grace", *others)
    number = asked(grace)
    bearing.switch_service(app, "tmy", active=False, account="example.com")
    decide(grace, number, approve=True)
    note = "#at-panel .at-note"
    assert text_of(page_of(grace), note) == (
        "Your request for TMY data was approved. "
        "You can use it as soon as the service is on for your whole account."
    )
    bearing.switch_service(app, "tmy", active=True, account="example.com")
    page = page_of(grace)
    assert "was approved" not in page.text
    # Taken away again it is no longer what the approval was about.
    bearing.unsubscribe(app, grace.user, "tmy")
    assert "was approved" not in page_of(grace).text
    assert ("tmy", "TMY data") in options(page_of(grace))


def test_approval_of_the_api_is_shown_until_the_application_grants_it(
    app: Flask,
) -> None:
    barred = guest(app, "noapi")
    decide(barred, asked(barred, ""), approve=True)
    page = page_of(barred)
    assert text_of(page, "#at-panel .at-note") == (
        "Your request for The whole API was approved. "
        "You can use it as soon as the application lets you use the API."
    )
    assert cards(page) == [NOT_YET]
    # The user can ask again, in case the administrators forgot the request.
    assert barred.post("request", service="", alone="1").status_code == 200
    assert "was approved" not in page_of(barred).text
    decide(barred, asked_number(barred), approve=True)
    bearing.change_user(app, barred.user, email="grace@example.com")
    assert "was approved" not in page_of(barred).text


def test_conflict_reloads_a_page_without_the_list_once_access_is_granted(
    grace: Visitor,
) -> None:
    decide(grace, asked(grace), approve=True)
    headers = {**HTMX, "HX-Current-URL": "http://localhost/account"}
    token = hosts.csrf_token(grace.client)
    for path in ("request", "request/withdraw"):
        response = grace.client.post(
            f"{U}{path}",
            headers=headers,
            data={"csrf_token": token, "service": "tmy", "alone": "1"},
        )
        assert response.status_code == 200
        assert response.headers["HX-Redirect"] == "/account"
        page = grace.client.get("/account")
        assert "Someone else changed this." in page.text
        assert one(page, "#at-list")


def test_conflict_refreshes_the_panels_of_a_page_with_the_list(grace: Visitor) -> None:
    subscribe(grace.app, grace.user, "timeseries")
    decide(grace, asked(grace), approve=True)
    response = grace.post("request/withdraw", service="tmy")
    assert response.status_code == 409
    assert one(response, "#at-list[hx-swap-oob=innerHTML]")
    assert cards(response) == []


def test_get_of_a_form_address_redirects_to_the_list(grace: Visitor) -> None:
    for path in ("request", "request/withdraw"):
        assert grace.without_script().get(path).location == U


def test_signed_out_user_cannot_request_access(app: Flask) -> None:
    stranger = Visitor(app, None, app.test_client())
    for path in ("request", "request/withdraw"):
        assert stranger.post(path, service="tmy").status_code == 401
        assert stranger.without_script().post(path).status_code == 302


# -- administrators ------------------------------------------------------------


def rows(response: TestResponse, table: str = "#at-table") -> list[str]:
    """The rows of a table of requests."""
    return [visible_text(row) for row in soup(response).select(f"{table} tbody tr")]


def test_page_without_waiting_requests_says_so(admin: Administrator) -> None:
    page = admin.plain().get()
    assert text_of(page, ".at-empty h3") == "No one is waiting for access"
    assert not soup(page).select("#at-decided")
    link = one(page, f".at-tabs a[href='{A}']")
    assert visible_text(link) == "Access requests"
    assert link["aria-current"] == "page"


def test_waiting_requests_are_listed_and_counted(
    admin: Administrator, grace: Visitor, app: Flask
) -> None:
    asked(grace, "tmy", HOSTILE)
    asked(guest(app, "noapi"), "")
    page = admin.plain().get()
    first, second = rows(page)
    assert first.startswith("grace@example.com TMY data <script>alert(1)</script>")
    assert "<script>alert" not in page.text
    assert second.startswith("noapi@example.com The whole API No note Just now")
    assert text_of(page, "#at-waiting .at-count") == "2"
    assert text_of(page, f".at-tabs a[href='{A}'] .at-count") == "2"
    asked(grace, "timeseries")
    services = admin.client.get("/admin/api/services")
    assert text_of(services, ".at-note p") == (
        "2 people are waiting for API access. Review requests"
    )
    assert one(services, ".at-note a")["href"] == A


@BOTH
def test_request_is_approved_without_a_question(
    admin: Administrator, grace: Visitor, told: list[Notice], *, htmx: bool
) -> None:
    number = asked(grace)
    told.clear()
    who = admin if htmx else admin.plain()
    form = one(who.plain().get(), f"form[action='{A}/{number}']")
    assert form["hx-target"] == "#at-list"
    response = who.post(f"/{number}", do="approve")
    assert may_use(grace)
    assert [(n.kind, n.user is None) for n in told] == [("access_approved", False)]
    said = "Access approved for grace@example.com"
    if htmx:
        assert text_of(response, "#at-toasts strong") == said
    else:
        assert (response.status_code, response.location) == (303, A)
        response = who.get()
        assert said in text_of(response, ".at-note")
    assert rows(response) == []
    [row] = rows(response, "#at-decisions")
    assert row.startswith("grace@example.com TMY data Approved admin@example.com")


@BOTH
def test_request_is_declined_after_a_confirmation(
    admin: Administrator, grace: Visitor, told: list[Notice], *, htmx: bool
) -> None:
    number = asked(grace)
    told.clear()
    who = admin if htmx else admin.plain()
    for question in (who.get(f"/{number}"), who.post(f"/{number}", do="decline")):
        assert question.status_code == 200
        assert "Decline the request of grace@example.com?" in question.text
        assert not one(question, "textarea[name=reason]").has_attr("required")
        assert question.headers.get("HX-Retarget") == ("#at-dialog" if htmx else None)
    assert requests_of(grace)["tmy"][1]
    answer = {"do": "decline", "confirm": "1"}
    again = who.post(f"/{number}", **answer, reason="a\0b")
    assert again.status_code == 422
    assert one(again, "textarea").get_text() == "a\0b"
    assert requests_of(grace)["tmy"][1]
    response = who.post(f"/{number}", **answer, reason=HOSTILE)
    assert not may_use(grace)
    assert [(n.kind, n.reason) for n in told] == [("access_declined", HOSTILE)]
    if htmx:
        said = text_of(response, "#at-toasts strong")
        assert one(response, "#at-list[hx-swap-oob=innerHTML]")
    else:
        assert response.location == A
        response = who.get()
        said = text_of(response, "[role=status].at-note")
    assert said == "Access declined for grace@example.com"
    assert "Declined <script>alert(1)" in rows(response, "#at-decisions")[0]
    assert "<script>alert" not in response.text


def test_approval_says_that_the_application_must_grant_access_too(
    admin: Administrator, app: Flask
) -> None:
    barred = guest(app, "noapi")
    response = admin.post(f"/{asked(barred, '')}", do="approve")
    assert text_of(response, "#at-toasts strong") == (
        "Access approved for noapi@example.com."
    )
    assert "They can use it as soon as the application lets them" in response.text


def test_approval_says_that_the_service_is_off_for_the_account(
    admin: Administrator, app: Flask
) -> None:
    users = [guest(app, name) for name in ("a", "b")]
    first, second = (asked(user) for user in users)
    bearing.switch_service(app, "tmy", active=False, account="example.com")
    said = text_of(admin.post(f"/{first}", do="approve"), "#at-toasts")
    assert "Access approved for a@example.com." in said
    assert "TMY data is off for the whole account. They can use it as soon as" in said
    assert "off for" not in admin.post(f"/{second}", do="decline", confirm="1").text


def test_next_waiting_row_gets_the_focus(admin: Administrator, app: Flask) -> None:
    users = [guest(app, name) for name in ("a", "b", "c")]
    numbers = [asked(user) for user in users]
    for number, focused in ((numbers[1], numbers[2]), (numbers[2], None)):
        response = admin.post(f"/{number}", do="approve")
        found = soup(response).select("[data-apitokens-focus]")
        wanted = [] if focused is None else [f"{A}/{focused}"]
        assert [str(link["href"]) for link in found] == wanted


@BOTH
def test_decision_on_a_decided_request_answers_409(
    admin: Administrator, grace: Visitor, *, htmx: bool
) -> None:
    number = asked(grace)
    decide(grace, number, approve=False)
    who = admin if htmx else admin.plain()
    answers = [
        who.get(f"/{number}"),
        who.post(f"/{number}", do="approve"),
        who.post(f"/{number}", do="decline", confirm="1"),
    ]
    for response in answers:
        assert response.status_code == 409
        if htmx:
            assert response.headers["HX-Retarget"] == "#at-toasts"
            assert one(response, "#at-list[hx-swap-oob=innerHTML] #at-decisions")
    assert not may_use(grace)


@BOTH
def test_request_of_another_account_answers_404(
    admin: Administrator, app: Flask, *, htmx: bool
) -> None:
    carol = visitor(app, hosts.create_user(app, "carol@other.example"))
    number = asked(carol)
    who = admin if htmx else admin.plain()
    assert "carol" not in who.plain().get().text
    for path in (f"/{number}", "/999", f"/{2**63 - 1}", f"/{2**63}", "/-1", "/x"):
        assert who.get(path).status_code == 404
        for do in ("approve", "decline"):
            assert who.post(path, do=do, confirm="1").status_code == 404
    assert requests_of(carol)["tmy"][1]


@BOTH
def test_decision_without_csrf_token_changes_nothing(
    admin: Administrator, grace: Visitor, *, htmx: bool
) -> None:
    number = asked(grace)
    who = admin if htmx else admin.plain()
    for do in ("approve", "decline"):
        response = who.post(f"/{number}", csrf_token="", do=do, confirm="1")
        assert response.status_code == 400
    assert who.post(f"/{number}", do="else").status_code == 400
    assert who.get(f"/{number}?do=approve").status_code == 400
    assert requests_of(grace)["tmy"][1]


def test_only_administrators_can_decide(app: Flask, grace: Visitor) -> None:
    number = asked(grace)
    for client, status in ((grace.client, 403), (app.test_client(), 302)):
        other = Administrator(client, htmx=False)
        assert other.get().status_code == status
        assert other.get(f"/{number}").status_code == status
        assert other.post(f"/{number}", do="approve").status_code == status
    assert requests_of(grace)["tmy"][1]


def test_number_of_statements_does_not_grow_with_the_requests(
    admin: Administrator, app: Flask
) -> None:
    def statements() -> int:
        seen: list[str] = []
        with app.app_context():
            engine = hosts.host_of(app).db.engine

        def note(*args: Any) -> None:
            seen.append(str(args[2]))

        event.listen(engine, "before_cursor_execute", note)
        admin.plain().get()
        event.remove(engine, "before_cursor_execute", note)
        return len(seen)

    one_user = guest(app, "u0")
    decide(one_user, asked(one_user), approve=True)
    asked(one_user, "timeseries")
    statements()  # a process's first page looks whether a pepper is missing
    few = statements()
    for n in range(1, PAGE_SIZE + 2):
        user = guest(app, f"u{n}")
        decide(user, asked(user), approve=False)
        asked(user, "timeseries")
    assert statements() == few
    page = admin.plain().get()
    assert len(rows(page)) == len(rows(page, "#at-decisions")) == PAGE_SIZE
    second = admin.get("?page=2&decided=2&focus=decided")
    assert [len(rows(second, t)) for t in ("#at-table", "#at-decisions")] == [2, 2]
    assert text_of(second, "[data-apitokens-focus]") == "Decided requests"
    links = [str(a["href"]) for a in soup(second).select(".at-pager a")]
    assert links == [f"{A}?decided=2", f"{A}?page=2"]
    for nonsense in ("?page=x&decided=-1", f"?page={10**30}"):
        assert admin.plain().get(nonsense).status_code == 200


def test_request_for_a_removed_service_can_only_be_declined(
    admin: Administrator, app: Flask, grace: Visitor
) -> None:
    number = asked(grace)
    with app.app_context():
        ctx = bearing.context_of(app)
        access_requests.find(ctx, "example.com", number)[0].service = "gone"
        ctx.session.commit()
    assert [
        visible_text(b) for b in soup(admin.get()).select("tbody a, tbody button")
    ] == ["Decline grace@example.com"]
    assert admin.post(f"/{number}", do="approve").status_code == 409
