"""rotation.py on each database: a successor, a grace, and what comes after it."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from sqlalchemy.exc import OperationalError

from flask_apitokens import Notice
from flask_apitokens import signals
from flask_apitokens.core.context import Context
from flask_apitokens.crypto import session_tokens
from flask_apitokens.db.models import Token
from flask_apitokens.domain import activation
from flask_apitokens.domain import rotation
from flask_apitokens.domain import tokens
from flask_apitokens.errors import AlreadyGenerated
from flask_apitokens.errors import Conflict
from flask_apitokens.errors import DomainError
from flask_apitokens.errors import InvalidExpiry
from flask_apitokens.errors import InvalidGrace
from flask_apitokens.errors import InvalidKind
from flask_apitokens.errors import LimitReached
from flask_apitokens.errors import NameTaken
from flask_apitokens.errors import ServiceUnavailable
from flask_apitokens.guard import late_use
from tests import administration
from tests import bearing
from tests import hosts
from tests.bearing import ACTOR
from tests.bearing import bearer
from tests.conftest import MakeApp
from tests.domain.test_concurrency import AT_ONCE
from tests.domain.test_concurrency import ROOMY
from tests.domain.test_concurrency import at_once
from tests.domain.test_concurrency import outcomes
from tests.domain.test_concurrency import session_of

DAY = timedelta(days=1)


@dataclass(frozen=True)
class Told:
    """A notice, as it was handed over: its session ends with the act."""

    kind: str
    user_id: Any
    token_id: str
    text: str


@pytest.fixture
def app(make_app: MakeApp, database_url: str, told: list[Told]) -> Flask:
    """A host on each database in turn."""

    def tell(notice: Notice) -> None:
        assert notice.token is not None
        told.append(Told(notice.kind, notice.user.id, notice.token.id, notice.text))

    return make_app(database_url, plugin={"on_notice": tell}, **ROOMY)


def rotated(ctx: Context, token: Token, **options: Any) -> tuple[Token, Token, str]:
    """A token, committed as rotated, its successor and the new plaintext."""
    successor, plaintext = bearing.revealed(
        rotation.rotate(ctx, token, actor=ACTOR, **options)
    )
    ctx.session.commit()
    return token, successor, plaintext


def answer(app: Flask, plaintext: str, path: str = "/api/ping") -> str:
    """What a guarded route says to a token."""
    response = app.test_client().get(path, headers=bearer(plaintext))
    ok = response.status_code == 200
    # Only when it is closed is the answer out.
    word = "ok" if ok else bearing.code(response)
    response.close()
    return word


def test_successor_copies_the_old_token_except_its_secret(
    app: Flask, ctx: Context, user: Any
) -> None:
    bearing.subscribe(app, user, "timeseries")
    heard: list[dict[str, Any]] = []

    def hear(_sender: object, **values: Any) -> None:
        heard.append(values)

    signals.token_rotated.connect(hear, sender=app)
    wish: dict[str, Any] = {
        "kind": "api",
        "service": "timeseries",
        "scopes": ["read", "write"],
    }
    token, first = bearing.revealed(
        tokens.generate(ctx, user, name="Deploy", actor=ACTOR, **wish)
    )
    ctx.session.commit()
    old, new, second = rotated(ctx, token, grace=7)
    for column in rotation.INHERITED:
        assert getattr(new, column) == getattr(old, column), column
    assert (old.successor_id, new.predecessor_id) == (new.id, old.id)
    assert (old.live_name, new.live_name is None) == (None, False)
    assert new.expires_at is None
    assert (new.created_by, new.shown_at) == (ACTOR.label, None)
    assert old.expires_at is not None
    assert old.expires_at - new.created_at == pytest.approx(7 * DAY, abs=DAY / 1440)
    path = "/api/ping"
    assert [answer(app, each, path) for each in (first, second)] == ["ok", "ok"]
    assert bearing.actions(ctx, old.id) == ["generated", "rotated"]
    assert bearing.actions(ctx, new.id) == ["generated"]
    [values] = heard
    assert (values["token"].id, values["successor"].id) == (old.id, new.id)
    assert (values["actor"], values["grace"]) == (ACTOR, 7)
    # Neither name blocks the other, nor the name of another token.
    with pytest.raises(NameTaken):
        tokens.generate(ctx, user, name="Deploy", actor=ACTOR)
    tokens.revoke(ctx, new, actor=ACTOR)
    tokens.generate(ctx, user, name="Deploy", actor=ACTOR)


def test_grace_period_never_exceeds_the_old_tokens_expiry(
    app: Flask, ctx: Context, user: Any
) -> None:
    soon = ctx.now() + timedelta(hours=5)
    token = bearing.make(ctx, user, expires_at=soon)
    old, new, _ = rotated(ctx, token, grace=7)
    assert old.expires_at == soon
    # It lives as long as the old one was to.
    assert new.expires_at is not None
    assert new.expires_at - new.created_at == pytest.approx(
        soon - old.created_at, abs=timedelta(seconds=5)
    )


def test_old_token_works_for_the_default_grace_and_stops_with_zero_grace(
    app: Flask, ctx: Context, user: Any
) -> None:
    token, first = bearing.revealed(tokens.generate(ctx, user, name="a", actor=ACTOR))
    old, new, second = rotated(ctx, token)
    assert old.revoked_at is None
    assert old.expires_at is not None
    assert old.expires_at - new.created_at == pytest.approx(DAY, abs=DAY / 1440)
    assert answer(app, first, "/api/plain") == "ok"
    _, _, third = rotated(ctx, new, grace=0)
    told = [answer(app, each, "/api/plain") for each in (first, second, third)]
    assert told == ["ok", "token_revoked", "ok"]


def test_rotated_revoked_deactivated_or_expired_token_is_not_rotated(
    make_app: MakeApp, app: Flask, ctx: Context, user: Any
) -> None:
    again = bearing.make(ctx, user, "again")
    rotated(ctx, again)
    revoked = tokens.revoke(ctx, bearing.make(ctx, user, "r"), actor=ACTOR)
    stopped = bearing.make(ctx, user, "d")
    activation.deactivate(ctx, stopped, "Leaked", actor=ACTOR)
    expired = bearing.make(ctx, user, "e", expires_at=ctx.now() + DAY)
    expired.expires_at = ctx.now()
    ctx.session.commit()
    for token in (again, revoked, stopped, expired):
        with pytest.raises(Conflict):
            rotation.rotate(ctx, token, actor=ACTOR)
        ctx.session.rollback()
    bearing.subscribe(app, user, "tmy")
    paused = bearing.make(ctx, user, "p", service="tmy", scopes=["read"])
    bearing.unsubscribe(app, user, "tmy")
    with pytest.raises(ServiceUnavailable):
        rotation.rotate(ctx, paused, actor=ACTOR)
    live = bearing.make(ctx, user, "live")
    with pytest.raises(InvalidGrace):
        rotation.rotate(ctx, live, grace=3, actor=ACTOR)
    with pytest.raises(InvalidExpiry):
        rotation.rotate(ctx, live, expires_at=ctx.now(), actor=ACTOR)
    ctx.session.rollback()
    assert live.successor_id is None
    assert live.live_name is not None


def test_tightened_expiry_policy_applies_to_successors(
    app: Flask, ctx: Context, user: Any
) -> None:
    forever = bearing.make(ctx, user, "forever")
    year = bearing.make(ctx, user, "year", expires_at=ctx.now() + 365 * DAY)
    access = bearing.make(
        ctx, user, "access", kind="access", expires_at=ctx.now() + 9 * DAY
    )
    strict = replace(ctx, settings=replace(ctx.settings, expiry_max=30, kinds=("api",)))
    for token in (forever, year):
        _, new, _ = rotated(strict, token)
        assert new.expires_at is not None
        life = new.expires_at - new.created_at
        assert life == pytest.approx(30 * DAY, abs=timedelta(seconds=5))
    with pytest.raises(InvalidKind):
        rotation.rotate(strict, access, actor=ACTOR)


def test_repeated_rotation_leaves_only_the_old_token_and_its_successor(
    ctx: Context, user: Any
) -> None:
    token = bearing.make(ctx, user)
    capped = replace(ctx, settings=replace(ctx.settings, max_per_owner=1))
    assert rotation.graces_for(capped, token) == (0,)
    # Two more could be in their grace: it is the chain that is refused.
    capped = replace(ctx, settings=replace(ctx.settings, max_per_owner=3))
    old, second, _ = rotated(capped, token, grace=7)
    with pytest.raises(LimitReached):
        rotation.rotate(capped, second, actor=ACTOR)
    ctx.session.rollback()
    # Without a grace there are no more of them afterwards: it may have leaked.
    _, third, _ = rotated(capped, second, grace=0)
    old.expires_at = ctx.now()
    rotated(capped, third, grace=7)


def test_tokens_in_their_grace_period_do_not_exceed_the_token_limit(
    ctx: Context, user: Any
) -> None:
    capped = replace(ctx, settings=replace(ctx.settings, max_per_owner=2))
    for number in range(2):
        token = bearing.make(capped, user, f"token {number}")
        _, successor, _ = rotated(capped, token, grace=7)
        # With its room free again, the next one could be rotated likewise.
        tokens.revoke(capped, successor, actor=ACTOR)
    token = bearing.make(capped, user, "one more")
    ctx.session.commit()
    with pytest.raises(LimitReached):
        rotation.rotate(capped, token, grace=7, actor=ACTOR)
    ctx.session.rollback()
    assert (token.successor_id, token.live_name is None) == (None, False)
    rotated(capped, token, grace=0)


def test_userless_token_is_rotated_and_one_of_a_moved_owner_is_not(
    make_app: MakeApp,
) -> None:
    app = administration.administered(make_app)
    owner = administration.create_user(app, "ada")
    with app.app_context():
        ctx = bearing.context_of(app)
        token = bearing.make(ctx, None, account_id="acme")
        _, new, _ = rotated(ctx, token, grace=0)
        assert (new.userless, new.account_id) == (True, "acme")
        theirs = bearing.make(ctx, owner)
        bearing.change_user(app, owner, account="other")
        ctx.session.expire_all()
        with pytest.raises(Conflict):
            rotation.rotate(ctx, theirs, actor=ACTOR)


# -- several at once -----------------------------------------------------------


def rotating(
    app: Flask, user: Any, token_id: str, form_key: str | None
) -> Callable[[Callable[[], object]], str]:
    """Host code that rotates a token; it answers the plaintext or what is wrong."""

    def work(meet: Callable[[], object]) -> str:
        with session_of(app, user) as (ctx, _owner):
            token = tokens.find_token(ctx, token_id)
            meet()
            try:
                _new, plaintext = bearing.revealed(
                    rotation.rotate(ctx, token, actor=ACTOR, form_key=form_key)
                )
            except DomainError as error:
                ctx.session.rollback()
                return error.reason
            ctx.session.commit()
            return plaintext

    return work


def test_one_of_many_concurrent_rotations_succeeds(app: Flask, user: Any) -> None:
    """CON-03, CON-06"""
    for owner, forms in ((user, False), (user, True), (None, False)):
        token_id, _ = bearing.generate(app, owner, name=f"x{forms}")
        form = "a form" if forms else None
        work = [rotating(app, user, token_id, form) for _ in range(AT_ONCE)]
        lost = "already_generated" if forms else "conflict"
        assert outcomes(at_once(work)) == {"made": 1, lost: AT_ONCE - 1}
        heirs = administration.column(app, "Token", "id", predecessor_id=token_id)
        [successor] = administration.column(app, "Token", "successor_id", id=token_id)
        assert heirs == [successor]


def test_token_revoked_concurrently_gets_no_successor(
    app: Flask, ctx: Context, user: Any
) -> None:
    """A leaked token is revoked while another request is about to rotate it."""
    token = bearing.make(ctx, user)
    ctx.session.commit()
    assert token.revoked_at is None
    bearing.change(app, token.id, revoked_at=ctx.now())
    with pytest.raises(Conflict):
        rotation.rotate(ctx, token, actor=ACTOR)
    ctx.session.rollback()
    assert administration.column(app, "Token", "predecessor_id") == [None]


def test_repeated_form_rotates_once(ctx: Context, user: Any) -> None:
    token = bearing.make(ctx, user)
    rotated(ctx, token, form_key="a form")
    with pytest.raises(AlreadyGenerated):
        rotation.rotate(ctx, token, actor=ACTOR, form_key="a form")


# -- after the grace -----------------------------------------------------------


def test_late_use_is_audited_and_signalled_once(
    app: Flask, ctx: Context, user: Any, told: list[Told]
) -> None:
    token, first = bearing.revealed(
        tokens.generate(ctx, user, name="Deploy", actor=ACTOR)
    )
    old, new, second = rotated(ctx, token, grace=7)
    told.clear()
    assert answer(app, first, "/api/plain") == "ok"
    assert told == []
    old.expires_at = ctx.now()
    ctx.session.commit()
    told.clear()
    for _ in range(3):
        assert answer(app, first, "/api/plain") == "token_expired"
        # Another process has not seen it yet.
        app.extensions["apitokens"].late_use_checked.clear()
    assert answer(app, second, "/api/plain") == "ok"
    [notice] = told
    assert (notice.kind, notice.user_id) == ("rotated_token_used", user.id)
    assert notice.token_id == old.id
    assert "“Deploy”" in notice.text
    assert "127.0.0.1" in notice.text
    ctx.session.expire_all()
    assert bearing.actions(ctx, old.id) == ["generated", "rotated", "late-use"]
    assert bearing.actions(ctx, new.id) == ["generated"]
    assert old.late_use_at is not None
    event = ctx.models.Event
    noted = ctx.session.query(event).filter_by(action="late-use").one()
    assert (noted.ip, noted.subject_id) == ("127.0.0.1", str(user.id))


def test_late_use_after_rotation_without_grace_is_signalled(
    app: Flask, ctx: Context, user: Any, told: list[Told]
) -> None:
    token, first = bearing.revealed(
        tokens.generate(ctx, user, name="Deploy", actor=ACTOR)
    )
    rotated(ctx, token, grace=0)
    told.clear()
    assert answer(app, bearing.another_secret(first), "/api/plain") == "invalid_token"
    assert told == []
    assert answer(app, first, "/api/plain") == "token_revoked"
    assert [notice.kind for notice in told] == ["rotated_token_used"]


def test_session_token_of_a_rotated_token_reports_no_late_use(
    app: Flask, ctx: Context, user: Any, told: list[Told]
) -> None:
    """Its holder logged in while the token was still valid."""
    end = ctx.now() + DAY
    token = bearing.make(ctx, user, kind="access", expires_at=end)
    state = app.extensions["apitokens"]
    session = session_tokens.issue(
        state.settings.brand,
        session_tokens.keys_of(app.config),
        token_id=token.id,
        check_digest=token.check_digest,
        expires_at=end,
    )
    assert answer(app, session, "/api/plain") == "ok"
    rotated(ctx, token, grace=0)
    told.clear()
    assert answer(app, session, "/api/plain") == "token_revoked"
    assert told == []
    assert bearing.actions(ctx, token.id) == ["generated", "rotated"]


def test_use_of_other_ended_tokens_reports_no_late_use(
    app: Flask, ctx: Context, user: Any, told: list[Told]
) -> None:
    token, plaintext = bearing.revealed(
        tokens.generate(ctx, user, name="Deploy", actor=ACTOR)
    )
    tokens.revoke(ctx, token, actor=ACTOR)
    ctx.session.commit()
    told.clear()
    with administration.counting(app) as statements:
        for _ in range(3):
            assert answer(app, plaintext, "/api/plain") == "token_revoked"
    asked = "successor_id \nFROM"
    looks = [text for text in statements if asked in text]
    assert len(looks) == 1, "a process looks once"
    assert told == []
    assert bearing.actions(ctx, token.id) == ["generated", "revoked"]


def test_two_processes_report_late_use_once(
    app: Flask, ctx: Context, user: Any, told: list[Told]
) -> None:
    token = bearing.make(ctx, user)
    rotated(ctx, token, grace=0)
    ctx.session.remove()  # type: ignore[union-attr]

    def look(meet: Callable[[], object]) -> bool:
        with app.app_context():
            mine = bearing.context_of(app)
            meet()
            noted = rotation.note_late_use(mine, token_id, ip="192.0.2.1")
            mine.session.commit()
            return noted

    [token_id] = administration.column(app, "Event", "token_id", action="rotated")
    assert sorted(at_once([look] * 6)) == [*[False] * 5, True]


def test_failed_check_of_late_use_fails_no_call_and_is_repeated(
    app: Flask,
    ctx: Context,
    user: Any,
    told: list[Told],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    token, first = bearing.revealed(
        tokens.generate(ctx, user, name="Deploy", actor=ACTOR)
    )
    rotated(ctx, token, grace=0)
    told.clear()

    def fail(*_args: object, **_values: object) -> bool:
        raise OperationalError("select", {}, Exception("gone"))

    with monkeypatch.context() as patch, caplog.at_level(logging.WARNING):
        patch.setattr(rotation, "note_late_use", fail)
        assert answer(app, first, "/api/plain") == "token_revoked"
    assert f"token {token.id}: its use was not checked" in caplog.text
    assert answer(app, first, "/api/plain") == "token_revoked"
    assert len(told) == 1


def test_memory_of_late_uses_is_bounded(
    app: Flask, ctx: Context, user: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(late_use, "CHECKED_LIMIT", 2)
    seen = app.extensions["apitokens"].late_use_checked
    for number in range(4):
        token, plaintext = bearing.revealed(
            tokens.generate(ctx, user, name=f"t{number}", actor=ACTOR)
        )
        tokens.revoke(ctx, token, actor=ACTOR)
        ctx.session.commit()
        assert answer(app, plaintext, "/api/plain") == "token_revoked"
        assert len(seen) <= 2
        assert token.id in seen


def test_host_api_rotates_a_token(app: Flask, user: Any, told: list[Told]) -> None:
    host = hosts.host_of(app)
    token_id, first = bearing.generate(app, user)
    with app.app_context():
        mine = host.db.session.get(host.user_model, user.id)
        [token] = host.apitokens.tokens_of(mine)
        new, second = host.apitokens.rotate(token, grace=0, actor=administration.BOSS)
        assert new.shown_at is not None
        host.db.session.commit()
    assert answer(app, first, "/api/plain") == "token_revoked"
    assert answer(app, second, "/api/plain") == "ok"
    assert [notice.kind for notice in told] == ["token_rotated", "rotated_token_used"]


def test_late_use_is_not_written_with_a_single_connection(
    make_app: MakeApp, caplog: pytest.LogCaptureFixture
) -> None:
    """In-memory SQLite and tests that roll back in the end have a single connection."""
    told: list[str] = []
    plugin = {"on_notice": lambda notice: told.append(notice.kind)}
    memory = make_app("sqlite://", plugin=plugin)
    undone = make_app(plugin=plugin, APITOKENS_LOOKUP="session")
    for app in (memory, undone):
        user = hosts.create_user(app, "ada@example.com")
        with app.app_context():
            ctx = bearing.context_of(app)
            token, first = bearing.revealed(
                tokens.generate(ctx, user, name="x", actor=ACTOR)
            )
            rotated(ctx, token, grace=0)
            told.clear()
            engines: Any = hosts.host_of(app).db.engines
            engine = engines[None]
            with engine.connect() as connection:
                if app is undone:
                    engines[None] = connection
                assert answer(app, first, "/api/plain") == "token_revoked"
                ctx.session.remove()  # type: ignore[union-attr]
            engines[None] = engine
        assert administration.column(app, "Token", "late_use_at") == [None, None]
    assert told == []
    assert "looked into" not in caplog.text
