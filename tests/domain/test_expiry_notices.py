"""notices.py and ``notices send``: near ends, and notices that are sent once."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from dataclasses import replace
from datetime import UTC
from datetime import datetime
from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select

from flask_apitokens import Notice
from flask_apitokens import signals
from flask_apitokens.domain import expiry as token_expiry
from flask_apitokens.domain import expiry_notices
from flask_apitokens.domain import rotation
from flask_apitokens.domain import token_counts
from flask_apitokens.domain import token_list
from flask_apitokens.domain import token_status
from flask_apitokens.domain import tokens
from flask_apitokens.domain.token_list import ListQuery
from tests import administration
from tests import bearing
from tests import hosts
from tests.bearing import ACTOR
from tests.commandline import run
from tests.conftest import MakeApp
from tests.domain.test_concurrency import ROOMY
from tests.domain.test_concurrency import session_of
from tests.pages import add_token

DAY = timedelta(days=1)
TICK = timedelta(microseconds=1)


@dataclass(frozen=True)
class Told:
    """A notice, as it was handed over."""

    user: str
    token: str
    text: str


@pytest.fixture
def app(make_app: MakeApp, database_url: str, told: list[Told]) -> Flask:
    """A host on each database in turn."""

    def tell(notice: Notice) -> None:
        assert notice.kind == "token_expiring"
        assert notice.token is not None
        who = notice.user.email if notice.user else "administrators"
        if "broken" in notice.token.name:
            raise ValueError("no such address")
        told.append(Told(who, notice.token.name, notice.text))

    return make_app(database_url, plugin={"on_notice": tell}, **ROOMY)


def add(app: Flask, user: Any, name: str, *, age: Any, left: Any, **more: Any) -> str:
    """A token that was generated so long ago and has so long to go, in days."""
    now = datetime.now(UTC)
    span = {"created_at": now - age * DAY, "expires_at": now + left * DAY}
    return add_token(app, user, name, **span, **more)


def send(app: Flask, code: int = 0) -> dict[str, int]:
    """Run the command."""
    result = run(app, "notices", "send", "--json", code=code)
    counted: dict[str, int] = json.loads(result.stdout)
    return counted


# -- when an end is near -------------------------------------------------------


def test_expiring_soon_means_the_same_in_chip_filter_figures_and_status(
    app: Flask, user: Any
) -> None:
    """Chip, filter, figures and status: to the microsecond."""
    with app.app_context():
        now = datetime.now(UTC)
        ctx = replace(bearing.context_of(app), now=lambda: now)
        cases = {
            # age, time left, whether its end is near
            "a week, new": (0 * DAY, 7 * DAY, False),
            "a week, last day": (6 * DAY, DAY, True),
            "a week, a moment before": (6 * DAY - TICK, DAY + TICK, False),
            "a day": (DAY / 2, DAY / 2, False),
            "ten days, seventh": (7 * DAY - TICK, 3 * DAY + TICK, False),
            "ten days, eighth": (7 * DAY, 3 * DAY, True),
            "a year": (358 * DAY, 7 * DAY, True),
            "a year, a moment before": (358 * DAY, 7 * DAY + TICK, False),
            "a year, its last moment": (365 * DAY, TICK, True),
        }
        for name, (age, left, _near) in cases.items():
            token = bearing.make(ctx, user, name, expires_at=now + left)
            token.created_at = now - age
        bearing.make(ctx, user, "for ever")
        ctx.session.commit()
        near = {name for name, case in cases.items() if case[2]}
        every = tokens.all_of(ctx, user)
        assert {t.name for t in every if token_expiry.ends_soon(ctx, t)} == near
        in_sql = token_status.statuses_of(ctx, every)
        assert {t.name for t in every if in_sql[t.id] == "expiring"} == near
        assert set(in_sql.values()) == {"expiring", "active"}
        for status in ("expiring", "active"):
            query = ListQuery(status=status)
            found = token_list.page_of(ctx, user, query).items
            expected = near if status == "expiring" else {t.name for t in every} - near
            assert {t.name for t in found} == expected
        among = token_list.owned_by(ctx, user)
        assert token_counts.count_list(ctx, among).expiring == len(near)
        assert token_counts.count_account(ctx, "").expiring == len(near)
        # What the dialog promises is what happens.
        for life, days in {1: 0, 2: 1, 7: 1, 8: 1, 10: 3, 14: 7, 365: 7}.items():
            assert token_expiry.days_of_warning(ctx, life) == days


# -- sending -------------------------------------------------------------------


def test_each_notice_is_sent_once_and_only_the_nearest_one(
    app: Flask, user: Any, told: list[Told]
) -> None:
    heard: list[tuple[str, int]] = []

    def hear(_app: object, *, token: Any, days: int, notice: Notice, **_: Any) -> None:
        assert notice.token is token is not None
        heard.append((token.name, days))

    signals.notice_due.connect(hear, sender=app)
    month = add(app, user, "month", age=300, left=29.5)
    add(app, user, "week", age=300, left=6.5)
    add(app, user, "day", age=300, left=0.5)
    add(app, user, "later", age=300, left=31)
    add(app, user, "new", age=0, left=7)
    assert send(app) == {"sent": 3, "failed": 0}
    assert sorted(heard) == [("day", 1), ("month", 30), ("week", 7)]
    assert {t.token: t.user for t in told} == dict.fromkeys(
        ("month", "week", "day"), user.email
    )
    [text] = [t.text for t in told if t.token == "week"]  # noqa: S105
    assert text.startswith("Your token “week” expires on ")
    assert send(app) == {"sent": 0, "failed": 0}
    heard.clear()
    # The command did not run for three weeks: it sends one notice only.
    bearing.change(app, month, expires_at=datetime.now(UTC) + 0.9 * DAY)
    assert send(app) == {"sent": 1, "failed": 0}
    assert heard == [("month", 1)]
    assert send(app)["sent"] == 0


def test_notice_is_not_sent_for_tokens_that_need_none(
    app: Flask, user: Any, other_user: Any, told: list[Told]
) -> None:
    now = datetime.now(UTC)
    old = {"age": 100, "left": 5}
    add(app, user, "revoked", **old, revoked_at=now)
    add(app, user, "stopped", **old, deactivated_at=now, deactivated_reason="Leaked")
    add(app, user, "expired", age=100, left=-1)
    rotated = add(app, user, "rotated", **old)
    add(app, other_user, "theirs", **old)
    bearing.change_user(app, other_user, is_active=False)
    userless, _ = administration.generate_userless(app, name="machine")
    span = {"created_at": now - 99 * DAY, "expires_at": now + 5 * DAY}
    bearing.change(app, userless, **span)
    with app.app_context():
        ctx = bearing.context_of(app)
        token = tokens.find_token(ctx, rotated)
        rotation.rotate(ctx, token, grace=7, actor=ACTOR)
        ctx.session.commit()
    assert send(app) == {"sent": 1, "failed": 0}
    assert [(t.user, t.token) for t in told] == [("administrators", "machine")]
    # Back again, they are told after all.
    bearing.change_user(app, other_user, is_active=True)
    assert send(app)["sent"] == 1


def test_notice_is_sent_again_after_a_failed_receiver(
    app: Flask, user: Any, told: list[Told]
) -> None:
    add(app, user, "broken", age=100, left=5)
    add(app, user, "sound", age=100, left=5)
    assert send(app, code=1) == {"sent": 1, "failed": 1}

    def fail(_app: object, **_values: object) -> None:
        raise RuntimeError("a receiver of the host's")

    with signals.notice_due.connected_to(fail, sender=app):
        assert send(app, code=1) == {"sent": 0, "failed": 1}
    result = run(app, "notices", "send", code=1)
    assert "1 could not be sent" in result.stderr
    broken = administration.column(app, "Token", "id", noticed_days=None)
    run(app, "token", "rename", *broken, "mended")
    assert send(app) == {"sent": 1, "failed": 0}
    assert [t.token for t in told] == ["sound", "mended"]


def test_command_without_receivers_says_that_notices_are_logged(
    make_app: MakeApp, sqlite_url: str
) -> None:
    """A notice that was only logged counts as sent."""
    app = make_app(sqlite_url)
    user = hosts.create_user(app, "ada@example.com")
    add(app, user, "first", age=100, left=5)
    result = run(app, "notices", "send")
    assert "Sent 1 notice.\n" in result.stderr
    assert "to the log alone, at the level INFO" in result.stderr
    add(app, user, "second", age=100, left=5)
    with signals.notice_due.connected_to(lambda _app, **_values: None, sender=app):
        result = run(app, "notices", "send")
    assert "log" not in result.stderr
    assert "log" not in run(app, "notices", "send").stderr


def test_two_processes_send_each_notice_once(
    app: Flask, user: Any, told: list[Told]
) -> None:
    for number in range(6):
        add(app, user, f"t{number}", age=100, left=5)
    barrier = threading.Barrier(2)

    def process(_number: int) -> int:
        with session_of(app, user) as (ctx, _user):
            ids = list(expiry_notices.due(ctx))
            barrier.wait(20)
            mine = 0
            for token_id in ids:
                mine += expiry_notices.claim(ctx, token_id) is not None
                ctx.session.commit()
            return mine

    with ThreadPoolExecutor(2) as pool:
        assert sum(pool.map(process, range(2))) == 6
    assert administration.column(app, "Token", "noticed_days") == [7] * 6
    assert send(app)["sent"] == 0


def test_notice_days_are_configured_by_the_host(make_app: MakeApp) -> None:
    kinds: list[Any] = []
    plugin: dict[str, Callable[..., Any]] = {"on_notice": kinds.append}
    app = make_app(plugin=plugin, APITOKENS_EXPIRY_NOTICE_DAYS=())
    user = hosts.create_user(app, "ada@example.com")
    token = add(app, user, "x", age=100, left=0.5)
    assert send(app) == {"sent": 0, "failed": 0}
    app = make_app(
        plugin=plugin, create_tables=False, APITOKENS_EXPIRY_NOTICE_DAYS=[2, 90]
    )
    assert send(app) == {"sent": 1, "failed": 0}
    bearing.change(app, token, noticed_days=None, created_at=datetime.now(UTC))
    assert send(app) == {"sent": 0, "failed": 0}


def test_notices_beyond_one_batch_are_sent(
    make_app: MakeApp, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = make_app(plugin={"on_notice": lambda notice: None})
    user = hosts.create_user(app, "ada@example.com")
    monkeypatch.setattr(expiry_notices, "_AT_ONCE", 2)
    for number in range(4):
        add(app, user, f"t{number}", age=100, left=5)
    assert send(app)["sent"] == 4
    with app.app_context():
        ctx = bearing.context_of(app)
        model = ctx.models.Token
        assert set(ctx.session.scalars(select(model.noticed_days))) == {7}
