"""The audit log's page and file: filtered, paged by key, of one account alone."""

from __future__ import annotations

import csv
import io
import re
import tracemalloc
from datetime import UTC
from datetime import datetime
from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import event as sql_event
from sqlalchemy import insert
from sqlalchemy import select
from werkzeug.test import TestResponse

from flask_apitokens import Actor
from flask_apitokens.domain import access_requests
from flask_apitokens.domain import activation
from flask_apitokens.domain import subscriptions
from flask_apitokens.domain import tokens
from tests import bearing
from tests import hosts
from tests.conftest import MakeApp
from tests.pages import U
from tests.pages import Visitor
from tests.pages import one
from tests.pages import soup
from tests.pages import text_of
from tests.pages import visible_text

A = "/admin/api/"
NOW = datetime(2026, 11, 21, 9, 14, 2, tzinfo=UTC)
HOSTILE = '<img src=x onerror=alert(1)>"\u202e'


def plugin(app: list[Flask]) -> dict[str, Any]:
    """Accounts by the domain of the email; who is called root administers theirs."""

    def users_of(account_id: str) -> Any:
        model = hosts.host_of(app[0]).user_model
        return select(model).where(model.email.endswith(f"@{account_id}"))

    return {
        "account_of": lambda user: user.email.partition("@")[2],
        "is_admin": lambda user: user.email.startswith("root@"),
        "users_of": users_of,
    }


def build(make_app: MakeApp, url: str | None = None, **config: Any) -> Flask:
    """A host with administrators."""
    made: list[Flask] = []
    made.append(make_app(url, plugin=plugin(made), **config))
    return made[0]


def sign_in(app: Flask, email: str) -> Visitor:
    """A new user of the host, in a browser."""
    user, client = hosts.create_user(app, email), app.test_client()
    hosts.login(client, user)
    return Visitor(app, user, client)


def statements(app: Flask) -> list[str]:
    """The statements that the host's database is sent from now on."""
    sent: list[str] = []
    with app.app_context():
        engine = hosts.host_of(app).db.engine

    def heard(*args: Any) -> None:
        sent.append(args[2])

    sql_event.listen(engine, "before_cursor_execute", heard)
    return sent


@pytest.fixture
def app(make_app: MakeApp, database_url: str) -> Flask:
    """The host on each database in turn."""
    return build(make_app, database_url)


@pytest.fixture
def root(app: Flask) -> Visitor:
    """The administrator of the account acme.example."""
    return sign_in(app, "root@acme.example")


def note(app: Flask, number: int = 1, **values: Any) -> None:
    """Lines of the log, as they would be stored."""
    model = app.extensions["apitokens"].models.Event
    row = {
        "at": NOW,
        "action": "generated",
        "account_id": "acme.example",
        "token_id": "0123456789ab",
        "actor_label": "ada@acme.example",
        "detail": {},
        **values,
    }
    name = row.pop("token_name", "n{}")
    rows = [{**row, "token_name": name.format(n)} for n in range(number)]
    with app.app_context():
        session = hosts.host_of(app).db.session
        session.execute(insert(model), rows)
        session.commit()


def ask(root: Visitor, query: str = "", *, htmx: bool = False) -> TestResponse:
    """The page, or what a control swaps in."""
    headers = {"HX-Request": "true"} if htmx else {}
    return root.client.get(f"{A}audit{query}", headers=headers)


def rows_of(response: TestResponse) -> list[list[str]]:
    """The cells of the list."""
    assert response.status_code == 200, response.text
    lines = soup(response).select("#at-table tbody tr")
    return [[visible_text(cell) for cell in line.select("td")] for line in lines]


def names(response: TestResponse) -> list[str]:
    """The names of what the lines are about."""
    assert response.status_code == 200, response.text
    cells = soup(response).select("#at-table td[data-label=About]")
    return [visible_text(cell.select("bdi")[0]) for cell in cells]


