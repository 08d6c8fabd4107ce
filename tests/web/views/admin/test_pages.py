"""The administrators' pages: who gets in, what each answers, how little it asks."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC
from datetime import datetime
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy.exc import OperationalError

from flask_apitokens.web import access
from tests import administration
from tests import bearing
from tests import hosts
from tests.administration import ACME
from tests.administration import OTHER
from tests.administration import A
from tests.bearing import bearer
from tests.calling import note
from tests.calling import some
from tests.conftest import MakeApp
from tests.pages import HTMX
from tests.pages import U
from tests.pages import Visitor
from tests.pages import one
from tests.pages import soup
from tests.pages import text_of
from tests.pages import visible_text

PAGES = [
    "services",
    "services/tmy",
    "services/tmy/users",
    "services/tmy/users/{user}",
    "services/tmy/users/{user}/new",
    "services/tmy/userless",
    "services/tmy/userless/new",
    "tokens",
    "tokens/{token}",
    "tokens.csv",
    "tokens/{token}/deactivate",
    "tokens/{token}/revoke",
    "tokens/{token}/delete",
    "tokens/deactivate?id={token}",
    "services/tmy/switch",
    "services/tmy/users/{user}/{token}/rename",
    "services/tmy/userless/{userless}/delete",
]
#: what changes something, and the form that does it
CHANGES: dict[str, dict[str, str]] = {
    "services/tmy/switch": {"active": "0", "confirm": "1"},
    "services/timeseries/switch": {"active": "1"},
    "services/tmy/users": {"row": "{idle}", "active": "{idle}"},
    "services/tmy/users?state=": {"row": "{user}", "was": "{user}", "confirm": "1"},
    "services/tmy/users/{user}/tokens": {"kind": "api", "expiry": "never"},
    "services/tmy/users/{user}/{token}/rename": {"name": "New"},
    "services/tmy/users/{user}/{token}/revoke": {},
    "services/tmy/users/{user}/{token}/delete": {},
    "services/tmy/users/{user}/revoke": {"id": "{token}", "confirm": "1"},
    "services/tmy/userless": {"kind": "api", "expiry": "never"},
    "services/tmy/userless/{userless}/rename": {"name": "New"},
    "services/tmy/userless/{userless}/revoke": {},
    "services/tmy/userless/{userless}/delete": {},
    "services/tmy/userless/revoke": {"id": "{userless}", "confirm": "1"},
    "tokens/{token}/deactivate": {"reason": "Leaked"},
    "tokens/{stopped}/activate": {},
    "tokens/{token}/revoke": {},
    "tokens/{token}/delete": {},
    "tokens/deactivate": {"id": "{token}", "confirm": "1", "reason": "Leaked"},
}


class Scene:
    """Two accounts, and in the first a user, tokens of all kinds, an administrator."""

    def __init__(self, app: Flask) -> None:
        self.app = app
        self.boss = administration.administrator(app)
        self.ada = administration.create_user(app, "ada", name="Ada")
        self.idle = administration.create_user(app, "idle")
        self.eve = administration.create_user(app, "eve", OTHER)
        bearing.subscribe(app, self.ada, "tmy", "timeseries")
        bearing.subscribe(app, self.eve, "tmy")
        tmy: dict[str, Any] = {"service": "tmy", "scopes": ["read"]}
        self.token, self.plaintext = bearing.generate(app, self.ada, name="CI", **tmy)
        self.stopped, _ = bearing.generate(app, self.ada, name="Old", **tmy)
        administration.deactivate(app, self.stopped)
        self.userless, _ = administration.generate_userless(app, name="Box", **tmy)
        self.foreign, _ = bearing.generate(app, self.eve, name="Eve's", **tmy)
        self.foreign_userless, _ = administration.generate_userless(
            app, OTHER, name="Eve's box", **tmy
        )
        bearing.switch_service(app, "timeseries", active=False, account=ACME)

    def fill(self, text: str) -> str:
        """*text* with the keys in it."""
        return text.format(
            user=self.ada.id,
            idle=self.idle.id,
            token=self.token,
            stopped=self.stopped,
            userless=self.userless,
        )

    def stored(self) -> Any:
        """All that an administrator could change."""
        names = {
            "Token": ("id", "name", "revoked_at", "deactivated_at"),
            "Subscription": ("user_id", "service", "active"),
            "ServiceSetting": ("account_id", "service", "active"),
            "Event": ("action", "token_id"),
        }
        app = self.app
        return [
            administration.column(app, model, name)
            for model, columns in names.items()
            for name in columns
        ]


@pytest.fixture
def app(make_app: MakeApp) -> Flask:
    """A host of two accounts, on SQLite."""
    return administration.administered(make_app)


@pytest.fixture
def scene(app: Flask) -> Scene:
    """Return two accounts with users and tokens."""
    return Scene(app)


def every_way(scene: Scene, client: FlaskClient) -> list[Any]:
    """The answers to every page and every change, with and without htmx."""
    answers = []
    for headers in ({}, HTMX):
        for path in PAGES:
            answers.append(client.get(A + scene.fill(path), headers=headers))
        token = hosts.csrf_token(client)
        for path, fields in CHANGES.items():
            data = {name: scene.fill(text) for name, text in fields.items()}
            data["csrf_token"] = token
            url = A + scene.fill(path)
            answers.append(client.post(url, data=data, headers=headers))
    return answers


# -- who gets in ---------------------------------------------------------------


def test_user_who_is_no_administrator_gets_403(app: Flask, scene: Scene) -> None:
    before = scene.stored()
    client = app.test_client()
    hosts.login(client, scene.ada)
    for response in every_way(scene, client):
        assert response.status_code == 403, response.request.url
        assert "CI" not in response.text
    assert scene.stored() == before


def test_signed_out_user_is_redirected_to_log_in(app: Flask, scene: Scene) -> None:
    before = scene.stored()
    for response in every_way(scene, app.test_client()):
        if "HX-Request" in response.request.headers:
            assert response.status_code == 401
            assert response.headers["Apitokens-Fragment"] == "1"
        else:
            assert response.status_code == 302
            assert response.headers["Location"].startswith("/login")
        assert "CI" not in response.text
    assert scene.stored() == before


def test_without_is_admin_no_user_is_an_administrator(make_app: MakeApp) -> None:
    app = make_app(plugin={"account_of": hosts.user_model_of().account})
    scene = Scene(app)
    assert {r.status_code for r in every_way(scene, scene.boss.client)} == {403}


@pytest.mark.parametrize("fails", [True, False])
def test_is_admin_is_called_at_each_request(make_app: MakeApp, fails: bool) -> None:
    failing: list[bool] = []

    def is_admin(user: Any) -> bool:
        if failing:
            raise RuntimeError("the host's")
        return bool(user.is_admin)

    scene = Scene(administration.administered(make_app, plugin={"is_admin": is_admin}))
    assert scene.boss.get("services").status_code == 200
    if fails:
        failing.append(True)
    else:
        bearing.change_user(scene.app, scene.boss.user, is_admin=False)
    before = scene.stored()
    assert {r.status_code for r in every_way(scene, scene.boss.client)} == {403}
    assert scene.stored() == before


def test_token_and_login_disabled_do_not_open_the_pages(
    app: Flask, scene: Scene
) -> None:
    """A token of an administrator's is theirs to call the API with, no more."""
    bearing.subscribe(app, scene.boss.user, "tmy")
    _, plaintext = bearing.generate(app, scene.boss.user)
    app.config["LOGIN_DISABLED"] = True
    client = app.test_client()
    client.environ_base["HTTP_AUTHORIZATION"] = bearer(plaintext)["Authorization"]
    before = scene.stored()
    assert {r.status_code for r in every_way(scene, client)} == {302, 401}
    assert scene.stored() == before


