"""Several requests for access, approved or declined at once, on each database."""

from __future__ import annotations

from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select
from werkzeug.test import TestResponse

from flask_apitokens import Notice
from flask_apitokens.db.models import Subscription
from flask_apitokens.domain import access_requests
from tests import administration
from tests import bearing
from tests import hosts
from tests.administration import ACME
from tests.administration import BOSS
from tests.administration import OTHER
from tests.conftest import MakeApp
from tests.pages import Visitor
from tests.pages import one
from tests.pages import soup
from tests.pages import text_of
from tests.pages import visible_text

ANSWER = "requests/answer"


@pytest.fixture
def app(make_app: MakeApp, database_url: str, heard: list[Notice]) -> Flask:
    """A host of two accounts, on each database."""
    told: Any = {"on_notice": heard.append}
    return administration.administered(make_app, database_url, plugin=told)


def ask(app: Flask, local: str, account: str = ACME, slug: str = "tmy") -> int:
    """A new user's request; its number."""
    user = administration.create_user(app, local, account, name=local.title())
    host = hosts.host_of(app)
    with app.app_context():
        mine = host.db.session.get_one(host.user_model, user.id)
        row = access_requests.request(
            bearing.context_of(app), mine, slug, reason="", actor=BOSS
        )
        host.db.session.commit()
        return row.id


def decisions(app: Flask) -> dict[int, tuple[str | None, str | None, bool]]:
    """What was decided on each request, why, and whether the service is on."""
    with app.app_context():
        ctx = bearing.context_of(app)
        model: type[Subscription] = ctx.models.Subscription
        rows = ctx.session.scalars(select(model)).all()
        return {r.id: (r.decision, r.decision_reason, bool(r.active)) for r in rows}


def events(app: Flask, action: str) -> int:
    """How often the audit log has an event of requests."""
    with app.app_context():
        ctx = bearing.context_of(app)
        return ctx.session.query(ctx.models.Event).filter_by(action=action).count()


def said(boss: Visitor, answer: TestResponse) -> str:
    """What the notification says, also after a redirect."""
    if not boss.htmx and answer.status_code == 303:
        answer = boss.client.get(answer.headers["Location"])
    toasts = ".at-toast" if boss.htmx else "[role=status].at-note"
    return visible_text(one(answer, toasts))


def test_check_boxes_come_with_the_second_request(app: Flask, boss: Visitor) -> None:
    first = ask(app, "ann")
    assert not soup(boss.get("requests")).select("[data-apitokens-select], #at-bulk")
    second = ask(app, "ben")
    shown = soup(boss.get("requests"))
    boxes = shown.select("input[data-apitokens-select]")
    assert [box["value"] for box in boxes] == [str(first), str(second)]
    assert {box["form"] for box in boxes} == {"at-bulk"}
    [bar] = shown.select("form#at-bulk")
    assert [b["value"] for b in bar.select("button")] == ["decline", "approve"]
    assert str(bar["action"]).endswith(ANSWER)


def test_selected_requests_are_approved_each_with_its_event_and_notice(
    app: Flask, boss: Visitor, heard: list[Notice]
) -> None:
    ids = [ask(app, name) for name in ("ann", "ben", "cem")]
    heard.clear()
    answer = boss.post(ANSWER, do="approve", id=ids[:2])
    assert "2 requests approved" in said(boss, answer)
    yes, waits = ("approved", None, True), (None, None, False)
    assert decisions(app) == {ids[0]: yes, ids[1]: yes, ids[2]: waits}
    assert len(heard) == 2
    assert events(app, "access-approved") == 2


def test_selected_requests_are_declined_after_a_question_for_one_reason(
    app: Flask, boss: Visitor, heard: list[Notice]
) -> None:
    ids = [ask(app, name) for name in ("ann", "ben")]
    heard.clear()
    question = boss.post(ANSWER, do="decline", id=ids)
    heading = text_of(question, "h1" if not boss.htmx else "h2")
    assert heading == "Decline 2 requests?"
    assert "Ann" in question.text
    hidden = [str(e["value"]) for e in soup(question).select("input[name=id]")]
    assert hidden == [str(number) for number in ids]
    assert not heard
    sent: Any = {"do": "decline", "id": hidden, "confirm": "1"}
    long = boss.post(ANSWER, reason="x" * 501, **sent)
    assert long.status_code == 422
    assert decisions(app)[ids[0]][0] is None
    answer = boss.post(ANSWER, reason="Not now", **sent)
    assert "2 requests declined" in said(boss, answer)
    assert set(decisions(app).values()) == {("declined", "Not now", False)}
    assert len(heard) == 2


def test_request_answered_meanwhile_is_told_and_the_rest_is_done(
    app: Flask, boss: Visitor
) -> None:
    ids = [ask(app, name) for name in ("ann", "ben", "cem")]
    boss.post(f"requests/{ids[0]}", do="decline", confirm="1")
    answer = boss.post(ANSWER, do="approve", id=ids)
    text = said(boss, answer)
    assert "2 requests approved" in text
    assert "1 request had changed meanwhile." in text
    assert decisions(app)[ids[0]][0] == "declined"
    again = boss.post(ANSWER, do="approve", id=ids)
    assert again.status_code == 409


def test_forged_and_foreign_numbers_are_ignored_or_not_found(
    app: Flask, boss: Visitor
) -> None:
    mine, foreign = ask(app, "ann"), ask(app, "eve", OTHER)
    odd = ["x", "-1", "0", "9" * 30, "²", "1\0", str(2**63), str(foreign)]
    for do in ("approve", "decline"):
        assert boss.post(ANSWER, do=do, id=odd, confirm="1").status_code == 404
        assert boss.post(ANSWER, do=do).status_code in {400, 422}
        many = [str(n) for n in range(10_000, 10_501)]
        assert boss.post(ANSWER, do=do, id=many).status_code in {400, 422}
    assert boss.post(ANSWER, do="other", id=[mine]).status_code == 400
    assert "1 request approved" in said(
        boss, boss.post(ANSWER, do="approve", id=[*odd, str(mine)])
    )
    assert decisions(app)[foreign] == (None, None, False)
