"""The usage history's pages: an account's, a service's, a token's, each of its own."""

from __future__ import annotations

import csv
import io
import re
import time
from dataclasses import replace
from datetime import UTC
from datetime import datetime
from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from werkzeug.test import TestResponse

from flask_apitokens.core.context import Context
from flask_apitokens.db import pagination
from flask_apitokens.usage import totals as usage_totals
from flask_apitokens.usage.totals import Window
from flask_apitokens.usage.totals import window_of
from tests import administration
from tests import bearing
from tests import hosts
from tests.administration import A
from tests.administration import administrator
from tests.calling import call
from tests.calling import note
from tests.calling import some
from tests.conftest import MakeApp
from tests.pages import U
from tests.pages import Visitor
from tests.pages import add_token
from tests.pages import one
from tests.pages import soup
from tests.pages import subscribe
from tests.pages import text_of
from tests.pages import visible_text
from tests.pages import visitor

GONE = "zzzzzzzzzzzz"
HOSTILE = '<img src=x onerror=alert(1)>"'


@pytest.fixture
def app(make_app: MakeApp) -> Flask:
    """A host of two accounts."""
    return administration.administered(make_app)


@pytest.fixture
def boss(app: Flask) -> Visitor:
    """The administrator of acme, without script."""
    return administrator(app).without_script()


@pytest.fixture
def ada(app: Flask) -> Any:
    """A user of acme."""
    return administration.create_user(app, "ada", name="Ada Lovelace")


def token_of(app: Flask, user: Any, name: str = "Deploy script") -> str:
    """A token of a user in the service tmy, used just now."""
    subscribe(app, user, "tmy")
    now = datetime.now(UTC)
    values: dict[str, Any] = {"service": "tmy", "scopes": ["read"], "last_used_at": now}
    return add_token(app, user, name, **values)


def call_with(token_id: str, user: Any, **values: Any) -> dict[str, Any]:
    """A call with a token of a user."""
    at = values.pop("at", datetime.now(UTC) - timedelta(minutes=1))
    mine = {"token_id": token_id, "owner_key": str(user.id) if user else ""}
    return call(at, **{"token_name": "Deploy script", **mine, **values})


def rows_of(response: TestResponse) -> list[list[str]]:
    """The cells of the calls."""
    rows = soup(response).select("#at-calls-table tbody tr")
    return [[visible_text(cell) for cell in row.select("td")] for row in rows]


def called(response: TestResponse) -> list[str]:
    """The paths of the calls that are listed."""
    lines = soup(response).select("#at-calls-table .at-call")
    return [visible_text(line).removeprefix("GET /api/") for line in lines]


def kpis(response: TestResponse) -> dict[str, str]:
    """The figures above the chart."""
    found = soup(response).select(".at-kpis > div")
    return {
        visible_text(kpi.dt): visible_text(kpi.dd) for kpi in found if kpi.dt and kpi.dd
    }


def choices(response: TestResponse, name: str) -> list[str]:
    """What a filter offers."""
    return [
        visible_text(option)
        for option in soup(response).select(f"#at-filter-{name} option")
    ]


def hrefs(response: TestResponse) -> dict[str, str]:
    """Where links lead, by their words."""
    return {
        visible_text(link): str(link["href"]) for link in soup(response).select("a")
    }


# -- an account's --------------------------------------------------------------


def at_half_past(ctx: Context) -> Window:
    """What is kept, from half past an hour on."""
    window = window_of(ctx)
    return replace(window, since=window.since.replace(minute=30))