def test_log_in_link_does_not_carry_the_search(app: Flask, scene: Scene) -> None:
    """Neither from a control of the page whose address has it."""
    here = f"http://localhost{A}tokens?q={scene.plaintext}"
    response = app.test_client().get(
        f"{A}tokens", headers={**HTMX, "HX-Current-URL": here}
    )
    assert response.status_code == 401
    assert scene.plaintext not in response.text
    assert "%2Fadmin%2Fapi%2Ftokens" in response.text or f"{A}tokens" in response.text


# -- forgery -------------------------------------------------------------------


@pytest.mark.parametrize("csrf_protect", [False, True])
def test_post_without_csrf_token_changes_nothing(
    make_app: MakeApp, csrf_protect: bool
) -> None:
    app = administration.administered(make_app, csrf_protect=csrf_protect)
    scene = Scene(app)
    before = scene.stored()
    for headers in ({}, HTMX):
        for path, fields in CHANGES.items():
            data = {name: scene.fill(text) for name, text in fields.items()}
            for forged in ({}, {"csrf_token": "forged"}):
                response = scene.boss.client.post(
                    A + scene.fill(path), data={**data, **forged}, headers=headers
                )
                assert response.status_code == 400, path
    assert scene.stored() == before


def test_cross_site_post_is_refused(scene: Scene) -> None:
    before, client = scene.stored(), scene.boss.client
    token = hosts.csrf_token(client)
    for path, fields in CHANGES.items():
        data = {name: scene.fill(text) for name, text in fields.items()}
        response = client.post(
            A + scene.fill(path),
            data={**data, "csrf_token": token},
            headers={"Sec-Fetch-Site": "cross-site"},
        )
        assert response.status_code == 403
    assert scene.stored() == before