def follow(root: Visitor, response: TestResponse, label: str) -> TestResponse:
    """Where the link *label* leads, without script."""
    [link] = [
        a for a in soup(response).select(".at-pager a") if visible_text(a) == label
    ]
    assert "hx-get" in link.attrs
    return root.client.get(str(link["href"]))


def story(app: Flask, ada: Any, root: Any) -> str:
    """One of everything that is noted; answers the token's id."""
    with app.app_context():
        ctx = bearing.context_of(app)
        who = Actor("root@acme.example", str(root.id), "198.51.100.9")
        own = Actor("ada@acme.example", str(ada.id), "203.0.113.7")
        mine = ctx.session.get(ctx.models.user, ada.id)
        token, _ = tokens.generate(ctx, mine, name="laptop", actor=own)
        token_id = token.id
        tokens.rename(ctx, token, "Laptop notebook", actor=own)
        activation.deactivate(ctx, token, "Seen in a public repository", actor=who)
        activation.activate(ctx, token, actor=who)
        tokens.revoke(ctx, token, actor=who)
        tokens.delete(ctx, token, actor=own)
        for slug in ("tmy", "timeseries"):
            access_requests.request(ctx, mine, slug, reason="For my thesis", actor=own)
        access_requests.withdraw(ctx, mine, "timeseries", actor=own)
        held = subscriptions.get_for_update(ctx, mine, "tmy").id
        access_requests.decide(ctx, "acme.example", held, approve=True, actor=who)
        subscriptions.deactivate(ctx, mine, "tmy", actor=who)
        access_requests.request(ctx, mine, "tmy", reason="", actor=own)
        access_requests.decide(
            ctx, "acme.example", held, approve=False, reason="No seat", actor=who
        )
        subscriptions.activate(ctx, mine, "tmy", actor=who)
        switch = subscriptions.switch_service
        switch(ctx, "acme.example", "tmy", active=False, actor=who)
        switch(ctx, "acme.example", "tmy", active=True, actor=who)
        tokens.generate(ctx, None, name="bot", account_id="acme.example", actor=who)
        ctx.session.commit()
    return token_id


def test_every_event_is_described(app: Flask, root: Visitor) -> None:
    ada = hosts.create_user(app, "ada@acme.example")
    token_id = story(app, ada, root.user)
    rows = rows_of(ask(root))
    boss = "root@acme.example"
    mail = "ada@acme.example"
    assert [row[1:4] for row in rows] == [
        [boss, "Token generated", f"bot {rows[0][3].split()[1]} Userless"],
        [boss, "Service turned on for everybody", "TMY data"],
        [boss, "Service turned off for everybody", "TMY data"],
        [boss, "Subscription turned on", f"{mail} TMY data"],
        [boss, "Access request declined", f"{mail} TMY data No seat"],
        [mail, "Access requested", f"{mail} TMY data"],
        [boss, "Subscription turned off", f"{mail} TMY data"],
        [boss, "Access request approved", f"{mail} TMY data"],
        [mail, "Access request withdrawn", f"{mail} Time series"],
        [mail, "Access requested", f"{mail} Time series For my thesis"],
        [mail, "Access requested", f"{mail} TMY data For my thesis"],
        [mail, "Token deleted", f"Laptop notebook {token_id}"],
        [boss, "Token revoked", f"Laptop notebook {token_id} of {mail}"],
        [boss, "Token activated", f"Laptop notebook {token_id} of {mail}"],
        [
            *(boss, "Token deactivated"),
            f"Laptop notebook {token_id} of {mail} Seen in a public repository",
        ],
        [mail, "Token renamed", f"Laptop notebook {token_id} was “laptop”"],
        [mail, "Token generated", f"laptop {token_id}"],
    ]
    assert {row[4] for row in rows} == {"203.0.113.7", "198.51.100.9"}


def test_line_shows_time_to_the_second_and_actor(app: Flask, root: Visitor) -> None:
    note(app, actor_label="system", ip=None)
    page = ask(root)
    assert rows_of(page)[0][:2] == ["21 Nov 2026, 09:14:02", "System"]
    assert rows_of(page)[0][4] == "–"
    moment = one(page, "tbody time")
    assert moment["datetime"] == "2026-11-21T09:14:02Z"
    assert moment["title"] == "21 Nov 2026, 09:14:02 UTC"
    assert text_of(page, ".at-card__foot") == "1 event"


