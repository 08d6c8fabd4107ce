"""A token stopped for a while, and let work again; who is told of it, and when."""

from __future__ import annotations

from typing import Any

import pytest
from flask import Flask

from flask_apitokens import Actor
from flask_apitokens import Notice
from flask_apitokens import signals
from flask_apitokens.core.actor import SYSTEM
from flask_apitokens.core.context import Context
from flask_apitokens.db.models import REASON_LENGTH
from flask_apitokens.domain import activation
from flask_apitokens.domain import tokens
from flask_apitokens.errors import Conflict
from flask_apitokens.errors import InvalidReason
from flask_apitokens.errors import LimitReached
from flask_apitokens.errors import NameTaken
from flask_apitokens.errors import TokenNotFound
from tests import administration
from tests import bearing
from tests.administration import ACME
from tests.administration import BOSS
from tests.conftest import MakeApp


@pytest.fixture
def heard() -> list[Notice]:
    """What the host was given to tell."""
    return []


@pytest.fixture
def app(make_app: MakeApp, database_url: str, heard: list[Notice]) -> Flask:
    """A host that lets a user have three tokens, on each database."""
    plugin = {"on_notice": heard.append}
    return administration.administered(
        make_app, database_url, plugin=plugin, APITOKENS_MAX_PER_OWNER=3
    )


@pytest.fixture
def ada(app: Flask) -> Any:
    """A user."""
    return administration.create_user(app, "ada")


def own(user: Any) -> Actor:
    """The user as an actor."""
    return Actor(user.email, str(user.id))


@pytest.mark.parametrize(
    "reason",
    ["", "   ", "\n\t\r\n", "a\0b", "a\x1bb", "\ud800", "x" * (REASON_LENGTH + 1)],
)
def test_deactivation_needs_a_reason_of_text(
    reason: str, ctx: Context, ada: Any
) -> None:
    token = bearing.make(ctx, ada)
    with pytest.raises(InvalidReason) as refused:
        activation.deactivate(ctx, token, reason, actor=BOSS)
    assert refused.value.field == "reason"
    ctx.session.commit()
    assert token.deactivated_at is None
    assert bearing.actions(ctx, token.id) == ["generated"]


def test_second_deactivation_keeps_the_first_reason(
    app: Flask, ctx: Context, ada: Any
) -> None:
    told: list[tuple[str, Any]] = []

    def stopped(sender: Flask, reason: str, **values: Any) -> None:
        assert sender is app
        told.append((values["token"].id, (reason, values["actor"])))

    def started(sender: Flask, **values: Any) -> None:
        told.append((values["token"].id, values["actor"]))

    token = bearing.make(ctx, ada)
    with (
        signals.token_deactivated.connected_to(stopped, app),
        signals.token_activated.connected_to(started, app),
    ):
        activation.activate(ctx, token, actor=BOSS)
        activation.deactivate(ctx, token, " Leaked\r\nin a log  ", actor=BOSS)
        ctx.session.commit()
        since = token.deactivated_at
        assert since is not None
        activation.deactivate(ctx, token, "Another", actor=BOSS)
        ctx.session.commit()
        assert token.deactivated_reason == "Leaked\nin a log"
        assert token.deactivated_at == since
        activation.activate(ctx, token, actor=BOSS)
        activation.activate(ctx, token, actor=BOSS)
        ctx.session.commit()
    ctx.session.expire_all()
    model = ctx.models.Token
    still = model.deactivated_at.is_not(None) | model.deactivated_reason.is_not(None)
    assert ctx.session.query(model).filter(still).count() == 0
    assert told == [(token.id, ("Leaked\nin a log", BOSS)), (token.id, BOSS)]
    events = ctx.session.query(ctx.models.Event).filter_by(token_id=token.id)
    rows = events.order_by(ctx.models.Event.id).all()
    assert [row.action for row in rows] == ["generated", "deactivated", "activated"]
    stop = rows[1]
    assert stop.detail is not None
    assert stop.detail["reason"] == "Leaked\nin a log"
    assert (stop.actor_label, stop.account_id) == (BOSS.label, ACME)
    assert stop.ip == BOSS.ip