def test_each_post_of_the_list_changes_something(
    make_app: MakeApp, tmp_path: Any
) -> None:
    """Else the tests above would prove nothing."""
    for number, (path, fields) in enumerate(CHANGES.items()):
        url = f"sqlite:///{tmp_path}/changes{number}.sqlite"
        scene = Scene(administration.administered(make_app, url))
        before = scene.stored()
        data = {name: scene.fill(text) for name, text in fields.items()}
        if "expiry" in fields:
            response = administration.generate_in(
                scene.boss,
                scene.fill(path.removesuffix("/tokens") + "/new"),
                scene.fill(path),
            )
            assert response.status_code == 201, path
        else:
            response = scene.boss.post(scene.fill(path), **data)
            assert response.status_code == 200, (path, response.text)
        assert scene.stored() != before, path


# -- tenancy -------------------------------------------------------------------


def test_address_of_another_account_answers_404(scene: Scene) -> None:
    """A 404, word for word that of what never was."""
    before = scene.stored()
    boss = scene.boss
    pairs = [
        ("services/tmy/users/{0}", scene.eve.id, 4711),
        ("services/tmy/users/{0}/new", scene.eve.id, 4711),
        ("services/tmy/users/{0}/tokens", scene.eve.id, 4711),
        ("tokens/{0}", scene.foreign, "0" * 12),
        *(
            (path, foreign, "0" * 12)
            for act in ("revoke", "delete", "rename", "deactivate", "activate")
            for path in (f"tokens/{{0}}/{act}",)
            for foreign in (scene.foreign, scene.foreign_userless)
        ),
        ("services/tmy/userless/{0}/revoke", scene.foreign_userless, "0" * 12),
        # Not of this list, though of the account.
        ("services/tmy/userless/{0}/delete", scene.token, "0" * 12),
        (f"services/tmy/users/{scene.idle.id}/{{0}}/revoke", scene.token, "0" * 12),
        (
            f"services/timeseries/users/{scene.ada.id}/{{0}}/revoke",
            scene.token,
            "0" * 12,
        ),
        ("services/{0}", "gone", "other"),
        ("services/{0}/users", "gone", "other"),
        ("services/{0}/userless", "gone", "other"),
        ("services/{0}/switch", "gone", "other"),
    ]
    for path, foreign, absent in pairs:
        for browser in (boss, boss.without_script()):
            for send in (
                browser.get,
                lambda at, b=browser: b.post(at, reason="x", confirm="1", active="0"),
            ):
                real, fake = send(path.format(foreign)), send(path.format(absent))
                assert real.status_code == fake.status_code, path
                assert real.status_code in {404, 405}, (path, real.status_code)
                assert "Eve" not in real.text
    response = boss.post("services/tmy/users", row=scene.eve.id, active=scene.eve.id)
    assert response.status_code == 409
    for many in ("tokens/revoke", "tokens/deactivate"):
        response = boss.post(many, id=scene.foreign, confirm="1", reason="x")
        assert response.status_code == 404
    assert scene.stored() == before
    for path in PAGES:
        assert "eve@" not in boss.get(scene.fill(path)).text
    assert "Eve" not in boss.get("tokens?q=eve").text.replace("“eve”", "")


