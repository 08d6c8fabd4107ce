"""The status of a token, in SQL and in Python, as the guard sees it now."""

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
#: groups of statuses that figures count: tokens that have not ended, and those of them
#: that expire soon without a successor
GROUPS = ("live", "ending")


def has_status(
    ctx: Context, status: str, paused: ColumnElement[bool]
) -> ColumnElement[bool]:
    """Return whether a token has a status, as a condition that can use an index.

    :param status: one of :data:`STATUSES` or :data:`GROUPS`; no token has any other.
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
        "live": validation.is_usable(ctx, model),
        "ending": is_ending(ctx),
    }
    # A status that does not exist may be text that the database refuses in a query.
    return conditions.get(status, false())


def is_ending(ctx: Context) -> ColumnElement[bool]:
    """Return whether a token expires soon and has no successor yet."""
    model = ctx.models.Token
    return and_(
        validation.is_usable(ctx, model),
        token_expiry.is_near(ctx, model),
        # A rotated token needs no warning: it has a successor.
        model.successor_id.is_(None),
    )


def statuses_of(
    ctx: Context, tokens: Collection[Token], *, account_id: str | None = None
) -> dict[str, str]:
    """Return the status of each of *tokens* by its id, in one statement.

    :param account_id: the account of all the tokens; None if they are of several.
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
    """Return whether the service of a token of any account is off for it."""
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
    """Return whether a token of an account is paused.

    It is paused if its service is off, its owner has no subscription, or its owner is
    disabled. Functions of the host cannot be called in SQL, so what they say is left
    out. Each subquery is about all users, so that the database runs it once and not
    once for each token.

    :param owners: the keys of the owners, if the tokens have few.
    """
    model = ctx.models.Token
    on = [slug for slug, on in subscriptions.services_on(ctx, account_id).items() if on]
    # A comparison with NULL is neither true nor false, so it must be excluded first.
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
    """Return whether the owner of a token is not subscribed to the service."""
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
    """Return the keys of an account's users whose tokens the guard accepts."""
    keys = account_users.keys_of(ctx, account_id)
    if owners is not None:
        keys = keys.where(ctx.models.user_key.in_(owners))
    for column in (
        active_column(ctx.models.user),
        ctx.callbacks.permission_column,
    ):
        # A column of another type has a truth value in Python alone.
        if column is not None and isinstance(column.type, Boolean):
            keys = keys.where(column)
    return keys


def status_of(ctx: Context, token: Token, *, paused: bool = False) -> str:
    """Return the status of a loaded token, one of :data:`STATUSES`.

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
