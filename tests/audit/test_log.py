"""The audit log: who did what to which token, when and from where."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC
from datetime import datetime
from datetime import timedelta
from typing import Any

import pytest
from flask import Flask

from flask_apitokens import Actor
from flask_apitokens.audit import log as audit_log
from flask_apitokens.audit import queries as audit_queries
from flask_apitokens.audit.queries import LogQuery
from flask_apitokens.core.actor import SYSTEM
from flask_apitokens.core.context import Context
from flask_apitokens.db import pagination
from flask_apitokens.db.models import Event
from flask_apitokens.db.pagination import KeysetPage
from flask_apitokens.domain import subscriptions
from flask_apitokens.domain import tokens
from tests import bearing
from tests import hosts
from tests.conftest import MakeApp

NOW = datetime(2026, 5, 4, 3, 2, 1, 234_567, tzinfo=UTC)
BOB = Actor("bob@example.com", "9002", "2001:db8::2")


@pytest.fixture
def app(make_app: MakeApp, database_url: str) -> Flask:
    """A host on each database in turn, with accounts."""
    return make_app(database_url, plugin={"account_of": lambda user: 7})


def _at(ctx: Context, hour: int) -> Context:
    return replace(ctx, now=lambda: NOW + timedelta(hours=hour))


def test_every_change_is_one_event_newest_first(
    app: Flask, ctx: Context, user: Any
) -> None:
    """LOG-01."""
    bearing.subscribe(app, user, "tmy")
    at = [_at(ctx, hour) for hour in range(4)]
    token, plaintext = bearing.revealed(
        tokens.generate(
            at[0],
            user,
            name="old",
            service="tmy",
            scopes=["read"],
            actor=BOB,
            form_key="f",
        )
    )
    tokens.rename(at[1], token, "new \U0001f511", actor=SYSTEM)
    tokens.revoke(at[2], token, actor=BOB)
    tokens.delete(at[3], token, actor=BOB)
    ctx.session.commit()
    ctx.session.expire_all()
    events = audit_log.events_of(ctx, token.id)
    assert [(e.action, e.at, e.token_name, e.actor_label) for e in events] == [
        ("deleted", NOW + timedelta(hours=3), "new \U0001f511", "bob@example.com"),
        ("revoked", NOW + timedelta(hours=2), "new \U0001f511", "bob@example.com"),
        ("renamed", NOW + timedelta(hours=1), "new \U0001f511", "system"),
        ("generated", NOW, "old", "bob@example.com"),
    ]
    assert [e.ip for e in events] == ["2001:db8::2", "2001:db8::2", None, "2001:db8::2"]
    assert [e.actor_id for e in events] == [BOB.id, BOB.id, None, BOB.id]
    assert {e.subject_id for e in events} == {str(user.id)}
    assert {(e.service, e.account_id) for e in events} == {("tmy", "7")}
    assert events[3].subject_label == "ada@example.com"
    assert events[3].detail == {"kind": "api", "scopes": ["read"]}
    assert events[2].detail == {"old_name": "old"}
    assert events[3].form_key is not None
    for event in events:
        assert plaintext.split("_")[2] not in repr(vars(event))


def test_events_of_a_token_are_its_own_and_limited(ctx: Context, user: Any) -> None:
    token, _ = tokens.generate(ctx, user, name="t0", actor=BOB)
    other, _ = tokens.generate(ctx, user, name="other", actor=BOB)
    for number in range(1, 60):
        tokens.rename(ctx, token, f"t{number}", actor=BOB)
    ctx.session.commit()
    assert len(audit_log.events_of(ctx, token.id)) == 50
    newest = audit_log.events_of(ctx, token.id, limit=2)
    assert [event.token_name for event in newest] == ["t59", "t58"]
    assert len(audit_log.events_of(ctx, token.id, limit=500)) == 60
    assert len(audit_log.events_of(ctx, other.id)) == 1
    assert audit_log.events_of(ctx, "zzzzzzzzzzzz") == []


def test_event_of_a_userless_token_has_no_subject(ctx: Context) -> None:
    token, _ = tokens.generate(ctx, None, name="x", account_id="acme", actor=BOB)
    tokens.revoke(ctx, token, actor=BOB)
    ctx.session.commit()
    for event in audit_log.events_of(ctx, token.id):
        assert (event.subject_id, event.subject_label) == (None, None)
        assert event.account_id == "acme"


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("2001:DB8::0:7", "2001:db8::7"),
        ("fe80::1%eth0", "fe80::1"),
        ("::ffff:192.0.2.9", "192.0.2.9"),
        ("", None),
        (None, None),
        ("unknown", None),
        ("1.2.3.4, 5.6.7.8", None),
        ("é", None),
        ("\0", None),
        ("x" * 100_000, None),
    ],
)
def test_invalid_client_address_is_not_stored(
    given: str | None, kept: str | None
) -> None:
    """A proxy may forward any text of a client."""
    assert Actor("x", None, given).ip == kept


def test_actor_is_truncated_to_its_columns() -> None:
    actor = Actor("é" * 300, "7" * 300)
    assert (len(actor.label), len(actor.id or "")) == (255, 255)
    assert Actor("x").id is None


def test_actor_labels_come_from_the_host(make_app: MakeApp) -> None:
    app = make_app(plugin={"user_label": lambda user: f"user {user.id}"})
    user = hosts.create_user(app, "ada@example.com")
    with app.app_context():
        ctx = bearing.context_of(app)
        token = bearing.make(ctx, user)
        [event] = audit_log.events_of(ctx, token.id)
        assert event.subject_id == str(user.id)
        assert event.subject_label == f"user {user.id}"


# -- read ----------------------------------------------------------------------


def _note(ctx: Context, name: str, *, hours: int = 0, account: str = "7") -> None:
    """One line of the log."""
    ctx.session.add(
        ctx.models.Event(
            at=NOW + timedelta(hours=hours),
            action="renamed",
            account_id=account,
            token_id="0123456789ab",
            token_name=name,
            actor_label="Åsa Öberg",
            detail={},
        )
    )
    # One by one, so that their keys are in this order.
    ctx.session.flush()


def _notes(ctx: Context, number: int) -> None:
    for n in range(number):
        _note(ctx, f"n{n}", hours=n)
    ctx.session.commit()


def _names(found: Any) -> list[str]:
    return [event.token_name for event in found]


def test_label_of_the_owner_is_stored_as_text(
    app: Flask, ctx: Context, user: Any, other_user: Any
) -> None:
    """An administrator can search for the owner after the owner is deleted."""
    token, _ = tokens.generate(ctx, user, name="x", actor=BOB)
    token_id = token.id
    tokens.revoke(ctx, token, actor=BOB)
    tokens.delete(ctx, token, actor=BOB)
    left, _ = tokens.generate(ctx, other_user, name="y", actor=BOB)
    own = Actor("Grace herself", str(other_user.id))
    tokens.rename(ctx, left, "z", actor=own)
    left_id = left.id
    ctx.session.commit()
    ctx.session.delete(ctx.session.get(ctx.models.user, other_user.id))
    ctx.session.commit()
    labels = [e.subject_label for e in audit_log.events_of(ctx, token_id)]
    assert labels == ["ada@example.com"] * 3
    events = audit_log.events_of(ctx, left_id)
    assert [(e.action, e.subject_label) for e in events] == [
        ("deleted", "Grace herself"),
        ("renamed", "Grace herself"),
        ("generated", "grace@example.com"),
    ]


def test_search_finds_users_token_names_and_ids(ctx: Context, user: Any) -> None:
    token, _ = tokens.generate(ctx, user, name="Nächtlicher 100%_Lauf", actor=BOB)
    _note(ctx, "other")
    ctx.session.commit()

    def found(q: str) -> list[str]:
        return _names(audit_queries.newest(ctx, LogQuery(q=q), limit=9))

    mine, other = token.name, "other"
    for q in ("BOB@", " ada@EX", "Nächt", "100%_", token.id[3:9].upper()):
        assert found(q) == [mine], q
    for q in ("Åsa", "öberg" if _folds(ctx) else "Öberg", "456789AB"):
        assert found(q) == [other], q
    assert found(token.id) == found(f" {token.id.upper()} ") == [mine]
    _note(ctx, f"the twin of {token.id}")
    assert found(token.id) == [mine], "nothing but what has this id"
    ctx.session.rollback()
    for q in ("carol", "10%", "n_chtlicher", "\0zzz", "é" * 90):
        assert found(q) == [], q
    assert found(" \n") == [other, mine]


def _folds(ctx: Context) -> bool:
    """Whether the database knows more than ASCII's capitals."""
    return ctx.session.get_bind(ctx.models.Event).dialect.name != "sqlite"


