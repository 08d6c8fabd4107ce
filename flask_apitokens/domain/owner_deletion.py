"""Delete what belongs to a user whom the host deletes through its session."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import Connection
from sqlalchemy import Select
from sqlalchemy import delete as delete_from
from sqlalchemy import insert
from sqlalchemy import select

from flask_apitokens.core.actor import SYSTEM
from flask_apitokens.core.events import TokenDeleted
from flask_apitokens.core.snapshots import TokenSnapshot
from flask_apitokens.db.mapping import Models


def delete_tokens_of(
    connection: Connection, models: Models, owner_id: Any, *, at: datetime
) -> list[TokenDeleted]:
    """Delete the tokens and subscriptions of a user who is being deleted.

    The foreign keys do it as well, but SQLite ignores them by default, and a user who
    later gets the same key must not inherit tokens.

    This runs inside the flush that deletes the user, where a session takes no new
    rows. So the rows of the audit log go by the connection.

    :returns: an event for each token; the caller records them.
    """
    token = models.Token
    deleted = [
        _deleted(row, owner_id, at=at)
        for row in connection.execute(_tokens_of(models, owner_id)).all()
    ]
    for event in deleted:
        connection.execute(insert(models.Event).values(event.log_columns()))
    connection.execute(delete_from(token).where(token.owner_id == owner_id))
    subscription = models.Subscription
    connection.execute(
        delete_from(subscription).where(subscription.user_id == owner_id)
    )
    return deleted


def _tokens_of(models: Models, owner_id: Any) -> Select[Any]:
    """Return the query of a user's tokens, each with the last label of its owner.

    The user is being deleted and cannot be asked, so the label is the one that the
    audit log had last.
    """
    token, event = models.Token, models.Event
    label = (
        select(event.subject_label)
        .where(event.token_id == token.id, event.subject_label.is_not(None))
        .order_by(event.id.desc())
        .limit(1)
        .scalar_subquery()
        .label("owner_label")
    )
    columns = (
        *(token.id, token.name, token.kind, token.service, token.scopes),
        *(token.networks, token.account_id, token.expires_at, label),
    )
    return select(*columns).where(token.owner_id == owner_id)


def _deleted(row: Any, owner_id: Any, *, at: datetime) -> TokenDeleted:
    values = {**row._mapping, "networks": tuple(row.networks or ())}
    token = TokenSnapshot(owner_id=owner_id, userless=False, **values)
    return TokenDeleted(at=at, actor=SYSTEM, token=token, owner_deleted=True)
