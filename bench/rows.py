"""The rows of the databases: real tokens, and a million rows around them."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC
from datetime import datetime
from datetime import timedelta
from typing import Any

from sqlalchemy import insert
from sqlalchemy import select
from sqlalchemy import text

from .hosts import ID
from .hosts import Host

SERVICES = ("tmy", "timeseries")
#: real tokens lie between the filling ones in so many places
SLICES = 10


@dataclass(frozen=True)
class Tokens:
    """The plaintexts of a database, by the answer to a call with them."""

    good: Sequence[str]
    expiring: Sequence[str]
    revoked: Sequence[str]


def populate(host: Host, *, tokens: int, users: int, special: int = 20) -> Tokens:
    """Make the tables, users subscribed to both services, and tokens of theirs.

    :param special: how many tokens each of the lesser kinds gets besides.
    """
    soon = datetime.now(UTC) + timedelta(days=90)
    with host.app.app_context():
        host.db.create_all()
        owners = _users(host, users)
        made = Tokens(
            [_token(host, owners, i, f"good {i}") for i in range(tokens)],
            [_token(host, owners, i, f"expiring {i}", soon) for i in range(special)],
            [_token(host, owners, i, f"revoked {i}") for i in range(special)],
        )
        model = host.state.models.Token
        for plaintext in made.revoked:
            host.apitokens.revoke(host.db.session.get(model, plaintext[ID]))
        host.db.session.commit()
    return made


def _users(host: Host, count: int) -> list[Any]:
    session, models = host.db.session, host.state.models
    users = [host.User(email=f"user{i}@example.com") for i in range(count)]
    session.add_all(users)
    session.flush()
    for slug in SERVICES:
        for user in users:
            host.apitokens.subscribe(user, slug)
        switch = {"account_id": "acme", "service": slug, "active": True}
        changed = {"changed_at": datetime.now(UTC), "changed_by": "bench"}
        session.add(models.ServiceSetting(**switch, **changed))
    session.commit()
    return users


def _token(
    host: Host, owners: list[Any], number: int, name: str, ends: datetime | None = None
) -> str:
    owner = owners[number % len(owners)]
    token, plaintext = host.apitokens.generate(
        owner=owner, name=name, service="tmy", scopes=["read"], expires_at=ends
    )
    digest = hashlib.sha256(plaintext.encode()).digest()
    key = host.Key(id=token.id, digest=digest, name=name, user_id=owner.id)
    host.db.session.add(key)
    return str(plaintext)


def copy_grown(source: Host, target: Host, *, rows: int) -> None:
    """Copy *source* and add filling rows, to *rows* tokens in all.

    Not what is numbered by the database itself while calls are made: copied rows would
    have the numbers of those to come. There is a user and a subscription to every five
    tokens. The filling rows are copies of a real one under other ids; no call ever
    asks for them.
    """
    with target.app.app_context():
        target.db.create_all()
    tables = {table.name: table for table in source.db.metadata.sorted_tables}
    copied = [table for table in tables.values() if table.name not in _NUMBERED]
    content = _content(source, copied)
    real = content.pop("apitokens_token")
    filling = max(0, rows - len(real)) // SLICES
    with target.engine.begin() as connection:
        for name, records in content.items():
            if records:
                connection.execute(insert(tables[name]), records)
        for table in ("bench_user", "apitokens_subscription"):
            _multiply(connection, tables[table], first=1_000_000, count=rows // 5)
        for number in range(SLICES):
            connection.execute(insert(tables["apitokens_token"]), real[number::SLICES])
            first = number * filling
            _multiply(connection, tables["apitokens_token"], first=first, count=filling)
    with target.engine.connect().execution_options(
        isolation_level="AUTOCOMMIT"
    ) as connection:
        connection.execute(text("ANALYZE"))


def _content(host: Host, tables: list[Any]) -> dict[str, list[dict[str, Any]]]:
    with host.engine.connect() as connection:
        return {
            table.name: [dict(r) for r in connection.execute(select(table)).mappings()]
            for table in tables
        }


def _multiply(connection: Any, table: Any, *, first: int, count: int) -> None:
    """Add *count* copies of a row of *table*, numbered from *first*, in SQL alone."""
    dialect = connection.dialect.name
    own = _OWN_VALUES[dialect][table.name]
    names = [column.name for column in table.columns]
    values = ", ".join(own.get(name, f"t.{name}") for name in names)
    series = {
        "sqlite": (
            "(WITH RECURSIVE s(n) AS (SELECT :first UNION ALL SELECT n + 1 FROM s "
            "WHERE n + 1 < :last) SELECT n FROM s)"
        ),
        "postgresql": "(SELECT generate_series(:first, :last - 1)::bigint AS n)",
    }[dialect]
    connection.execute(
        text(
            f"INSERT INTO {table.name} ({', '.join(names)}) SELECT {values} FROM "  # noqa: S608
            f"{series} AS s, (SELECT * FROM {table.name} LIMIT 1) AS t"
        ),
        {"first": first, "last": first + count},
    )


#: what a guarded call adds to
_NUMBERED = ("apitokens_call", "apitokens_call_hour", "apitokens_event")
#: an odd factor shuffles the numbers over the ids' range without two ever meeting
_SHUFFLED = "(n * 25214903917) % 281474976710656"
_OWN_VALUES = {
    "sqlite": {
        "bench_user": {"id": "n", "email": "'user' || n || '@example.com'"},
        "apitokens_subscription": {"id": "n", "user_id": "n"},
        "apitokens_token": {
            "id": f"printf('%012x', {_SHUFFLED})",
            "check_digest": "randomblob(16)",
            "live_name": "randomblob(32)",
            "owner_id": "1000000 + n / 5",
        },
    },
    "postgresql": {
        "bench_user": {"id": "n", "email": "'user' || n || '@example.com'"},
        "apitokens_subscription": {"id": "n", "user_id": "n"},
        "apitokens_token": {
            "id": f"lpad(to_hex({_SHUFFLED}), 12, '0')",
            "check_digest": "decode(md5(n::text), 'hex')",
            "live_name": "decode(md5(n::text) || md5(n::text), 'hex')",
            "owner_id": "1000000 + n / 5",
        },
    },
}
