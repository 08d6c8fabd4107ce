"""``python -m bench history``: the usage history's pages over millions of calls.

On PostgreSQL alone, which makes the rows itself.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from sqlalchemy import text

from . import admin
from . import databases
from .hosts import Host
from .hosts import host_with_plugin

PAGES = {
    "usage of the account": "/usage",
    "usage of the account, failed": "/usage?result=failed",
    "usage of a service": "/services/tmy/usage",
    "usage of a service, a day": "/services/tmy/usage?day={day}",
    "usage of a service, a user": "/services/tmy/usage?user={owner}",
    "usage of a token": "/usage?token={token}",
    "a busy token, its rare failures": "/usage?token={busy}&result=failed",
    "the page of a token": "/tokens/{token}",
    "the page of a busy token": "/tokens/{busy}",
}


@dataclass(frozen=True)
class Volume:
    """The number of calls in seven days, and of tokens and users."""

    calls: int = 10_000_000
    size: admin.Size = admin.Size(users=200, tokens=2_000)


FULL = Volume()
QUICK = Volume(calls=2_000, size=admin.QUICK)


def lines(volume: Volume) -> Iterator[str]:
    """Fill a database and time every page, in a Markdown table."""
    with databases.empty_database("postgresql", "history") as url:
        host = host_with_plugin(url, APITOKENS_BCRYPT_ROUNDS=4)
        admin.fill(host, volume.size)
        _call(host, volume.calls)
        client, known = admin.signed_in(host), _known(host)
        yield f"## {databases.version_of(url)}"
        yield ""
        tokens = f"{volume.size.tokens:,} tokens"
        yield f"{volume.calls:,} calls with {tokens} in 7 days, in one account"
        yield ""
        yield "| page | median ms | slowest ms | statements |"
        yield "| --- | ---: | ---: | ---: |"
        for name, path in PAGES.items():
            address = path.format(**known)
            yield admin.line(host, client, name, address, volume.size)
        host.state.recorder.close()
        host.engine.dispose()


def _call(host: Host, calls: int) -> None:
    """Insert the calls, a fifth of them with one token, and their hours."""
    with host.engine.begin() as connection:
        indexes = connection.execute(text(_INDEXES)).all()
    admin.run(host, *[f"DROP INDEX {name}" for name, _definition in indexes])
    with host.engine.begin() as connection:
        for statement in (_CALLS, _HOURS, _SERVICE_HOURS):
            connection.execute(text(statement), {"calls": calls})
    admin.run(host, *[definition for _name, definition in indexes])
    admin.run(host, "VACUUM ANALYZE")


def _known(host: Host) -> dict[str, str]:
    with host.engine.begin() as connection:
        row = connection.execute(text(_SOME)).one()
    return {name: str(value) for name, value in row._mapping.items()}


_INDEXES = """
SELECT indexname, indexdef FROM pg_indexes
WHERE tablename = 'apitokens_call' AND indexname LIKE 'ix_%'
"""
_CALLS = """
INSERT INTO apitokens_call (id, at, account_id, service, token_id, token_name,
    owner_key, method, rule, path, status, result, code, duration, ip, user_agent)
SELECT n, now() - interval '7 days' + n * interval '7 days' / :calls, 'acme',
    COALESCE(t.service, ''), t.id, t.name, COALESCE(CAST(t.owner_id AS text), ''),
    'GET', '/api/tmy', '/api/tmy', (ARRAY[200, 403, 503])[1 + result], result,
    CASE WHEN result = 1 THEN 'insufficient_scope' END, 12, '203.0.113.7', 'bench'
FROM (SELECT n, CASE WHEN n % 5 = 0 THEN 0 ELSE n * 7919 % tokens.number END AS k,
        CASE WHEN n % 5 = 0 THEN CASE WHEN n % (:calls / 100 * 5) = 0 THEN 2 ELSE 0 END
            WHEN n % 67 = 0 THEN 2 WHEN n % 22 = 0 THEN 1 ELSE 0 END AS result
    FROM generate_series(1, CAST(:calls AS bigint)) AS n,
        (SELECT count(*) AS number FROM apitokens_token) AS tokens) AS s
JOIN (SELECT row_number() OVER (ORDER BY id) - 1 AS k, * FROM apitokens_token) AS t
    USING (k)
"""
_HOURS = """
INSERT INTO apitokens_call_hour (account_id, service, token_id, hour, owner_key,
    succeeded, rejected, failed)
SELECT account_id, service, token_id, date_trunc('hour', at, 'UTC'), owner_key,
    count(*) FILTER (WHERE result = 0), count(*) FILTER (WHERE result = 1),
    count(*) FILTER (WHERE result = 2)
FROM apitokens_call GROUP BY 1, 2, 3, 4, 5
"""
_SERVICE_HOURS = """
INSERT INTO apitokens_call_hour (account_id, service, token_id, hour, owner_key,
    succeeded, rejected, failed)
SELECT account_id, service, '', hour, '', sum(succeeded), sum(rejected), sum(failed)
FROM apitokens_call_hour GROUP BY 1, 2, 4
"""
#: a token that calls all the time, another one, its owner, a day
_SOME = """
SELECT (SELECT id FROM apitokens_token ORDER BY id LIMIT 1) AS busy,
    token_id AS token, owner_key AS owner, CAST(at AT TIME ZONE 'UTC' AS date) AS day
FROM apitokens_call WHERE id = (SELECT max(id) - 1 FROM apitokens_call)
"""
