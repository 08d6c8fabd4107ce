"""``python -m bench admin``: an administrator's pages in a large account."""

from __future__ import annotations

import statistics
import time
from collections.abc import Iterator
from dataclasses import dataclass

from flask.testing import FlaskClient
from sqlalchemy import event
from sqlalchemy import text

from . import databases
from .hosts import Host
from .hosts import host_with_plugin
from .rows import populate

#: what the issue asks for, in milliseconds
GOAL = 300
A = "/admin/api"
#: what :data:`INDEX` is for, measured again with it
SEARCHES = ("its users, searched", "all tokens, a rare name", "all tokens, an owner")
#: as docs/how-to/administration.md has it; PostgreSQL's own extension
INDEX = (
    "CREATE EXTENSION IF NOT EXISTS pg_trgm",
    """CREATE INDEX ON apitokens_token USING gin
       (name COLLATE "C" gin_trgm_ops, id gin_trgm_ops)""",
    """CREATE INDEX ON bench_user USING gin (email COLLATE "C" gin_trgm_ops)""",
)
PAGES = {
    "services": "/services",
    "one service": "/services/tmy",
    "its users": "/services/tmy/users",
    "its users, the last page": "/services/tmy/users?page=1000000",
    "its users, active": "/services/tmy/users?state=active",
    "its users, searched": "/services/tmy/users?q=user99",
    "a user's tokens": "/services/tmy/users/1",
    "userless tokens": "/services/tmy/userless",
    "all tokens": "/tokens",
    "all tokens, a late page": "/tokens?page=400",
    "all tokens, expiring": "/tokens?status=expiring",
    "all tokens, paused": "/tokens?status=paused",
    "all tokens, never used": "/tokens?use=never",
    "all tokens, unused": "/tokens?use=unused",
    "all tokens, a rare name": "/tokens?q=good+7",
    "all tokens, an owner": "/tokens?q=user99%40example.com",
    "all tokens, an id": "/tokens?q={id}",
    "access requests": "/requests",
    "audit log": "/audit",
}


@dataclass(frozen=True)
class Size:
    """The size of the account, and how often each page is requested."""

    users: int = 100_000
    tokens: int = 1_000_000
    rounds: int = 7


FULL = Size()
QUICK = Size(users=50, tokens=200, rounds=1)


def lines(kind: str, size: Size) -> Iterator[str]:
    """Fill a database of this kind and time every page, in a Markdown table."""
    with databases.empty_database(kind, "admin") as url:
        host = host_with_plugin(url, APITOKENS_BCRYPT_ROUNDS=4)
        token_id = fill(host, size)
        client = signed_in(host)
        yield f"## {databases.version_of(url)}"
        yield ""
        yield f"{size.users:,} users and {size.tokens:,} tokens in one account"
        yield ""
        yield "| page | median ms | slowest ms | statements |"
        yield "| --- | ---: | ---: | ---: |"
        for name, path in PAGES.items():
            yield line(host, client, name, path.format(id=token_id), size)
        if kind == "postgresql":
            run(host, *INDEX, "ANALYZE")
            for name in SEARCHES:
                title = f"{name}, with the index"
                yield line(host, client, title, PAGES[name], size)
        host.state.recorder.close()
        host.engine.dispose()


def line(host: Host, client: FlaskClient, name: str, path: str, size: Size) -> str:
    """A row of the table: how long a page takes."""
    took, statements = _timed(host, client, path, size)
    middle = statistics.median(took)
    mark = "" if middle <= GOAL else " **over**"
    return f"| {name} | {middle:.0f}{mark} | {max(took):.0f} | {statements} |"


def run(host: Host, *statements: str) -> None:
    """Execute statements, each on its own."""
    with host.engine.connect().execution_options(
        isolation_level="AUTOCOMMIT"
    ) as connection:
        for statement in statements:
            connection.execute(text(statement))


def signed_in(host: Host) -> FlaskClient:
    """A browser of the administrator."""
    client = host.app.test_client()
    with client.session_transaction() as session:
        session["_user_id"], session["_fresh"] = "1", True
    return client


