"""The plugin behind pgbouncer, whose server connections many clients share."""

from __future__ import annotations

import os
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import Any

import psycopg
import pytest
from flask import Flask
from sqlalchemy import make_url
from sqlalchemy import text

from tests import bearing
from tests import hosts
from tests.bearing import bearer
from tests.conftest import MakeApp
from tests.pages import plaintext_in
from tests.pages import stored
from tests.pages import visitor
from tests.production.conftest import ALONE
from tests.production.conftest import MODES
from tests.production.conftest import Pgbouncer
from tests.usage.test_servers import serving

GUNICORN = [
    *("gunicorn", "tests.production.test_pgbouncer:create_app()"),
    *("--bind", "127.0.0.1:0", "--workers", "3"),
    *("--worker-class", "gthread", "--threads", "4"),
]
CALLS = 240

pytestmark = [pytest.mark.server, pytest.mark.database]


def create_app() -> Flask:
    """The host that the servers of these tests run, with psycopg's defaults."""
    options: dict[str, Any] = {}
    if "TEST_STATEMENT_MODE" in os.environ:
        # Without both no engine with psycopg connects, as each begins transactions.
        options = {"isolation_level": "AUTOCOMMIT", "use_native_hstore": False}
    return hosts.create_host(
        os.environ["TEST_DATABASE_URL"],
        create_tables=False,
        services=False,
        SQLALCHEMY_ENGINE_OPTIONS=options,
        APITOKENS_USAGE_FLUSH_SECONDS=0.05,
    )


@pytest.mark.parametrize("mode", MODES)
def test_processes_behind_pgbouncer_answer_and_record_each_call(
    mode: str,
    make_app: MakeApp,
    postgresql_url: str,
    pgbouncer: Pgbouncer,
    tmp_path: Path,
) -> None:
    app = make_app(postgresql_url, services=False)
    ada = hosts.create_user(app, "ada@example.com")
    known = dict(bearing.generate(app, ada) for _ in range(3))
    more: dict[str, Any] = {"TEST_STATEMENT_MODE": "1"} if mode == "statement" else {}
    with serving(tmp_path, pgbouncer.url(mode), GUNICORN, **more) as server:

        def call(number: int) -> tuple[int, bool]:
            public = [*known][number % len(known)]
            answer = server.get("/api/plain", known[public])
            return answer.status_code, answer.json().get("token") == public

        with ThreadPoolExecutor(12) as callers:
            answers = Counter(callers.map(call, range(CALLS)))
        server.end()
    assert answers == {(200, True): CALLS}, server.log
    with bearing.engine_of(app).connect() as connection:
        for what in (
            "count(*) FROM apitokens_call",
            "sum(succeeded) FROM apitokens_call_hour WHERE token_id <> ''",
        ):
            assert connection.scalar(text(f"SELECT {what}")) == CALLS


def test_pages_work_behind_pgbouncer_in_transaction_mode(
    make_app: MakeApp, postgresql_url: str, pgbouncer: Pgbouncer
) -> None:
    """With what the deployment page asks of the host's own connections."""
    direct = make_app(postgresql_url, services=False)
    arguments = {"connect_args": {"prepare_threshold": None}}
    app = hosts.create_host(
        pgbouncer.url("transaction"),
        create_tables=False,
        services=False,
        SQLALCHEMY_ENGINE_OPTIONS=arguments,
    )
    ada = visitor(app, hosts.create_user(direct, "ada@example.com"))
    made = [ada.generate(name=f"t{number}") for number in range(7)]
    assert [answer.status_code for answer in made] == [201] * 7
    headers = bearer(plaintext_in(made[0]))
    assert app.test_client().get("/api/plain", headers=headers).status_code == 200
    keys = [row["id"] for row in stored(direct, ada.user)]
    assert [ada.post(f"{key}/revoke").status_code for key in keys] == [200] * 7
    assert app.test_client().get("/api/plain", headers=headers).status_code == 401
    hosts.put_away(app)


def test_statement_that_another_client_prepared_is_not_run(
    make_app: MakeApp, postgresql_url: str, pgbouncer: Pgbouncer
) -> None:
    """Its name is psycopg's first, its answer another token's row."""
    direct = make_app(postgresql_url, services=False, APITOKENS_USAGE="off")
    ada = hosts.create_user(direct, "ada@example.com")
    (public, plaintext), _ = [bearing.generate(direct, ada) for _ in range(2)]
    url = pgbouncer.url(ALONE)
    app = hosts.create_host(
        url, create_tables=False, services=False, APITOKENS_USAGE="off"
    )

    def token() -> Any:
        answer = app.test_client().get("/api/plain", headers=bearer(plaintext))
        return (answer.get_json(silent=True) or {}).get("token", answer.text)

    assert token() == public
    finder = app.extensions["apitokens"].finder
    others = finder._by_id._sql.replace(" = %(token_id)s", " <> %(token_id)s")
    assert others != finder._by_id._sql
    address = make_url(url).set(drivername="postgresql").render_as_string(False)
    with (
        closing(psycopg.connect(address)) as holder,
        closing(psycopg.connect(address)) as other,
    ):
        # Between them they get the server connection of the first call and a new one.
        holder.execute("SELECT 1")
        other.execute(others, {"token_id": public}, prepare=True)
        other.commit()
        assert [token() for _ in range(3)] == [public] * 3
        holder.rollback()
        assert [token() for _ in range(3)] == [public] * 3
    hosts.put_away(app)