def test_search_and_filters_select_events(app: Flask, root: Visitor) -> None:
    ada = hosts.create_user(app, "ada@acme.example")
    token_id = story(app, ada, root.user)
    note(app, token_name="old", at=NOW - timedelta(days=1), actor_label="Zoë")
    note(app, token_name="older", at=NOW.replace(hour=0, minute=0, second=0))

    def count(query: str) -> int:
        return len(rows_of(ask(root, query)))

    assert count("") == 19
    assert count("?event=generated") == 4
    assert count("?event=renamed") == 1
    assert count("?event=ended") == 3
    assert count("?event=activated") == 1
    assert count("?event=services") == 4
    assert count("?event=requests") == 6
    assert count(f"?q={token_id[:8]}") == 6
    assert count("?q=ADA@acme") == 15
    assert count("?q=Zo%C3%AB") == 1
    assert count("?q=ada@acme&event=ended") == 3
    assert count("?q=unknown") == 0
    today = datetime.now(UTC).date()
    if today > NOW.date():
        assert count(f"?from={NOW.date()}") == 18
    assert count(f"?from={NOW.date() - timedelta(days=1)}") == 19
    assert count(f"?from={today + timedelta(days=1)}&event=generated") == 0


def test_day_filter_begins_at_midnight_utc(app: Flask, root: Visitor) -> None:
    midnight = NOW.replace(hour=0, minute=0, second=0)
    note(app, token_name="last night", at=midnight - timedelta(microseconds=1))
    note(app, token_name="midnight", at=midnight)
    assert names(ask(root, "?from=2026-11-21")) == ["midnight"]
    assert names(ask(root, "?from=2026-11-20")) == ["midnight", "last night"]
    assert names(ask(root, "?from=2026-11-22")) == []


@pytest.mark.parametrize(
    "query",
    [
        *("?event=nothing", "?from=yesterday", "?from=2026-02-30", "?before=x"),
        *("?from=0001-01-01", "?before=-1", f"?before={2**64}", f"?before={2**63 - 1}"),
        *("?after=0", "?after=1e9", "?q=%00", "?q=%20", "?q=%ED%A0%80&event="),
    ],
)
def test_invalid_query_arguments_are_ignored(
    app: Flask, root: Visitor, query: str
) -> None:
    note(app, 2)
    if query.startswith("?q=%ED"):
        assert ask(root, query).status_code == 200
    else:
        assert names(ask(root, query)) == ["n1", "n0"]


def test_page_is_stable_while_events_arrive(app: Flask, root: Visitor) -> None:
    note(app, 120)
    first = ask(root, "?q=n")
    assert names(first)[:2] == ["n119", "n118"]
    assert text_of(first, ".at-card__foot") == "50 events Newer Older"
    second = follow(root, first, "Older")
    note(app, 3, token_name="new{}")
    again = follow(root, first, "Older")
    assert names(again) == names(second)
    assert names(second)[0] == "n69"
    third = follow(root, second, "Older")
    assert (len(names(third)), names(third)[-1]) == (20, "n0")
    assert soup(third).select_one(".at-pager [aria-disabled]") is not None
    back = follow(root, again, "Newer")
    assert names(back) == names(first)
    assert names(follow(root, back, "Newer"))[0] == "new2"
    assert "q=n" in str(one(back, ".at-pager a[href*=before]")["href"])