def test_filters_by_action_moment_token_and_user(
    app: Flask, ctx: Context, user: Any
) -> None:
    at = [_at(ctx, hour) for hour in range(3)]
    token, _ = tokens.generate(at[0], user, name="x", actor=BOB)
    subscriptions.activate(at[1], user, "tmy", actor=BOB)
    tokens.revoke(at[2], token, actor=BOB)
    _note(ctx, "other", account="8")
    ctx.session.commit()

    def found(account_id: str | None = "7", **wanted: Any) -> list[str]:
        query = LogQuery(**wanted)
        rows = audit_queries.newest(ctx, query, account_id=account_id, limit=9)
        return [event.action for event in rows]

    assert found() == ["revoked", "subscription-activated", "generated"]
    assert found(None) == ["renamed", *found()]
    assert found("") == []
    assert found(actions=audit_queries.GROUPS["ended"]) == ["revoked"]
    assert found(actions=audit_queries.GROUPS["services"]) == ["subscription-activated"]
    assert found(since=NOW + timedelta(hours=1)) == found()[:2]
    assert found(token_id=token.id) == ["revoked", "generated"]
    assert found(subject_id=str(user.id)) == found()


def test_every_action_is_in_a_filter_group() -> None:
    assert len(set(audit_queries.ACTIONS)) == len(audit_queries.ACTIONS) == 18