def test_service_history_shows_figures_chart_and_calls(
    app: Flask, boss: Visitor, ada: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    with app.app_context():
        window = at_half_past(bearing.context_of(app))
    monkeypatch.setattr(usage_totals, "window_of", lambda _domain: window)
    deploy = token_of(app, ada)
    since = window.since
    for used in (since, since - timedelta(microseconds=1), None):
        values: dict[str, Any] = {"service": "tmy", "last_used_at": used}
        add_token(app, ada, f"Used {used}", scopes=["read"], **values)
    old = {"token_name": "Old laptop", "owner_key": "977"}
    note(
        app,
        call_with(deploy, ada, path="/api/1", rule="/api/<int:n>"),
        call_with(deploy, ada, status=403, code="insufficient_scope", ip=None),
        call_with(deploy, ada, status=429, user_agent=None),
        call_with(GONE, None, status=503, duration=5004, **old),
        call_with(GONE, None, status=599, token_name="Dashboard"),
        call_with(deploy, ada, service="timeseries", path="/api/elsewhere"),
        call_with(deploy, ada, account_id="other", path="/api/elsewhere"),
    )

    shown = boss.get("services/tmy/usage")
    tab = one(shown, ".at-tabs[aria-label='TMY data'] [aria-current=page]")
    assert visible_text(tab) == "Usage history"
    assert kpis(shown) == {
        "Calls, 7 days": "5",
        "Succeeded": "20.0% 1",
        "Rejected": "2",
        "Failed": "2",
        "Tokens in use": "2 of 4",
    }
    cells = {row[2]: row for row in rows_of(shown)}
    assert set(cells) == {
        *("200 OK", "403 Forbidden insufficient_scope", "429 Too many calls"),
        *("503 Unavailable", "599"),
    }
    found = cells["200 OK"]
    assert found[1] == "GET /api/1 /api/<int:n> 192.0.2.7 · curl/8.5.0"
    assert (found[3], found[4]) == ("Deploy script ada@acme.example", "12 ms")
    assert cells["503 Unavailable"][3] == f"Old laptop {GONE} Deleted Former user"
    assert cells["503 Unavailable"][4] == "5,004 ms"
    assert cells["599"][3] == f"Dashboard {GONE} Deleted Userless"
    assert hrefs(shown)["Deploy script"] == f"{A}tokens/{deploy}"
    assert text_of(shown, ".at-card__foot .at-num") == "1–5 of 5"
    assert "Kept for 7 days. Times are UTC." in shown.text

    chart = one(shown, ".at-chart svg[role=group]")
    assert "Calls: 5. Succeeded: 1. Rejected: 2. Failed: 2." in visible_text(chart)
    assert re.search(r"^Calls per day, \d+ \w+ \d{4} to", text_of(shown, "#at-chart-t"))
    days = soup(shown).select("#at-days tbody tr")
    assert len(days) == 8
    assert visible_text(days[0]).partition(" from ")[2][2:5] == ":30"
    assert sum(int(visible_text(day).split()[-1]) for day in days) == 5


def test_filters_select_calls_but_not_the_figures(
    make_app: MakeApp, database_url: str
) -> None:
    app = administration.administered(make_app, database_url)
    boss = administrator(app).without_script()
    ada = administration.create_user(app, "ada")
    eve = administration.create_user(app, "eve")
    deploy, hers = token_of(app, ada), token_of(app, eve, "Notebook")
    today = datetime.now(UTC) - timedelta(minutes=1)
    before = today - timedelta(days=2)
    note(
        app,
        call_with(deploy, ada, path="/api/1", at=today),
        call_with(deploy, ada, path="/api/2", status=500, at=before),
        call_with(hers, eve, path="/api/3", status=404, service="timeseries", at=today),
        call_with(GONE, None, path="/api/4", service=""),
    )

    for query, paths in {
        "": "1 3 4 2",
        f"?user={ada.id}": "1 2",
        "?user=-": "4",
        "?user=977": "",
        f"?token={hers}": "3",
        f"?token={GONE}": "4",
        f"?token={deploy}&user={eve.id}": "",
        f"?day={before.date()}": "2",
        f"?day={today.date()}&result=rejected": "3",
        "?result=failed": "2",
        "?service=timeseries": "3",
        "?service=-": "4",
        "?service=nonsense&day=yesterday&result=9&token=x&from=-1": "1 3 4 2",
        "?before=x&after=9999999999999999999-1&day=2026-13-01": "1 3 4 2",
        "?before=0-1": "",
        f"?user=%00&token={HOSTILE}": "1 3 4 2",
    }.items():
        shown = boss.get(f"usage{query}")
        assert sorted(called(shown)) == sorted(paths.split()), query
        assert kpis(shown)["Calls, 7 days"] == "4"
        file = boss.client.get(hrefs(shown)["Download CSV"])
        listed = [*csv.DictReader(io.StringIO(file.text))]
        if "before" not in query:
            assert len(listed) == len(paths.split()), query

    chosen = boss.get(f"usage?user={ada.id}&token={hers}&day={before.date()}")
    selected = soup(chosen).select("select option[selected]")
    assert [visible_text(option) for option in selected][2:4] == [
        *("ada@acme.example", "Notebook, eve@acme.example")
    ]
    assert "No call matches" in chosen.text
    assert hrefs(chosen)["Show all calls"] == f"{A}usage"
    assert choices(chosen, "user") == [
        *("All users", "Userless", "ada@acme.example", "eve@acme.example")
    ]
    assert choices(chosen, "token") == [
        "All tokens",
        *("Deploy script, ada@acme.example", "Notebook, eve@acme.example"),
        f"{GONE} (deleted)",
    ]
    assert choices(chosen, "service") == [
        *("All services", "TMY data", "Time series", "No service")
    ]
    assert choices(chosen, "day")[:2] == ["Last 7 days", "Today"]
    assert len(choices(chosen, "day")) == 9


@pytest.mark.parametrize("user_key", ["int", "uuid", "str"])
def test_recorded_call_is_shown(make_app: MakeApp, user_key: str) -> None:
    options: dict[str, Any] = {"user_key": user_key, "APITOKENS_USAGE": "sync"}
    app = administration.administered(make_app, **options)
    boss = administrator(app).without_script()
    ada = administration.create_user(app, "ada")
    subscribe(app, ada, "tmy")
    values: dict[str, Any]
    values = {"service": "tmy", "scopes": ["read"], "name": "Deploy script"}
    token_id, plaintext = bearing.generate(app, ada, **values)
    bearer = {"Authorization": f"Bearer {plaintext}"}
    assert (
        app.test_client().get("/api/tmy?key=secret", headers=bearer).status_code == 200
    )
    subscribe(app, ada, "tmy", active=False)
    assert app.test_client().get("/api/tmy", headers=bearer).status_code == 403

    shown = boss.get(f"services/tmy/usage?user={ada.id}&token={token_id}")
    assert [row[2] for row in rows_of(shown)] == [
        *("403 Forbidden service_inactive", "200 OK")
    ]
    assert {row[3] for row in rows_of(shown)} == {"Deploy script ada@acme.example"}
    assert kpis(shown)["Tokens in use"] == "1 of 1"
    assert "secret" not in visible_text(one(shown, "#at-list"))
    file = boss.get(f"usage.csv?user={ada.id}").text
    rows = [*csv.DictReader(io.StringIO(file))]
    assert {row["owner"] for row in rows} == {"ada@acme.example"}
    assert {row["owner_id"] for row in rows} == {str(ada.id)}

    # USE-13: its history stays, by the name it had.
    assert boss.post(f"tokens/{token_id}/delete", confirm="1").status_code == 303
    shown = boss.get(f"usage?token={token_id}")
    said = f"Deploy script {token_id} Deleted ada@acme.example · TMY data"
    assert {row[3] for row in rows_of(shown)} == {said}
    chosen = "Deploy script (deleted), ada@acme.example"
    assert choices(shown, "token") == ["All tokens", chosen]


def test_page_links_work_with_and_without_htmx(
    app: Flask, boss: Visitor, ada: Any
) -> None:
    deploy = token_of(app, ada)
    mine: dict[str, Any] = {"token_id": deploy, "owner_key": str(ada.id)}
    note(app, *some(60, **mine), *some(60, **mine, service="", status=500))

    first = boss.get("services/tmy/usage?result=succeeded")
    assert called(first) == [str(n) for n in range(50)]
    assert text_of(first, ".at-card__foot .at-num") == "1–50 of 60"
    assert "Previous" not in hrefs(first)
    address = hrefs(first)["Next"]
    assert "result=succeeded" in address
    second = boss.client.get(address)
    assert called(second) == [str(n) for n in range(50, 60)]
    assert text_of(second, ".at-card__foot .at-num") == "51–60 of 60"
    assert "Next" not in hrefs(second)
    assert called(boss.client.get(hrefs(second)["Previous"])) == called(first)

    control = soup(first).select(".at-pager a[hx-get]")[0]
    swapped = boss.client.get(str(control["hx-get"]), headers={"HX-Request": "true"})
    assert swapped.headers["Apitokens-Fragment"] == "1"
    assert called(swapped) == called(second)
    said = one(swapped, "[data-apitokens-announce]")["data-apitokens-announce"]
    assert said == "Calls 51 to 60 of 60"
    assert one(swapped, "caption").has_attr("data-apitokens-focus")
    link = one(swapped, "#at-actions[hx-swap-oob] a")
    assert link["href"] == f"{A}services/tmy/usage.csv?result=succeeded"
    filtered = boss.client.get(
        f"{A}usage?result=failed", headers={"HX-Request": "true"}
    )
    said = one(filtered, "[data-apitokens-announce]")["data-apitokens-announce"]
    assert said == "60 calls found"


def test_csv_file_has_every_column_and_no_formula(
    app: Flask, boss: Visitor, ada: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pagination, "BATCH_SIZE", 2)
    deploy = token_of(app, ada)
    newest = call_with(
        *(deploy, ada),
        path="/api/last",
        token_name='=HYPERLINK("x")',
        user_agent="@SUM(1)",
        status=429,
        code="rate_limited",
    )
    note(app, newest, *[call_with(GONE, None, ip=None, service="") for _n in range(4)])

    file = boss.get("usage.csv")
    assert file.headers["Cache-Control"] == "no-store"
    assert file.headers["Content-Type"] == "text/csv; charset=utf-8"
    name = f'"usage-{datetime.now(UTC):%Y-%m-%d}.csv"'
    assert file.headers["Content-Disposition"] == f"attachment; filename={name}"
    rows = [*csv.DictReader(io.StringIO(file.text))]
    assert len(rows) == 5
    [row] = [row for row in rows if row["path"] == "/api/last"]
    assert row.pop("time").startswith(newest["at"].strftime("%Y-%m-%dT%H:%M:%S."))
    assert row == {
        "method": "GET",
        "path": "/api/last",
        "rule": "/api/tmy",
        "status": "429",
        "result": "rejected",
        "code": "rate_limited",
        "duration_ms": "12",
        "token_id": deploy,
        "token_name": '\'=HYPERLINK("x")',
        "owner_id": str(ada.id),
        "owner": "ada@acme.example",
        "service": "tmy",
        "ip": "192.0.2.7",
        "user_agent": "'@SUM(1)",
    }
    of_service = boss.get("services/tmy/usage.csv")
    assert "usage-tmy-" in of_service.headers["Content-Disposition"]
    assert len(of_service.text.splitlines()) == 2
    empty = boss.get("usage.csv?result=failed").text
    assert empty.splitlines() == [file.text.splitlines()[0]]


def test_no_connection_is_held_while_a_client_reads_slowly(
    app: Flask, boss: Visitor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pagination, "BATCH_SIZE", 2)
    note(app, *some(5))
    with app.app_context():
        pool: Any = hosts.host_of(app).db.engine.pool
    held = []
    with boss.client.get(f"{A}usage.csv") as file:
        for _lines in file.iter_encoded():
            held.append(pool.checkedout())
    assert held == [0, 0, 0]


def test_history_shows_only_the_administrators_account(
    app: Flask, boss: Visitor, ada: Any
) -> None:
    deploy = token_of(app, ada)
    note(app, call_with(deploy, ada))
    root = administrator(app, "root", "other").without_script()
    shown = root.get("usage")
    assert "No calls in the last 7 days" in shown.text
    assert kpis(shown)["Succeeded"] == "– 0"
    assert not soup(shown).select("svg[role=group], #at-list")
    for query in (f"?token={deploy}", f"?user={ada.id}"):
        assert deploy not in root.get(f"usage.csv{query}").text
        assert not called(root.get(f"usage{query}"))
    for path in (f"tokens/{deploy}/usage", f"tokens/{deploy}/usage.csv"):
        assert root.get(path).status_code == 404
    for path in ("services/none/usage", "services/none/usage.csv", "tokens/x/usage"):
        assert boss.get(path).status_code == 404
    user = visitor(app, ada).without_script()
    for path in ("usage", "usage.csv", "services/tmy/usage", "services/tmy/usage.csv"):
        assert user.client.get(A + path).status_code == 403
        assert app.test_client().get(A + path).status_code == 302


def test_filters_name_nothing_of_another_account(
    app: Flask, boss: Visitor, ada: Any
) -> None:
    deploy, gone = token_of(app, ada), token_of(app, ada, "Notebook")
    assert boss.post(f"tokens/{gone}/delete", confirm="1").status_code == 303
    root = administrator(app, "root", "other").without_script()
    note(app, call_with(GONE, None, account_id="other"))
    for asked in (deploy, gone):
        shown = root.get(f"usage?token={asked}&user={ada.id}")
        assert set(choices(shown, "token")) == {
            *("All tokens", f"{asked} (deleted)", f"{GONE} (deleted)")
        }
        assert choices(shown, "user") == ["All users", "Userless", "Former user"]


def test_typed_text_is_escaped(app: Flask, boss: Visitor) -> None:
    hostile = dict.fromkeys(("path", "rule", "user_agent", "token_name"), HOSTILE)
    note(app, call_with(GONE, None, **hostile, method="<b>", code="<i>"))
    shown = boss.get("usage")
    assert not soup(shown).select("img, b, #at-list i")
    assert HOSTILE in visible_text(one(shown, "#at-calls-table"))


def test_long_filter_is_cut_and_says_so(app: Flask, boss: Visitor, ada: Any) -> None:
    deploy = token_of(app, ada)
    at = datetime.now(UTC) - timedelta(days=1, hours=3)
    many = [call_with(f"{n:012}", None) for n in range(105)]
    note(app, call_with(deploy, ada, at=at), *many)

    shown = boss.get("usage")
    # Those used last, and the one that is chosen.
    assert len(choices(shown, "token")) == 1 + 100
    assert (
        "The filters offer only the tokens and users of the latest calls." in shown.text
    )
    assert "Deploy script, ada@acme.example" not in choices(shown, "token")
    chosen = boss.get(f"usage?token={deploy}")
    assert len(choices(chosen, "token")) == 1 + 101
    assert "Deploy script" in choices(chosen, "token")
    assert len(called(chosen)) == 1


def test_page_takes_a_fixed_number_of_statements(
    app: Flask, boss: Visitor, ada: Any
) -> None:
    deploy = token_of(app, ada)
    mine: dict[str, Any] = {"token_id": deploy, "owner_key": str(ada.id)}
    note(app, *some(60, **mine), call_with(GONE, None))
    boss.get("usage")  # a process's first page looks whether a pepper is missing
    for path in (
        f"services/tmy/usage?token={deploy}&user={ada.id}",
        f"usage?token={GONE}&day={datetime.now(UTC).date()}",
        f"tokens/{deploy}?result=succeeded",
    ):
        with administration.counting(app) as told:
            boss.get(path)
        assert len(told) <= 20, told
    with administration.counting(app) as told:
        boss.client.get(f"{A}usage?result=failed", headers={"HX-Request": "true"})
    assert len(told) <= 8, told


def test_pages_link_to_the_history(app: Flask, boss: Visitor, ada: Any) -> None:
    deploy = token_of(app, ada)
    assert hrefs(boss.get("services"))["Usage history"] == f"{A}usage"
    user = boss.get(f"services/tmy/users/{ada.id}")
    links = [str(link["href"]) for link in soup(user).select("a")]
    assert f"{A}services/tmy/usage?user={ada.id}" in links
    token = boss.get(f"tokens/{deploy}")
    links = [str(link["href"]) for link in soup(token).select("a")]
    assert f"{A}usage?token={deploy}" in links


# -- a token's -----------------------------------------------------------------


def test_owner_sees_the_calls_of_their_token(app: Flask, ada: Any) -> None:
    deploy, other = token_of(app, ada), token_of(app, ada, "Other")
    mine: dict[str, Any] = {"token_id": deploy, "owner_key": str(ada.id)}
    note(app, *some(60, **mine), call_with(other, ada, path="/api/other"))
    me = visitor(app, ada).without_script()

    shown = me.get(deploy)
    assert list(kpis(shown)) == ["Calls, 7 days", "Succeeded", "Rejected", "Failed"]
    assert kpis(shown)["Succeeded"] == "100% 60"
    assert rows_of(shown)[0][1] == "GET /api/0 /api/tmy 192.0.2.7 · curl/8.5.0"
    assert len(rows_of(shown)[0]) == 4
    assert [str(s["name"]) for s in soup(shown).select("select")] == ["day", "result"]
    assert called(shown) == [str(n) for n in range(10)]
    second = me.client.get(hrefs(shown)["Next"])
    assert called(second) == [str(n) for n in range(10, 20)]
    assert text_of(second, ".at-card__foot .at-num") == "11–20 of 60"
    failed = me.get(f"{deploy}?result=failed")
    assert hrefs(failed)["Show all calls"] == f"{U}{deploy}"
    file = me.client.get(hrefs(second)["Download CSV"])
    rows = [*csv.DictReader(io.StringIO(file.text))]
    assert len(rows) == 60
    assert {(row["token_id"], row["owner"]) for row in rows} == {
        (deploy, "ada@acme.example")
    }
    assert f"usage-{deploy}-" in file.headers["Content-Disposition"]

    swapped = visitor(app, ada).get(f"{deploy}/usage?result=rejected")
    assert "No call matches" in swapped.text
    plain = me.get(f"{deploy}/usage?result=rejected&token_id=x&_external=1")
    assert plain.location == f"{U}{deploy}?result=rejected"

    eve = visitor(app, administration.create_user(app, "eve")).without_script()
    for path in (deploy, f"{deploy}/usage", f"{deploy}/usage.csv"):
        assert eve.get(path).status_code == 404


def test_administrator_sees_the_calls_on_the_token_page(
    app: Flask, boss: Visitor, ada: Any
) -> None:
    deploy = token_of(app, ada)
    note(app, call_with(deploy, ada), call_with(GONE, None))
    shown = boss.get(f"tokens/{deploy}")
    assert len(rows_of(shown)) == 1
    link = hrefs(shown)["Download CSV"]
    assert link == f"{A}tokens/{deploy}/usage.csv"
    assert "ada@acme.example" in boss.client.get(link).text
    assert called(boss.get(f"tokens/{GONE}")) == []


@pytest.mark.parametrize("act", ["revoke", "delete", "deactivate", "many"])
def test_questions_show_the_number_of_recent_calls(
    app: Flask, boss: Visitor, ada: Any, act: str
) -> None:
    deploy = token_of(app, ada)
    late = datetime.now(UTC) - timedelta(days=7, minutes=1)
    note(app, *some(1234, token_id=deploy), call_with(deploy, ada, at=late))
    if act == "many":
        asked = boss.get(f"tokens/deactivate?id={deploy}")
        assert "Calls in 7 days: 1,234" in visible_text(soup(asked))
        return
    asked = boss.get(f"tokens/{deploy}/{act}")
    facts = visible_text(one(asked, "#at-dlg-d .at-facts"))
    assert facts.startswith(f"Token ID {deploy} Last used")
    assert facts.endswith("Calls in 7 days 1,234")


def test_history_answers_404_if_calls_are_not_recorded(make_app: MakeApp) -> None:
    app = administration.administered(make_app, APITOKENS_USAGE="off")
    ada = administration.create_user(app, "ada")
    subscribe(app, ada, "tmy")
    deploy = add_token(app, ada, service="tmy", scopes=["read"])
    note(app, call_with(deploy, ada))
    boss = administrator(app).without_script()
    me = visitor(app, ada).without_script()

    pages = [
        *(boss.get(path) for path in ("services", "services/tmy", f"tokens/{deploy}")),
        *(boss.get(f"services/tmy/users/{ada.id}"), boss.get("tokens")),
        *(boss.get(f"tokens/{deploy}/{act}") for act in ("deactivate", "revoke")),
        *(boss.get("services/tmy/users"), me.get(deploy), me.get()),
        boss.post("services/tmy/users", row=ada.id, was=ada.id),
    ]
    for shown in pages:
        assert shown.status_code == 200
        text = visible_text(soup(shown))
        for word in ("Usage history", "Calls", "Never", "never", "Unused"):
            assert word not in text, (word, text)
    for path in ("usage", "usage.csv", "services/tmy/usage", f"tokens/{deploy}/usage"):
        assert boss.get(path).status_code == 404
    assert me.get(f"{deploy}/usage.csv").status_code == 404


def test_history_does_not_depend_on_the_time_zone(
    app: Flask, boss: Visitor, ada: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    midnight = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    deploy = token_of(app, ada)
    note(app, call_with(deploy, ada, at=midnight - timedelta(microseconds=1)))
    yesterday = (midnight - timedelta(days=1)).date()
    for zone in ("Pacific/Kiritimati", "America/Los_Angeles"):
        with monkeypatch.context() as patch:
            patch.setenv("TZ", zone)
            time.tzset()
            assert len(called(boss.get(f"usage?day={yesterday}"))) == 1
            assert "23:59:59" in rows_of(boss.get("usage"))[0][0]
            assert not called(boss.get(f"usage?day={midnight.date()}"))
    time.tzset()