def _timed(
    host: Host, client: FlaskClient, path: str, size: Size
) -> tuple[list[float], int]:
    seen: list[str] = []

    def count(
        connection: object, cursor: object, statement: str, *rest: object
    ) -> None:
        seen.append(statement)

    event.listen(host.engine, "before_cursor_execute", count)
    took = []
    for _round in range(size.rounds + 1):
        seen.clear()
        began = time.perf_counter()
        answer = client.get(A + path)
        took.append((time.perf_counter() - began) * 1000)
        if answer.status_code != 200:
            raise RuntimeError(f"{path} answered {answer.status}")
    event.remove(host.engine, "before_cursor_execute", count)
    # The first has templates to compile.
    return took[1:], len(seen)


def fill(host: Host, size: Size) -> str:
    """Fill the account and return the id of one token.

    The rows are copies, by the thousand, of a few that the plugin made.
    """
    tokens = populate(host, tokens=20, users=5, special=1)
    with host.engine.begin() as connection:
        connection.execute(text("UPDATE bench_user SET is_admin = true WHERE id = 1"))
        for statement in _FILLING[host.engine.dialect.name]:
            connection.execute(
                text(statement), {"users": size.users, "tokens": size.tokens}
            )
    run(host, "ANALYZE")
    return tokens.good[0][4:16]


_USERS = """
INSERT INTO bench_user (id, email, is_active, is_admin, may_use_api, account)
SELECT n, 'user' || n || '@example.com', n % 50 <> 0, false, n % 40 <> 0, 'acme'
FROM {series} WHERE n > 10
"""
_SUBSCRIPTIONS = """
INSERT INTO apitokens_subscription
    (id, service, active, changed_at, changed_by, user_id, requested_at)
SELECT 1000 + n, 'tmy', CASE WHEN n % 500 = 0 THEN NULL ELSE n % 3 <> 0 END,
    CURRENT_TIMESTAMP, 'bench', n,
    CASE WHEN n % 500 = 0 THEN CURRENT_TIMESTAMP END
FROM {series} WHERE n > 10
"""
_TOKENS = """
INSERT INTO apitokens_token (id, kind, name, scheme, check_digest, secret_hash,
    account_id, userless, service, scopes, created_at, created_by, expires_at,
    revoked_at, last_used_at, last_used_ip, live_name, owner_id)
SELECT {id}, 'api', 'Deploy script ' || n, t.scheme, t.check_digest, t.secret_hash,
    'acme', n % 1000 = 0, CASE WHEN n % 2 = 0 THEN 'tmy' ELSE 'timeseries' END,
    t.scopes, {past}, t.created_by,
    CASE WHEN n % 200 = 1 THEN {soon} END,
    CASE WHEN n % 4 = 1 THEN CURRENT_TIMESTAMP END,
    CASE WHEN n % 50 <> 2 THEN {past} END, '203.0.113.7', NULL,
    CASE WHEN n % 1000 = 0 THEN NULL ELSE 11 + n % (:users - 11) END
FROM {series}, (SELECT * FROM apitokens_token LIMIT 1) AS t
"""
_EVENTS = """
INSERT INTO apitokens_event (id, at, action, account_id, token_id, token_name,
    actor_label, detail)
SELECT 1000 + n, {past}, 'renamed', 'acme', {id}, 'Deploy script ' || n, 'bench', '{{}}'
FROM {series}
"""
_POSTGRESQL = {
    "id": "lpad(to_hex((n * 25214903917) % 281474976710656), 12, '0')",
    "past": "CURRENT_TIMESTAMP - (n % 150000) * interval '1 minute'",
    "soon": "CURRENT_TIMESTAMP + interval '3 days'",
}
_SQLITE = {
    "id": "printf('%012x', (n * 25214903917) % 281474976710656)",
    "past": "datetime('now', '-' || (n % 150000) || ' minutes') || '.000000'",
    "soon": "datetime('now', '+3 days') || '.000000'",
}


def _filling(values: dict[str, str], series: str) -> list[str]:
    return [
        statement.format(series=series.format(number), **values)
        for statement, number in (
            (_USERS, ":users"),
            (_SUBSCRIPTIONS, ":users"),
            (_TOKENS, ":tokens"),
            (_EVENTS, ":tokens"),
        )
    ]


_FILLING = {
    "postgresql": _filling(
        _POSTGRESQL, "(SELECT generate_series(1, {})::bigint AS n) AS s"
    ),
    "sqlite": _filling(
        _SQLITE,
        "(WITH RECURSIVE s(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM s "
        "WHERE n < {}) SELECT n FROM s) AS s",
    ),
}
