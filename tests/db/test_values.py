"""What comes back out of the tables, from every database."""

from __future__ import annotations

import os
import subprocess
import sys
from datetime import UTC
from datetime import datetime
from datetime import timedelta
from datetime import timezone
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from sqlalchemy.dialects import sqlite
from sqlalchemy.exc import StatementError

from flask_apitokens.db.types import UTCDateTime
from flask_apitokens.db.types import text_stored_by
from tests import bearing
from tests import hosts
from tests.conftest import MakeApp

MOMENT = datetime(2031, 5, 4, 3, 2, 1, 234_567, tzinfo=UTC)


MOMENTS = [
    MOMENT,
    MOMENT.replace(microsecond=0),
    MOMENT.replace(microsecond=999_999),
    MOMENT.astimezone(timezone(timedelta(hours=5, minutes=45))),
    MOMENT.astimezone(timezone(-timedelta(hours=3, minutes=30))),
    datetime(2026, 3, 29, 1, 30, tzinfo=UTC),
    datetime(9999, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC),
]


def test_sqlite_datetime_text_matches_sqlalchemys() -> None:
    """SQLite compares these columns as text."""
    dialect = sqlite.dialect()
    stored = UTCDateTime().dialect_impl(dialect).bind_processor(dialect)
    assert stored is not None
    assert list(map(text_stored_by(dialect), MOMENTS)) == list(map(stored, MOMENTS))


def test_datetime_round_trips_unchanged(make_app: MakeApp, database_url: str) -> None:
    """DBS-07."""
    app = make_app(database_url)
    user = hosts.create_user(app, "ada@example.com")
    public, _ = bearing.generate(app, user)
    model = bearing.models_of(app).Token
    for moment in MOMENTS:
        bearing.change(app, public, expires_at=moment)
        with app.app_context():
            session = hosts.host_of(app).db.session
            token = session.get(model, public)
            found = app.extensions["apitokens"].finder.find(public)
            for ends in (token.expires_at if token else None, found.expires_at):
                assert ends == moment
                assert ends.utcoffset() == timedelta(0)
            for shift, count in ((-1, 1), (0, 0)):
                than = moment + timedelta(microseconds=shift)
                later = session.query(model).filter(model.expires_at > than)
                assert later.count() == count


def test_datetime_without_time_zone_is_refused(app: Flask, user: Any) -> None:
    """DBS-07."""
    public, _ = bearing.generate(app, user)
    with pytest.raises(StatementError, match="naive"):
        bearing.change(app, public, expires_at=MOMENT.replace(tzinfo=None))


@pytest.mark.parametrize("zone", ["Asia/Kathmandu", "America/St_Johns"])
def test_stored_datetime_ignores_the_time_zone_of_the_process(
    zone: str, make_app: MakeApp, database_url: str
) -> None:
    """DBS-06: a process in another time zone reads the same moment."""
    app = make_app(database_url)
    user = hosts.create_user(app, "ada@example.com")
    soon = datetime.now(UTC) + timedelta(hours=2)
    public, plaintext = bearing.generate(app, user, expires_at=soon)
    over = datetime.now(UTC) - timedelta(seconds=1)
    gone, gone_plaintext = bearing.generate(app, user)
    bearing.change(app, gone, expires_at=over)
    told = subprocess.run(  # noqa: S603 - our own module
        [
            *(sys.executable, "-m", "tests.elsewhere"),
            *(database_url, public, plaintext, gone_plaintext),
        ],
        cwd=Path(__file__).parents[2],
        env={**os.environ, "TZ": zone},
        capture_output=True,
        text=True,
        check=True,
    ).stdout.splitlines()
    assert told == [soon.isoformat(), "200", "401 token_expired"]


@pytest.mark.database
def test_ids_and_names_are_compared_by_bytes_on_mariadb(
    mariadb_url: str, make_app: MakeApp
) -> None:
    """DBS-14."""
    app = make_app(mariadb_url)
    user = hosts.create_user(app, "ada@example.com")
    public, _ = bearing.generate(app, user, name="Name")
    bearing.change(app, public, id="abcdefghjkmn")
    # Other cases and other accents are other names.
    for name in ("name", "NAME", "Näme", "Na\u0308mes"):
        bearing.generate(app, user, name=name)
    with app.app_context():
        state = app.extensions["apitokens"]
        assert state.finder.find("abcdefghjkmn") is not None
        # A blank at the end would not count, but no id in a token has one.
        for other in ("ABCDEFGHJKMN", "abcdefghjkmN", "bbcdefghjkmn"):
            assert state.finder.find(other) is None
    model = bearing.models_of(app).Token
    with app.app_context():
        session = hosts.host_of(app).db.session
        assert session.query(model).filter(model.name == "name").count() == 1
