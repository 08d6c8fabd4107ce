"""Two administrators at once, in their pages and on the command line."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC
from datetime import datetime
from datetime import timedelta
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import func
from sqlalchemy import insert
from sqlalchemy import select
from werkzeug.test import TestResponse

from flask_apitokens.core.context import Context
from flask_apitokens.domain import tokens
from tests import administration
from tests import bearing
from tests import hosts
from tests.conftest import MakeApp
from tests.pages import Visitor

ROOT = Path(__file__).parents[4]
#: seconds until a blocked test fails; a working one never waits so long
PATIENCE = 30
USERS = "services/tmy/users"

Send = Callable[[], TestResponse]


@pytest.fixture
def app(make_app: MakeApp, database_url: str) -> Flask:
    """A host on each database."""
    return administration.administered(make_app, database_url)


def two(app: Flask) -> tuple[Visitor, Visitor]:
    """Administrators of one account, each in a browser of their own."""
    one, other = (administration.administrator(app, name) for name in ("ann", "ben"))
    return one, other


def at_once(sends: Sequence[Send]) -> list[TestResponse]:
    """Send what each sends, at one moment."""
    barrier = threading.Barrier(len(sends))

    def run(send: Send) -> TestResponse:
        barrier.wait(PATIENCE)
        return send()

    with ThreadPoolExecutor(len(sends)) as pool:
        return [each.result() for each in [pool.submit(run, send) for send in sends]]


def held_by(app: Flask, number: int) -> list[str]:
    """Tokens of as many users, one each, and a userless one."""
    made = [
        bearing.generate(app, administration.create_user(app, f"user{n}"))[0]
        for n in range(number)
    ]
    return [*made, administration.generate_userless(app)[0]]


def stopping(boss: Visitor, ids: Sequence[str]) -> Send:
    """Deactivate several, for a reason that names who it was."""
    fields: dict[str, Any] = {"id": list(ids), "confirm": "1"}
    return lambda: boss.post("tokens/deactivate", reason=str(boss.user.email), **fields)


def test_parallel_deactivations_of_the_same_tokens_act_once(
    app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever order they selected them in, their owners are held in one."""
    one, other = two(app)
    held: dict[int, list[Any]] = {}
    lock = Context.lock_user

    def noting(ctx: Context, user_id: Any) -> None:
        held.setdefault(threading.get_ident(), []).append(user_id)
        lock(ctx, user_id)

    ids = held_by(app, 6)
    monkeypatch.setattr(Context, "lock_user", noting)
    answers = at_once([stopping(one, ids), stopping(other, ids[::-1])])
    # Who comes late finds nothing left to stop, and is told.
    assert {answer.status_code for answer in answers} <= {200, 409}
    assert 200 in {answer.status_code for answer in answers}
    for keys in held.values():
        first = list(dict.fromkeys(key for key in keys if key is not None))
        assert first == sorted(first, key=str)
    assert None not in administration.column(app, "Token", "deactivated_at")
    actions = administration.column(app, "Event", "action")
    assert actions.count("deactivated") == len(ids)