def test_revoked_or_deleted_token_cannot_be_deactivated_or_activated(
    ctx: Context, ada: Any
) -> None:
    token = bearing.make(ctx, ada)
    activation.deactivate(ctx, token, "Leaked", actor=BOSS)
    tokens.revoke(ctx, token, actor=BOSS)
    ctx.session.commit()
    with pytest.raises(Conflict):
        activation.deactivate(ctx, token, "Again", actor=BOSS)
    with pytest.raises(Conflict):
        activation.activate(ctx, token, actor=BOSS)
    ctx.session.rollback()
    assert token.deactivated_reason == "Leaked"
    other = bearing.make(ctx, ada, "other")
    model = ctx.models.Token
    ctx.session.query(model).filter_by(id=other.id).delete(synchronize_session=False)
    with pytest.raises(TokenNotFound):
        activation.deactivate(ctx, other, "Leaked", actor=BOSS)


def test_signal_to_the_owner_is_sent_after_the_commit(
    ctx: Context, ada: Any, heard: list[Notice]
) -> None:
    token = bearing.make(ctx, ada, "CI", actor=own(ada))
    activation.deactivate(ctx, token, "Leaked", actor=BOSS)
    assert heard == []
    ctx.session.commit()
    [notice] = heard
    assert notice.kind == "token_deactivated"
    assert (notice.user.id, notice.account_id) == (ada.id, ACME)
    assert (notice.reason, notice.actor) == ("Leaked", BOSS.label)
    assert "CI" in notice.text
    assert BOSS.label in notice.text
    activation.activate(ctx, token, actor=BOSS)
    tokens.revoke(ctx, token, actor=BOSS)
    ctx.session.commit()
    assert [n.kind for n in heard[1:]] == ["token_activated", "token_revoked"]
    ctx.session.commit()
    assert len(heard) == 3


def test_rolled_back_deactivation_sends_no_signal(
    ctx: Context, ada: Any, heard: list[Notice]
) -> None:
    token = bearing.make(ctx, ada, actor=own(ada))
    activation.deactivate(ctx, token, "Leaked", actor=BOSS)
    ctx.session.rollback()
    ctx.session.commit()
    assert heard == []
    activation.deactivate(ctx, token, "Really", actor=BOSS)
    ctx.session.commit()
    assert [notice.reason for notice in heard] == ["Really"]


def test_deactivation_of_an_own_or_userless_token_sends_no_signal(
    ctx: Context, ada: Any, heard: list[Notice]
) -> None:
    nobodys = bearing.make(ctx, None, account_id=ACME)
    mine = bearing.make(ctx, ada, actor=own(ada))
    activation.deactivate(ctx, nobodys, "Leaked", actor=BOSS)
    activation.deactivate(ctx, mine, "Leaked", actor=own(ada))
    activation.activate(ctx, mine, actor=SYSTEM)
    ctx.session.commit()
    assert heard == []


def test_deactivated_token_keeps_its_name_and_counts_to_the_limit(
    ctx: Context, ada: Any
) -> None:
    """A later activation must break neither the unique name nor the limit."""
    token = bearing.make(ctx, ada, "CI")
    activation.deactivate(ctx, token, "Leaked", actor=BOSS)
    ctx.session.commit()
    with pytest.raises(NameTaken):
        bearing.make(ctx, ada, "CI")
    ctx.session.rollback()
    bearing.make(ctx, ada, "two")
    bearing.make(ctx, ada, "three")
    with pytest.raises(LimitReached):
        bearing.make(ctx, ada, "four")
    ctx.session.rollback()
    tokens.revoke(ctx, token, actor=BOSS)
    ctx.session.commit()
    bearing.make(ctx, ada, "CI")
