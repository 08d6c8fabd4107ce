"""The status of a token, in SQL and in Python: what the guard would answer now."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from sqlalchemy import Boolean
from sqlalchemy import ColumnElement
from sqlalchemy import Select
from sqlalchemy import and_
from sqlalchemy import case
from sqlalchemy import exists
from sqlalchemy import false
from sqlalchemy import func
from sqlalchemy import not_
from sqlalchemy import or_
from sqlalchemy import select

from flask_apitokens.core.context import Context
from flask_apitokens.core.user_model import active_column
from flask_apitokens.db.models import Token

from . import expiry as token_expiry
from . import subscriptions
from . import users as account_users
from . import validation

STATUSES = ("active", "expiring", "paused", "expired", "revoked", "deactivated")


def has_status(
    ctx: Context, status: str, paused: ColumnElement[bool]
) -> ColumnElement[bool]:
    """Whether a token has a status, in words that an index can be used for.

    :param status: one of :data:`STATUSES`; nothing has another.
    :param paused: from :func:`paused_anywhere` or :func:`paused_in`.
    """
    model, now = ctx.models.Token, ctx.now()
    near = token_expiry.is_near(ctx, model)
    unstopped = and_(model.revoked_at.is_(None), model.deactivated_at.is_(None))
    works = and_(validation.is_usable(ctx, model), not_(paused))
    later = or_(model.expires_at.is_(None), not_(near))
    conditions = {
        "revoked": model.revoked_at.is_not(None),
        "deactivated": and_(
            model.revoked_at.is_(None), model.deactivated_at.is_not(None)
        ),
        "expired": and_(unstopped, model.expires_at <= now),
        "paused": and_(validation.is_usable(ctx, model), paused),
        "expiring": and_(works, near),
        "active": and_(works, later),
    }
    # What is no status may be text that no database takes.
    return conditions.get(status, false())


def statuses_of(
    ctx: Context, tokens: Collection[Token], *, account_id: str | None = None
) -> dict[str, str]:
    """The status of each of *tokens* by its id, whoever owns it, in one statement.

    :param account_id: the account they are all of, where they are of one.
    """
    model = ctx.models.Token
    if not tokens:
        return {}
    if account_id is None:
        paused = paused_anywhere(ctx)
    else:
        owners = {token.owner_id for token in tokens if token.owner_id is not None}
        paused = paused_in(ctx, account_id, owners)
    status = _status_sql(ctx, paused)
    ids = [token.id for token in tokens]
    rows = ctx.session.execute(select(model.id, status).where(model.id.in_(ids)))
    return {row[0]: row[1] for row in rows}


def _status_sql(ctx: Context, paused: ColumnElement[bool]) -> ColumnElement[str]:
    model, now = ctx.models.Token, ctx.now()
    return case(
        (model.revoked_at.is_not(None), "revoked"),
        (model.deactivated_at.is_not(None), "deactivated"),
        (model.expires_at <= now, "expired"),
        (paused, "paused"),
        (token_expiry.is_near(ctx, model), "expiring"),
        else_="active",
    )


def paused_anywhere(ctx: Context) -> ColumnElement[bool]:
    """Whether a token's service is off for it, whatever account it is of."""
    model, subscription = ctx.models.Token, ctx.models.Subscription
    setting, services = ctx.models.ServiceSetting, ctx.catalog.services
    by_default = [slug for slug, service in services.items() if service.default_active]
    own = select(subscription.active).where(
        subscription.user_id == model.owner_id, subscription.service == model.service
    )
    switched_off = exists().where(
        setting.account_id == model.account_id,
        setting.service == model.service,
        setting.active.is_(False),
    )
    open_to_all = or_(model.userless.is_(True), model.service.in_(by_default))
    return and_(
        model.service.is_not(None),
        or_(
            model.service.not_in(list(services)),
            switched_off,
            not_(func.coalesce(own.scalar_subquery(), open_to_all)),
        ),
    )


def paused_in(
    ctx: Context, account_id: str, owners: Collection[Any] | None = None
) -> ColumnElement[bool]:
    """Whether a token of an account is off through no act on itself.

    What only the host's callables know is left to the guard. Each subquery is about all
    users at once: a database runs it once, and not for each of a million tokens.

    :param owners: the keys of those whose tokens are looked at, where they are few.
    """
    model = ctx.models.Token
    on = [slug for slug, on in subscriptions.services_on(ctx, account_id).items() if on]
    # Said first, since nothing compared with NULL is false, nor its opposite true.
    bound = model.service.is_not(None)
    owner_off = [
        and_(bound, model.service == slug, _unsubscribed(ctx, slug, owners))
        for slug in on
    ]
    owner_off.append(model.owner_id.not_in(_entitled(ctx, account_id, owners)))
    service_off = and_(bound, model.service.not_in(on))
    return or_(service_off, and_(model.userless.is_(False), or_(*owner_off)))


def _unsubscribed(
    ctx: Context, slug: str, owners: Collection[Any] | None
) -> ColumnElement[bool]:
    """Whether the owner of a token is not subscribed to the service."""
    model = ctx.models.Subscription
    owner_id: ColumnElement[Any] = ctx.models.Token.owner_id
    default = ctx.catalog.services[slug].default_active
    differ = select(model.user_id).where(
        model.service == slug, model.active.is_(not default)
    )
    if owners is not None:
        differ = differ.where(model.user_id.in_(owners))
    return owner_id.in_(differ) if default else owner_id.not_in(differ)


def _entitled(
    ctx: Context, account_id: str, owners: Collection[Any] | None
) -> Select[Any]:
    """The keys of an account's users whose tokens the guard accepts."""
    keys = account_users.keys_of(ctx, account_id)
    if owners is not None:
        keys = keys.where(ctx.models.user_key.in_(owners))
    for column in (
        active_column(ctx.models.user),
        ctx.callbacks.permission_column,
    ):
        # Whether anything else is true only Python knows, and the guard.
        if column is not None and isinstance(column.type, Boolean):
            keys = keys.where(column)
    return keys


def status_of(ctx: Context, token: Token, *, paused: bool = False) -> str:
    """One of :data:`STATUSES`; the first that fits, as in the list of them reversed.

    :param paused: whether its owner may not use its service now.
    """
    now = ctx.now()
    if token.revoked_at is not None:
        return "revoked"
    if token.deactivated_at is not None:
        return "deactivated"
    if token.expires_at is not None and token.expires_at <= now:
        return "expired"
    if paused:
        return "paused"
    return "expiring" if token_expiry.ends_soon(ctx, token) else "active"