def test_page_of_events_stays_the_same_while_events_arrive(ctx: Context) -> None:
    _notes(ctx, 120)

    def page(**wanted: Any) -> KeysetPage[Event]:
        return audit_queries.page_of(ctx, "7", LogQuery(**wanted))

    first = page()
    assert (len(first.items), first.has_newer, first.has_older) == (50, False, True)
    second = page(before=first.items[-1].id)
    assert _names(second.items) == [f"n{n}" for n in range(69, 19, -1)]
    assert (second.has_newer, second.has_older) == (True, True)
    for n in range(3):
        _note(ctx, f"new{n}")
    _note(ctx, "elsewhere", account="8")
    ctx.session.commit()
    again = page(before=first.items[-1].id)
    assert _names(again.items) == _names(second.items)
    last = page(before=second.items[-1].id)
    assert (len(last.items), last.has_newer, last.has_older) == (20, True, False)
    back = page(after=second.items[0].id)
    assert _names(back.items) == _names(first.items)
    assert (back.has_newer, back.has_older) == (True, True)
    top = page(after=back.items[0].id)
    assert _names(top.items)[:4] == ["new2", "new1", "new0", "n119"]
    assert (len(top.items), top.has_newer, top.has_older) == (50, False, True)


def test_single_full_page_has_no_neighbours(ctx: Context) -> None:
    _notes(ctx, 50)
    page = audit_queries.page_of(ctx, "7", LogQuery())
    assert (len(page.items), page.has_newer, page.has_older) == (50, False, False)
    _note(ctx, "above")
    page = audit_queries.page_of(ctx, "7", LogQuery(after=page.items[-1].id))
    assert (len(page.items), page.has_newer, page.has_older) == (50, False, True)


def test_batches_contain_every_event_once(
    ctx: Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pagination, "BATCH_SIZE", 4)
    _notes(ctx, 10)
    found = audit_queries.batches(ctx, "7", LogQuery())
    read = [next(found)]
    _note(ctx, "late")
    ctx.session.commit()
    read += found
    assert [len(rows) for rows in read] == [4, 4, 2]
    names = [row.token_name for rows in read for row in rows]
    assert names == [f"n{n}" for n in range(9, -1, -1)]


# -- retention -----------------------------------------------------------------


@pytest.fixture
def forgetful(make_app: MakeApp, database_url: str) -> Iterator[Context]:
    """A host that keeps its log for two days."""
    app = make_app(database_url, APITOKENS_AUDIT_RETENTION_DAYS=2)
    with app.app_context():
        yield replace(bearing.context_of(app), now=lambda: NOW + timedelta(hours=71.5))


def _ages(ctx: Context) -> None:
    """One line an hour; the first 24 are past retention."""
    for n in range(72):
        _note(ctx, f"n{n}", hours=n, account="")
    ctx.session.commit()


def test_events_past_retention_are_not_shown(forgetful: Context) -> None:
    _ages(forgetful)
    oldest = "n24"
    assert (
        _names(audit_log.events_of(forgetful, "0123456789ab", limit=99))[-1] == oldest
    )
    rows = audit_queries.newest(forgetful, LogQuery(), limit=99)
    assert (_names(rows)[-1], len(rows)) == (oldest, 48)
    assert len(audit_queries.page_of(forgetful, "", LogQuery()).items) == 48
    assert [len(b) for b in audit_queries.batches(forgetful, "", LogQuery())] == [48]


def test_pruning_removes_only_events_past_retention(
    forgetful: Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(audit_log, "PRUNE_BATCH", 10)
    _ages(forgetful)
    removed = []
    for number in audit_log.prune(forgetful):
        forgetful.session.commit()
        removed.append(number)
    assert removed == [10, 10, 4]
    left = forgetful.session.query(forgetful.models.Event).order_by("id").all()
    assert _names(left) == [f"n{n}" for n in range(24, 72)]
    assert list(audit_log.prune(forgetful)) == []


def test_two_interleaved_prunes_remove_every_event_once(
    forgetful: Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(audit_log, "PRUNE_BATCH", 10)
    _ages(forgetful)
    one, other = audit_log.prune(forgetful), audit_log.prune(forgetful)
    removed = []
    for prune in (one, other, other, one, one, other):
        removed.append(next(prune, 0))
        forgetful.session.commit()
    assert (sum(removed), next(one, 0), next(other, 0)) == (24, 0, 0)


def test_events_are_kept_forever_without_retention(ctx: Context) -> None:
    _notes(ctx, 3)
    far = replace(ctx, now=lambda: NOW + timedelta(days=36_000))
    assert list(audit_log.prune(far)) == []
    assert len(audit_queries.newest(far, LogQuery(), limit=9)) == 3