def test_htmx_refreshes_the_list_and_the_download_link(
    app: Flask, root: Visitor
) -> None:
    note(app, 60)
    found = ask(root, "?q=n5&event=generated", htmx=True)
    assert found.headers["Apitokens-Fragment"] == "1"
    assert text_of(found, "#at-actions a") == "Download CSV"
    href = str(one(found, "#at-actions[hx-swap-oob=innerHTML] a")["href"])
    assert href == f"{A}audit.csv?q=n5&event=generated"
    assert len(names(found)) == 11
    announced = one(found, "[data-apitokens-announce]")["data-apitokens-announce"]
    assert announced == "11 events found"
    more = ask(root, "", htmx=True)
    announced = one(more, "[data-apitokens-announce]")["data-apitokens-announce"]
    assert announced == "More than 50 events found"
    link = one(more, ".at-pager a")
    paged = root.client.get(str(link["hx-get"]), headers={"HX-Request": "true"})
    assert "data-apitokens-focus" in one(paged, "caption").attrs
    announced = one(paged, "[data-apitokens-announce]")["data-apitokens-announce"]
    assert announced == "Events of 21 Nov 2026, 09:14:02 to 21 Nov 2026, 09:14:02"
    nothing = ask(root, "?q=zzz", htmx=True)
    assert "No event matches “zzz”" in nothing.text
    assert one(nothing, ".at-empty a")["href"] == f"{A}audit"


def test_empty_log_says_so(root: Visitor) -> None:
    assert "No events yet" in ask(root).text


def test_search_for_a_whole_token_keeps_only_its_id(app: Flask, root: Visitor) -> None:
    ada = hosts.create_user(app, "ada@acme.example")
    token_id, plaintext = bearing.generate(app, ada, name="found")
    page = ask(root, f"?q={plaintext}&event=generated")
    assert page.status_code == 302
    assert page.location == f"{A}audit?q={token_id}&event=generated"
    found = ask(root, f"?q={plaintext}", htmx=True)
    assert names(found)[0].startswith("found")
    assert plaintext[18:] not in found.text


def test_events_of_another_account_are_never_shown(app: Flask, root: Visitor) -> None:
    note(app, token_name="ours")
    note(app, 60, token_name="theirs{}", account_id="other.example")
    note(app, token_name="no account", account_id="")
    for query in ("", "?q=theirs", "?before=999", "?after=1", "?from=2026-01-01"):
        assert {*names(ask(root, query))} <= {"ours"}, query
        assert "theirs" not in root.client.get(f"{A}audit.csv{query}").text
    theirs = sign_in(app, "root@other.example")
    assert len(names(ask(theirs))) == 50
    assert "ours" not in names(ask(theirs))


def test_only_administrators_see_the_log(app: Flask, root: Visitor) -> None:
    note(app)
    for email in ("ada@acme.example", "eve@other.example"):
        someone = sign_in(app, email)
        for path in ("audit", "audit.csv"):
            refused = someone.client.get(A + path)
            assert refused.status_code == 403
            assert "n0" not in refused.text
    anonymous = app.test_client()
    for path in ("audit", "audit.csv"):
        turned_away = anonymous.get(A + path)
        assert turned_away.status_code == 302
        assert turned_away.location.startswith("/login")
        asked = anonymous.get(A + path, headers={"HX-Request": "true"})
        assert asked.status_code == 401
    bearer = bearing.generate(app, root.user)[1]
    with_token = {"Authorization": f"Bearer {bearer}"}
    assert anonymous.get(f"{A}audit.csv", headers=with_token).status_code == 302


def test_log_accepts_no_post(root: Visitor) -> None:
    for path in ("audit", "audit.csv"):
        for method in ("POST", "PUT", "PATCH", "DELETE"):
            answer = root.client.open(A + path, method=method)
            assert answer.status_code == 405, (method, path)


def test_hostile_name_is_escaped(app: Flask, root: Visitor) -> None:
    note(
        app,
        token_name=HOSTILE,
        token_id="0123456789ab",
        actor_label=HOSTILE,
        subject_label=HOSTILE,
        subject_id="7",
        detail={"reason": HOSTILE, "old_name": HOSTILE},
        action="renamed",
    )
    note(app, token_name="{0}", action="<b>odd</b>", detail={"reason": HOSTILE})
    page = ask(root, "?q=img")
    assert soup(page).select("img, [onerror], #at-list b") == []
    assert visible_text(soup(page).select("tbody bdi")[0]) == HOSTILE
    assert one(ask(root), "tbody tr:first-child .at-chip").get_text() == "<b>odd</b>"