def test_action_without_a_button_answers_404(scene: Scene) -> None:
    """Among everybody's tokens one is stopped, not renamed, nor generated."""
    before = scene.stored()
    for path in ("tokens/{token}/rename", "tokens/revoke", "tokens/new"):
        address = scene.fill(path)
        fields = {"name": "New", "id": scene.token, "confirm": "1"}
        for boss in (scene.boss, scene.boss.without_script()):
            assert boss.get(address).status_code == 404, path
            assert boss.post(address, **fields).status_code == 404, path
    assert scene.stored() == before


@pytest.mark.parametrize("account", [None, ""])
def test_user_without_an_account_administers_nothing(
    make_app: MakeApp, account: str | None
) -> None:
    """Least of all the others who have none: they have nothing in common."""
    app = administration.administered(make_app)
    lone = administration.create_user(app, "lone", account=ACME)
    bearing.generate(app, lone, name="Theirs")
    bearing.change_user(app, lone, account=None)
    boss = administration.administrator(app)
    assert boss.get("services").status_code == 200
    bearing.change_user(app, boss.user, account=account)
    for path in ("", "services", "services/tmy/users", "tokens", "audit", "tokens.csv"):
        for browser in (boss, boss.without_script()):
            assert browser.get(path).status_code == 403, path
    page = boss.client.get(U)
    assert page.status_code == 200
    assert soup(page).select(f"a[href^='{A}']") == []
    # Where there are no accounts, everybody is of the only one.
    single = make_app(plugin={"is_admin": lambda user: user.is_admin})
    only = administration.administrator(single, account="")
    assert only.get("services").status_code == 200


def test_service_that_the_account_lacks_answers_404(make_app: MakeApp) -> None:
    plugin = {"services_for": lambda account: ["tmy"]}
    scene_app = administration.administered(make_app, plugin=plugin)
    boss = administration.administrator(scene_app)
    for path in ("", "/users", "/userless", "/switch"):
        assert boss.get(f"services/timeseries{path}").status_code == 404
    assert "Time series" not in boss.get("services").text
    response = boss.post("services/timeseries/switch", active="1")
    assert response.status_code == 404


# -- what each answers ---------------------------------------------------------


def test_each_address_answers_a_page_or_a_fragment(scene: Scene) -> None:
    whole_always = {"services", "services/tmy", "tokens/{token}"}
    for path in PAGES:
        address = scene.fill(path)
        page = scene.boss.without_script().get(address)
        assert page.status_code == 200, path
        if path.endswith(".csv"):
            assert scene.token in page.text
            continue
        assert page.text.lstrip().lower().startswith("<!doctype html>")
        assert "Apitokens-Fragment" not in page.headers
        assert page.headers["Cache-Control"] == "no-store"
        fragment = scene.boss.get(address)
        assert fragment.status_code == 200
        if path in whole_always:
            continue
        assert fragment.headers["Apitokens-Fragment"] == "1", path
        assert "<html" not in fragment.text


