"""Recorded calls, as the recorder would have stored them, with their hours."""

from __future__ import annotations

from collections.abc import Collection
from collections.abc import Iterable
from datetime import UTC
from datetime import datetime
from datetime import timedelta
from typing import Any

from flask import Flask
from sqlalchemy import delete
from sqlalchemy import insert
from sqlalchemy import select

from flask_apitokens.core.context import Context
from flask_apitokens.db.models import FAILED
from flask_apitokens.db.models import REJECTED
from flask_apitokens.db.models import SUCCEEDED
from flask_apitokens.usage.totals import hour_of
from tests import bearing

ACME = "acme"
TOKEN = "0123456789ab"
NOW = datetime(2026, 11, 21, 9, 14, 2, 500, tzinfo=UTC)
SINCE = NOW - timedelta(days=7)
TICK = timedelta(microseconds=1)
_NAMES = ("succeeded", "rejected", "failed")


def call(at: datetime, **values: Any) -> dict[str, Any]:
    """A call as a row; what is not told is as for most of them."""
    status = values.get("status", 200)
    result = SUCCEEDED if status < 400 else REJECTED if status < 500 else FAILED
    row = {
        "at": at,
        "account_id": ACME,
        "service": "tmy",
        "token_id": TOKEN,
        "token_name": "Deploy",
        "owner_key": "1",
        "method": "GET",
        "rule": "/api/tmy",
        "path": "/api/tmy",
        "status": status,
        "result": result,
        "code": None,
        "duration": 12,
        "ip": "192.0.2.7",
        "user_agent": "curl/8.5.0",
    }
    return {**row, **values}


def store(ctx: Context, rows: Collection[dict[str, Any]]) -> None:
    """The calls, and for each hour how many: of its token, and of its service."""
    if not rows:
        return
    models = ctx.models
    session: Any = ctx.session
    session.execute(insert(models.Call), list(rows))
    # All anew: an hour that has a row already is added up with it.
    every = [vars(row) for row in session.scalars(select(models.Call))]
    session.execute(delete(models.CallHour))
    session.execute(insert(models.CallHour), list(_hours(every)))
    session.commit()


def _hours(rows: Iterable[dict[str, Any]]) -> Iterable[dict[str, Any]]:
    hours: dict[tuple[Any, ...], dict[str, Any]] = {}
    for row in rows:
        for token_id, owner_key in ((row["token_id"], row["owner_key"]), ("", "")):
            key = {
                "account_id": row["account_id"],
                "service": row["service"],
                "token_id": token_id,
                "hour": hour_of(row["at"]),
            }
            begun = {**key, "owner_key": owner_key, **dict.fromkeys(_NAMES, 0)}
            hour = hours.setdefault(tuple(key.values()), begun)
            hour[_NAMES[row["result"]]] += 1
    return hours.values()


def note(app: Flask, *rows: dict[str, Any]) -> None:
    """The same for a host, from outside."""
    with app.app_context():
        store(bearing.context_of(app), rows)


def some(
    number: int, *, until: datetime | None = None, **values: Any
) -> list[dict[str, Any]]:
    """Calls a second apart, the newest first: the paths are numbered from there."""
    newest = until or datetime.now(UTC) - timedelta(seconds=1)
    return [
        call(newest - timedelta(seconds=n), **{"path": f"/api/{n}", **values})
        for n in range(number)
    ]