def test_page_takes_a_fixed_number_of_statements(app: Flask, root: Visitor) -> None:
    ada = hosts.create_user(app, "ada@acme.example")
    story(app, ada, root.user)
    note(app, 100)
    with app.app_context():
        engine = hosts.host_of(app).db.engine
    sent: list[str] = []
    sql_event.listen(
        engine, "before_cursor_execute", lambda *args: sent.append(args[2])
    )
    for query in ("", "?q=a&event=ended&from=2026-01-01", "?after=3", "?before=90"):
        sent.clear()
        assert ask(root, query).status_code == 200
        assert len(sent) <= 5, sent


def test_retention_hides_old_events_at_once(make_app: MakeApp) -> None:
    app = build(make_app, APITOKENS_AUDIT_RETENTION_DAYS=30)
    root = sign_in(app, "root@acme.example")
    now = datetime.now(UTC)
    note(app, token_name="fresh", at=now - timedelta(days=29))
    note(app, token_name="gone", at=now - timedelta(days=31))
    assert names(ask(root)) == ["fresh"]
    assert "gone" not in root.client.get(f"{A}audit.csv").text


# -- the file ------------------------------------------------------------------


def lines_of(response: TestResponse) -> list[dict[str, str]]:
    """The file as a spreadsheet reads it."""
    assert response.status_code == 200, response.text
    return list(csv.DictReader(io.StringIO(response.text, newline="")))


def test_csv_file_has_every_column(app: Flask, root: Visitor) -> None:
    note(
        app,
        action="renamed",
        token_id="0123456789ab",
        token_name="Über, „so“",
        service="tmy",
        subject_label="ada@acme.example",
        subject_id="1",
        ip="203.0.113.7",
        detail={"old_name": "ä\nb"},
    )
    answer = root.client.get(f"{A}audit.csv")
    assert answer.content_type == "text/csv; charset=utf-8"
    today = datetime.now(UTC).date()
    named = f'attachment; filename="audit-log-{today}.csv"'
    assert answer.headers["Content-Disposition"] == named
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.text.startswith(
        "time,person,action,token_id,token_name,service,subject,ip,detail\r\n"
    )
    [line] = lines_of(answer)
    assert list(line.values()) == [
        *("2026-11-21T09:14:02Z", "ada@acme.example", "renamed", "0123456789ab"),
        *("Über, „so“", "tmy", "ada@acme.example", "203.0.113.7"),
        '{"old_name": "ä\\nb"}',
    ]


def test_csv_file_follows_search_and_filters(app: Flask, root: Visitor) -> None:
    note(app, 12)
    note(app, token_name="n1 revoked", action="revoked")
    page = ask(root, "?q=n1&event=generated")
    href = str(one(page, "#at-actions a")["href"])
    told = [line["token_name"] for line in lines_of(root.client.get(href))]
    assert told == names(page) == ["n11", "n10", "n1"]
    assert lines_of(root.client.get(f"{A}audit.csv?q=zzz")) == []


@pytest.mark.parametrize("start", [*"=+-@＝＋－＠", "\t", "\r", "\n"])
def test_csv_file_has_no_formula(make_app: MakeApp, start: str) -> None:
    app = build(make_app)
    root = sign_in(app, "root@acme.example")
    evil = f"{start}HYPERLINK(1)"
    note(app, token_name=evil, actor_label=evil, subject_label=evil, service=evil)
    [line] = lines_of(root.client.get(f"{A}audit.csv"))
    cells = [line[name] for name in ("token_name", "person", "subject", "service")]
    assert cells == [f"'{evil}"] * 4
    note(app, token_name=f"a{evil}")
    assert lines_of(root.client.get(f"{A}audit.csv"))[0]["token_name"] == f"a{evil}"