def test_services_page_shows_figures(scene: Scene) -> None:
    page = scene.boss.without_script().get("services")
    rows = [visible_text(row) for row in soup(page).select("tbody tr")]
    assert len(rows) == 2
    for part in ("TMY data", "Active", "1 of 3", "2", "1 user, 1 userless"):
        assert part in rows[0], rows[0]
    for part in ("Time series", "Off", "1 of 3", "0 user, 0 userless"):
        assert part in rows[1], rows[1]
    assert one(page, f"a[href='{A}services/tmy']")


def test_services_page_shows_calls(scene: Scene) -> None:
    # All at one moment: a second apart, most would be yesterday's after midnight.
    now = datetime.now(UTC)
    ours = [{**each, "at": now} for each in some(1200)]
    note(scene.app, *ours, *some(3, account_id=OTHER, service="timeseries"))
    page = soup(scene.boss.without_script().get("services"))
    calls = [visible_text(cell) for cell in page.select("[data-label='Calls, 7 days']")]
    assert calls == ["1,200", "0"]
    bars = page.select(".at-spark")[0].select("rect")
    assert [bar["height"] for bar in bars][-1] == "24.0"
    assert len(bars) == 8, "a bar a day, the first of which has begun before"


def test_services_page_shows_no_calls_if_none_are_recorded(make_app: MakeApp) -> None:
    app = administration.administered(make_app, APITOKENS_USAGE="off")
    page = administration.administrator(app).without_script().get("services")
    assert "Calls" not in page.text
    assert soup(page).select("tbody tr")


def test_service_is_turned_off_for_the_account_and_on_again(scene: Scene) -> None:
    def call() -> str:
        client = scene.app.test_client()
        response = client.get("/api/tmy", headers=bearer(scene.plaintext))
        return "200" if response.status_code == 200 else bearing.code(response)

    for browser in (scene.boss, scene.boss.without_script()):
        question = browser.post("services/tmy/switch", active="0")
        assert "2 tokens stop working at once" in question.text
        assert call() == "200"
        done = browser.post("services/tmy/switch", active="0", confirm="1")
        assert done.status_code == (200 if browser.htmx else 303)
        assert call() == "service_inactive"
        page = browser.without_script().get("services/tmy")
        assert "off for everybody" in page.text
        assert "Turn on for everybody" in page.text
        assert browser.post("services/tmy/switch", active="1").status_code in {200, 303}
        assert call() == "200"
    actions = administration.column(scene.app, "Event", "action", service="tmy")
    assert actions[-4:] == ["service-disabled", "service-enabled"] * 2


def test_each_tab_of_a_service_has_a_title_of_its_own(scene: Scene) -> None:
    browser = scene.boss.without_script()
    titles = [
        text_of(browser.get(f"services/tmy{tab}"), "title")
        for tab in ("", "/users", "/userless", "/usage")
    ]
    assert titles == [
        "General: TMY data",
        "Users and user tokens: TMY data",
        "Userless tokens: TMY data",
        "Usage history: TMY data",
    ]


def test_note_leads_to_the_switch_while_a_service_is_off(scene: Scene) -> None:
    browser = scene.boss.without_script()
    tabs = ["users", "userless", f"users/{scene.ada.id}"]
    pages = [f"services/tmy/{tab}" for tab in tabs]
    switch = f"{browser.base}services/tmy"
    for page in pages:
        assert "Go to the switch" not in browser.get(page).text
    bearing.switch_service(scene.app, "tmy", active=False, account=ACME)
    for page in pages:
        shown = soup(browser.get(page))
        [note] = shown.select(".at-note--warn:has(a)")
        assert visible_text(note).startswith("TMY data is off for everybody.")
        assert note.select("a")[0]["href"] == switch
    assert "Turn on for everybody" in browser.get("services/tmy").text


