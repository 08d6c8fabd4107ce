"""The guard's SELECT, written once in SQLAlchemy Core: a token by its public id."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from typing import NamedTuple

from sqlalchemy import Select
from sqlalchemy import String
from sqlalchemy import and_
from sqlalchemy import bindparam
from sqlalchemy import case
from sqlalchemy import literal_column
from sqlalchemy import null
from sqlalchemy import select
from sqlalchemy import true

from flask_apitokens.core.callbacks import Callbacks
from flask_apitokens.core.user_model import active_column
from flask_apitokens.db.mapping import Models


class TokenRow(NamedTuple):
    """What the guard needs to know, in the order of the statement's columns.

    A statement that leaves out the last columns leaves their defaults.
    """

    id: str
    check_digest: bytes
    secret_hash: str
    kind: str
    name: str
    service: str | None
    scopes: tuple[str, ...] | None
    account_id: str
    userless: bool
    owner_id: Any
    expires_at: datetime | None
    networks: tuple[str, ...] | None
    #: "revoked" or "deactivated", None for a token that nothing has stopped
    stopped: str | None
    #: the key in the user table, None if the user is deleted
    owner_key: Any
    owner_active: Any
    #: the owner's account and permission, if a column of the user table holds them
    owner_account: Any
    owner_permitted: Any
    subscription_active: bool | None = None
    service_active: bool | None = None
    #: the digest of the email address that the token is bound to, and today's address
    email_digest: bytes | None = None
    owner_email: Any = None

    def __repr__(self) -> str:
        # Without digests and hashes: a row may come into a log or a traceback.
        return f"TokenRow({self.id!r}, kind={self.kind!r}, service={self.service!r})"


#: the columns that the token's own table has under the same name
_TOKEN_COLUMNS = TokenRow._fields[:12]


def select_by_id(models: Models, tokens: Select[Any]) -> Select[Any]:
    """Return the SELECT of the token with a public id.

    :param tokens: from :func:`select_tokens`.
    """
    return tokens.where(models.tables[0].c.id == bindparam("token_id"))


def select_tokens(
    models: Models, callbacks: Callbacks, *, with_services: bool, bound_to_email: bool
) -> Select[Any]:
    """Return the SELECT of the columns of :class:`TokenRow`, of all tokens.

    :param callbacks: name the columns that hold the owner's account, permission and
        email address.
    :param with_services: whether the application declares services. Without any, the
        subscriptions and service settings are not joined.
    :param bound_to_email: whether a token ends with its owner's email address.
    """
    # The tables, not the mapped classes: their attributes would take a third of a MiB.
    # The user is the class, because it may be mapped to more than one table.
    tokens, subscriptions, settings, *_ = models.tables
    token, subscription, setting = tokens.c, subscriptions.c, settings.c
    active = active_column(models.user)
    columns: list[Any] = [token[name] for name in _TOKEN_COLUMNS]
    columns += [
        _stopped(token),
        models.user_key.label("owner_key"),
        (true() if active is None else active).label("owner_active"),
        _or_null(callbacks.account_column).label("owner_account"),
        _or_null(callbacks.permission_column).label("owner_permitted"),
    ]
    if with_services:
        columns += [subscription.active, setting.active.label("service_active")]
    if bound_to_email:
        if not with_services:
            columns += [null().label("no_subscription"), null().label("no_service")]
        columns += [token.email_digest]
        columns += [_or_null(callbacks.email_column).label("owner_email")]
    query = select(*columns).select_from(tokens)
    query = query.outerjoin(models.user, models.user_key == token.owner_id)
    return _join_services(models, query) if with_services else query


def _join_services(models: Models, query: Select[Any]) -> Select[Any]:
    """Join the owner's subscription to the service, and the account's setting."""
    tokens, subscriptions, settings, *_ = models.tables
    token, subscription, setting = tokens.c, subscriptions.c, settings.c
    of_owner = and_(
        subscription.user_id == token.owner_id,
        subscription.service == token.service,
    )
    of_account = and_(
        setting.account_id == token.account_id, setting.service == token.service
    )
    query = query.outerjoin(subscriptions, of_owner)
    return query.outerjoin(settings, of_account)


def _or_null(column: Any) -> Any:
    return null() if column is None else column


def _stopped(token: Any) -> Any:
    """Return the word for what stopped a token.

    The guard does not need to know when, and psycopg takes four microseconds to load a
    timestamp.
    """
    states = {"revoked": token.revoked_at, "deactivated": token.deactivated_at}
    whens = [
        (at.is_not(None), literal_column(f"'{word}'", String))
        for word, at in states.items()
    ]
    return case(*whens).label("stopped")