def test_long_log_is_streamed(app: Flask, root: Visitor) -> None:
    for _ in range(10):
        note(app, 1000, token_name="a rather long name of a token {}")
    with app.app_context():
        engine = hosts.host_of(app).db.engine
    sent: list[str] = []
    sql_event.listen(
        engine, "before_cursor_execute", lambda *args: sent.append(args[2])
    )
    answer = root.client.get(f"{A}audit.csv", buffered=False)
    chunks = answer.iter_encoded()
    head = next(iter(chunks)).decode()
    assert head.count("\r\n") == 1001
    before = len(sent)
    assert before <= 3
    note(app, token_name="late")
    tracemalloc.start()
    size, lines = len(head), head.count("\r\n")
    for chunk in chunks:
        size += len(chunk)
        lines += chunk.count(b"\r\n")
        assert b"late" not in chunk
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert lines == 10_001
    assert len([s for s in sent[before:] if s.startswith("SELECT")]) == 10
    # Ten batches pass; about two are in memory at once.
    assert peak < 8_000_000 < size * 10, peak


# -- one token -----------------------------------------------------------------


def test_owner_sees_what_administrators_did_and_why(app: Flask, root: Visitor) -> None:
    ada = sign_in(app, "ada@acme.example")
    with app.app_context():
        ctx = bearing.context_of(app)
        boss = Actor("root@acme.example", str(root.user.id), "192.0.2.9")
        own = Actor("ada@acme.example", str(ada.user.id), "203.0.113.7")
        mine = ctx.session.get(ctx.models.user, ada.user.id)
        token, _ = tokens.generate(ctx, mine, name="Given", actor=boss)
        activation.deactivate(ctx, token, f"Leaked {HOSTILE}", actor=boss)
        token_id = token.id
        tokens.rename(ctx, token, "Mine", actor=own)
        ctx.session.commit()
    page = ada.without_script().get(token_id)
    renamed, *events = [
        visible_text(line) for line in soup(page).select("#at-table tbody tr")
    ]
    assert re.search(r"Deactivated Leaked .* root@acme\.example –$", events[0])
    assert re.search(r"Generated root@acme\.example –$", events[1])
    # From where others did it is nothing to the owner.
    assert "203.0.113.7" in renamed
    assert "192.0.2.9" not in page.text
    shown = root.without_script().client.get(f"{A}tokens/{token_id}").text
    assert "192.0.2.9" in shown
    assert "203.0.113.7" in shown
    assert "Why it was deactivated Leaked" in text_of(page, ".at-facts")
    assert text_of(page, ".at-crumbs a") == "API tokens"
    assert "Owner" not in text_of(page, ".at-facts")
    row = text_of(ada.get(), "tbody tr")
    assert "Deactivated" in row
    assert "Leaked" in row
    assert soup(page).select("img") == []
    tokens_page = root.client.get(f"{A}tokens/{token_id}")
    assert text_of(tokens_page, ".at-crumbs a") == "All tokens"
    assert one(tokens_page, ".at-crumbs a")["href"] == f"{A}tokens"
    assert "Owner ada@acme.example" in text_of(tokens_page, ".at-facts")
    activated = hosts.host_of(app)
    with app.app_context():
        ctx = bearing.context_of(app)
        activation.activate(ctx, tokens.find_token(ctx, token_id), actor=boss)
        activated.db.session.commit()
    page = ada.without_script().get(token_id)
    assert visible_text(soup(page).select("#at-table tbody tr")[0]).endswith(
        "Activated root@acme.example –"
    )
    assert "Why it was" not in text_of(page, ".at-facts")
    assert "Leaked" in text_of(page, "#at-table"), "the story stays"


def test_event_of_a_userless_token_has_no_owner(app: Flask, root: Visitor) -> None:
    token_id, _ = bearing.generate(app, None, account_id="acme.example")
    page = root.client.get(f"{A}tokens/{token_id}")
    assert "Owner Userless" in text_of(page, ".at-facts")
    tabs = [visible_text(link) for link in soup(page).select(".at-tabs a")]
    assert "Audit log" in tabs
    assert root.client.get(U + token_id).status_code == 404