def test_heading_of_a_problem_page_is_the_problem(scene: Scene) -> None:
    answer = scene.boss.without_script().get("services/none")
    assert answer.status_code == 404
    assert text_of(answer, "h1") == text_of(answer, "title")
    assert text_of(answer, "h1") not in {"", "API tokens"}


def test_problem_page_leads_back_to_where_its_reader_may_go(scene: Scene) -> None:
    boss, back = scene.boss.without_script(), ".at a.at-btn:not(.at-btn--primary)"
    missing = boss.get("services/none")
    assert one(missing, back)["href"] == f"{A}services"
    own = boss.client.get(f"{U}nowhere/at/all")
    assert one(own, back)["href"] == U
    client = scene.app.test_client()
    hosts.login(client, scene.ada)
    refused = client.get(f"{A}services")
    assert refused.status_code == 403
    assert one(refused, back)["href"] == U


def test_problem_page_in_an_outage_does_not_ask_who_administers(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*args: object) -> None:
        raise OperationalError("SELECT 1", {}, Exception("down"))

    monkeypatch.setattr(access, "is_admin", fail)
    answer = scene.boss.without_script().get("services")
    assert answer.status_code == 503
    assert one(answer, ".at a.at-btn:not(.at-btn--primary)")["href"] == f"{A}services"


def test_save_bar_promises_no_token_while_the_service_is_off(scene: Scene) -> None:
    browser, page = scene.boss.without_script(), "services/tmy/users"
    promises = ["then generate a token", "Save to generate tokens"]
    shown = visible_text(one(browser.get(page), "#at-save-hint"))
    assert all(promise in shown for promise in promises)
    bearing.switch_service(scene.app, "tmy", active=False, account=ACME)
    for answer in (browser.get(page), scene.boss.get(page)):
        hint = visible_text(one(answer, "#at-save-hint"))
        assert not any(promise in hint for promise in promises)
        assert "no token can be generated" in hint


def test_start_redirects_to_the_services(scene: Scene) -> None:
    response = scene.boss.without_script().get("")
    assert response.status_code == 302
    assert response.headers["Location"] == f"{A}services"
    page = scene.boss.without_script().get("services/tmy/users")
    here = soup(page).select("[aria-current=page]")
    assert {visible_text(link).split(" 1")[0] for link in here} >= {
        "Users and user tokens"
    }


# -- how little is asked -------------------------------------------------------


@pytest.mark.parametrize(
    "path", ["services", "services/tmy/users", "services/tmy/userless", "tokens"]
)
def test_number_of_statements_does_not_grow_with_the_list(
    app: Flask, path: str
) -> None:
    boss = administration.administrator(app)
    boss.get("audit")  # a process's first page looks whether a pepper is missing
    numbers = []
    for more in (3, 57):
        for n in range(more):
            user = administration.create_user(app, f"user{more}x{n}")
            bearing.subscribe(app, user, "tmy")
            bearing.generate(app, user, service="tmy", scopes=["read"])
            administration.generate_userless(app, service="tmy", scopes=["read"])
        for browser in (boss, boss.without_script()):
            for query in ("", "?q=user&status=active&state=active"):
                with administration.counting(app) as told:
                    assert browser.get(path + query).status_code == 200
                numbers.append(len(told))
    assert max(numbers) < 20, numbers
    assert numbers[:4] == numbers[4:]


def test_administrator_sees_only_their_present_account(
    app: Flask, scene: Scene
) -> None:
    bearing.change_user(app, scene.boss.user, account=OTHER)
    page = replace(scene.boss, htmx=False).get("tokens")
    assert "Eve" in page.text
    assert "CI" not in text_of(page, "#at-list")
    assert isinstance(scene.boss, Visitor)