@pytest.mark.database
@pytest.mark.parametrize("kind", ["postgresql", "mariadb"])
def test_change_is_repeated_after_a_deadlock(
    kind: str,
    request: pytest.FixtureRequest,
    make_app: MakeApp,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A real one: each holds an owner that the other one wants."""
    app = administration.administered(make_app, request.getfixturevalue(f"{kind}_url"))
    one, other = two(app)
    ids = held_by(app, 2)
    turns, both = count(), threading.Barrier(2)

    def crossed(ctx: Context, several: Any) -> Any:
        turn = next(turns)
        keys = sorted({token.owner_id for token in several if token.owner_id})
        first, last = keys if turn != 1 else reversed(keys)
        ctx.lock_user(first)
        if turn < 2:
            both.wait(PATIENCE)
        ctx.lock_user(last)
        return sorted(several, key=lambda token: token.id)

    monkeypatch.setattr(tokens, "lock_in_order", crossed)
    answers = at_once([stopping(one, ids), stopping(other, ids)])
    assert [answer.status_code for answer in answers] == [200, 200]
    assert next(turns) == 3, "one of them began anew"
    actions = administration.column(app, "Event", "action")
    assert actions.count("deactivated") == len(ids)
    assert len(set(administration.column(app, "Token", "deactivated_reason"))) == 1


def test_parallel_saves_of_subscriptions_both_count(app: Flask) -> None:
    """CON-05: no act is lost, none fails, and the last one is what the list shows."""
    one, other = two(app)
    users = [administration.create_user(app, f"user{n}") for n in range(7)]
    keys = [str(user.id) for user in users]
    for user in users[3:6]:
        bearing.subscribe(app, user, "tmy")
    off, on, same = keys[:3], keys[3:6], keys[6]
    before = len(administration.column(app, "Event", "id"))
    #: the second one's page is of before, when it was on
    first = {"row": [*off, same], "active": [*off, same]}
    second = {"row": [same, *on], "was": [same, *on], "confirm": "1"}
    answers = at_once(
        [lambda: one.post(USERS, **first), lambda: other.post(USERS, **second)]
    )
    assert [answer.status_code for answer in answers] == [200, 200]
    who = administration.column(app, "Event", "actor_label")[before:]
    assert sorted(who) == [one.user.email] * 4 + [other.user.email] * 4
    owners = administration.column(app, "Subscription", "user_id")
    active = administration.column(app, "Subscription", "active")
    switched = dict(zip(map(str, owners), map(bool, active), strict=True))
    subjects = administration.column(app, "Event", "subject_id")[before:]
    actions = administration.column(app, "Event", "action")[before:]
    last = [a for a, who in zip(actions, subjects, strict=True) if who == same][-1]
    assert switched == {
        **dict.fromkeys(off, True),
        **dict.fromkeys(on, False),
        same: last == "subscription-activated",
    }


def test_parallel_decisions_store_one(make_app: MakeApp, database_url: str) -> None:
    """The first of an approval, a refusal and a withdrawal decides."""
    told: list[Any] = []
    plugin = {"on_notice": told.append}
    app = administration.administered(make_app, database_url, plugin=plugin)
    one, other = two(app)
    grace = administration.create_user(app, "grace")
    client = app.test_client()
    hosts.login(client, grace)
    asker = Visitor(app, grace, client)
    assert asker.post("request", service="tmy", reason="Please").status_code == 200
    [number] = administration.column(app, "Subscription", "id")
    answers = at_once(
        [
            lambda: one.post(f"requests/{number}", do="approve"),
            lambda: other.post(f"requests/{number}", confirm="1", reason="No seat"),
            lambda: asker.post("request/withdraw", service="tmy"),
        ]
    )
    assert sorted(answer.status_code for answer in answers) == [200, 409, 409]
    words = ["access-approved", "access-declined", "access-withdrawn"]
    won = [answer.status_code for answer in answers].index(200)
    actions = administration.column(app, "Event", "action")
    assert actions == ["access-requested", words[won]]
    kinds = [notice.kind for notice in told if notice.user is not None]
    assert kinds == [["access_approved"], ["access_declined"], []][won]
    [active] = administration.column(app, "Subscription", "active")
    assert bool(active) is (won == 0)


HOST = """
import os, sys
from tests import hosts


def create_app():
    app = hosts.create_host(
        os.environ["TEST_DATABASE"], APITOKENS_AUDIT_RETENTION_DAYS=30
    )
    print("ready", file=sys.stderr, flush=True)
    sys.stdin.readline()
    return app
"""


def test_parallel_pruning_shares_the_work(
    make_app: MakeApp, database_url: str, tmp_path: Path
) -> None:
    app = make_app(database_url)
    old, new = datetime.now(UTC) - timedelta(days=31), datetime.now(UTC)
    model = bearing.models_of(app).Event
    line = {"action": "renamed", "account_id": "", "actor_label": "test", "detail": {}}
    with bearing.engine_of(app).begin() as connection:
        connection.execute(insert(model), [{**line, "at": old} for _ in range(8000)])
        connection.execute(insert(model), [{**line, "at": new} for _ in range(3)])
    (tmp_path / "pruning_host.py").write_text(HOST)
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join([str(ROOT), str(tmp_path)]),
        "TEST_DATABASE": database_url,
    }
    command = [sys.executable, "-m", "flask", "--app", "pruning_host", "apitokens"]
    processes = [
        subprocess.Popen(  # noqa: S603
            [*command, "audit", "prune", "--json"],
            env=environment,
            cwd=tmp_path,
            text=True,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        for _ in range(2)
    ]
    for process in processes:
        assert process.stderr is not None
        assert process.stderr.readline() == "ready\n"
    with ThreadPoolExecutor(2) as pool:
        told = list(pool.map(lambda process: process.communicate("\n"), processes))
    assert [process.returncode for process in processes] == [0, 0], told
    removed = [json.loads(stdout)["removed"] for stdout, _stderr in told]
    assert sum(removed) == 8000
    with bearing.engine_of(app).connect() as connection:
        assert connection.scalar(select(func.count()).select_from(model)) == 3
