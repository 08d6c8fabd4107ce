"""Who may use which service."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from typing import Any

from sqlalchemy import Executable
from sqlalchemy import insert
from sqlalchemy import select
from sqlalchemy.exc import IntegrityError

from flask_apitokens.core.actor import Actor
from flask_apitokens.core.context import Context
from flask_apitokens.core.events import AccessDecided
from flask_apitokens.core.events import ServiceChanged
from flask_apitokens.core.events import ServiceSettingSnapshot
from flask_apitokens.core.events import SubscriptionChanged
from flask_apitokens.db.models import ServiceSetting
from flask_apitokens.db.models import Subscription
from flask_apitokens.errors import Conflict
from flask_apitokens.errors import ServiceUnavailable
from flask_apitokens.i18n import gettext as _


def states(ctx: Context, user: Any) -> dict[str, bool]:
    """Every service of the user's account and whether *user* may use it now.

    A subscription of the user decides, else the service's ``default_active``; a
    service switched off for the account is off for all, and so is every one for a user
    who may not use the API.
    """
    subscription = ctx.models.Subscription
    query = select(subscription.service, subscription.active).where(
        subscription.user_id == ctx.models.user_id(user),
        subscription.active.is_not(None),
    )
    own = {row.service: row.active for row in ctx.session.execute(query)}
    account_id = ctx.account_of(user)
    switched_off = _switched_off(ctx, account_id)
    allowed = ctx.may_use_api(user)
    return {
        slug: allowed
        and slug not in switched_off
        and own.get(slug, service.default_active)
        for slug, service in ctx.services_of(account_id).items()
    }


def services_on(ctx: Context, account_id: str) -> dict[str, bool]:
    """Every service of an account and whether it is switched on there."""
    switched_off = _switched_off(ctx, account_id)
    return {slug: slug not in switched_off for slug in ctx.services_of(account_id)}


def is_on(ctx: Context, account_id: str, slug: str) -> bool:
    """Whether an account has the service *slug* and it is switched on there."""
    return services_on(ctx, account_id).get(slug, False)


def _switched_off(ctx: Context, account_id: str) -> set[str]:
    setting = ctx.models.ServiceSetting
    query = select(setting.service).where(
        setting.account_id == account_id, setting.active.is_(False)
    )
    return set(ctx.session.scalars(query))


def is_active(ctx: Context, user: Any, slug: str) -> bool:
    """Whether *user* may use the service *slug* now; an unknown one, never."""
    return states(ctx, user).get(slug, False)


def subscriptions_of(ctx: Context, user: Any) -> Sequence[Subscription]:
    """The stored subscriptions of *user*, by service."""
    model = ctx.models.Subscription
    query = (
        select(model)
        .where(model.user_id == ctx.models.user_id(user), model.active.is_not(None))
        .order_by(model.service)
    )
    return ctx.session.scalars(query).all()


def subscribers(
    ctx: Context, slug: str, account_id: str | None = None
) -> list[tuple[Any, Subscription, bool]]:
    """Users with a stored subscription to a service, and whether they may use it now.

    :param account_id: of this account alone; ``None`` for every account's.
    """
    models, setting = ctx.models, ctx.models.ServiceSetting
    model = models.Subscription
    query = (
        select(models.user, model)
        .join(model, models.user_key == model.user_id)
        .where(model.service == slug, model.active.is_not(None))
        .order_by(models.user_key)
    )
    off = select(setting.account_id).where(
        setting.service == slug, setting.active.is_(False)
    )
    switched_off = set(ctx.session.scalars(off))
    found = []
    for user, row in ctx.session.execute(query).unique():
        account = ctx.account_of(user)
        if account_id in {None, account}:
            there = slug in ctx.services_of(account) and account not in switched_off
            usable = there and bool(row.active) and ctx.may_use_api(user)
            found.append((user, row, usable))
    return found


def accounts_without(ctx: Context) -> dict[str, list[str]]:
    """The accounts in which each declared service is switched off."""
    setting = ctx.models.ServiceSetting
    query = select(setting.service, setting.account_id).where(setting.active.is_(False))
    found: dict[str, list[str]] = {slug: [] for slug in ctx.catalog.services}
    for slug, account_id in ctx.session.execute(query.order_by(setting.account_id)):
        if slug in found:
            found[slug].append(account_id)
    return found


def activate(ctx: Context, user: Any, slug: str, *, actor: Actor) -> Subscription:
    """Let *user* use the service *slug* from now on.

    :raises ServiceUnavailable: if no such service is declared.
    """
    return _switch(ctx, user, slug, active=True, actor=actor)


def deactivate(ctx: Context, user: Any, slug: str, *, actor: Actor) -> Subscription:
    """Stop *user* from using the service *slug*: tokens are paused, not deleted.

    :raises ServiceUnavailable: if no such service is declared.
    """
    return _switch(ctx, user, slug, active=False, actor=actor)


def _switch(
    ctx: Context, user: Any, slug: str, *, active: bool, actor: Actor
) -> Subscription:
    if slug not in ctx.catalog.services:
        raise ServiceUnavailable
    row = get_for_update(ctx, user, slug)
    if row.active == active:
        return row
    answers = active and _is_asked_for(ctx, user, row)
    if answers:
        # It is what they asked for: nobody needs to decide that any more.
        row.decided_at, row.decided_by = ctx.now(), actor.label
        row.decision, row.decision_reason = "approved", None
    switch(ctx, row, active=active, actor=actor)
    record_change(ctx, row, user, actor=actor)
    if answers:
        record_decision(ctx, row, user, actor=actor, is_logged=False)
    ctx.session.flush()
    return row


def _is_asked_for(ctx: Context, user: Any, row: Subscription) -> bool:
    """Whether *user* waits for it, in the account they are in."""
    waits = row.requested_at is not None and row.decided_at is None
    return waits and row.request_account == ctx.account_of(user)


def record_change(
    ctx: Context, row: Subscription, user: Any, *, actor: Actor, is_logged: bool = True
) -> None:
    """Record that the subscription *row* of *user* was switched."""
    changed = SubscriptionChanged(
        at=ctx.now(), actor=actor, subscription=ctx.subscription_snapshot(row, user)
    )
    ctx.record(changed, is_logged=is_logged)


def record_decision(
    ctx: Context, row: Subscription, user: Any, *, actor: Actor, is_logged: bool = True
) -> None:
    """Record that the request of *user* in *row* was approved or declined."""
    decided = AccessDecided(
        at=ctx.now(),
        actor=actor,
        subscription=ctx.subscription_snapshot(row, user),
        approved=row.decision == "approved",
        reason=row.decision_reason or "",
    )
    ctx.record(decided, is_logged=is_logged)


def service_label(ctx: Context, slug: str) -> str:
    """Return the name of a service, or of the API as a whole, inside a sentence."""
    return ctx.catalog.label(slug) if slug else _("the API")


def get_for_update(ctx: Context, user: Any, slug: str) -> Subscription:
    """The subscription of *user*, theirs alone until the transaction ends.

    :param slug: of a service; empty for the API as a whole.
    """
    model = ctx.models.Subscription
    user_id = ctx.models.user_id(user)
    ctx.lock_user(user_id)
    query = select(model).where(model.user_id == user_id, model.service == slug)
    # As it is now, not as this transaction may have read it before.
    query = query.with_for_update().execution_options(populate_existing=True)
    row = ctx.session.scalars(query).one_or_none()
    if row is None:
        row = model(user_id=user_id, service=slug)
        ctx.session.add(row)
    return row


def switch(ctx: Context, row: Subscription, *, active: bool, actor: Actor) -> None:
    """Set what a subscription says from now on, and who said so."""
    row.active = active
    row.changed_at, row.changed_by = ctx.now(), actor.label


def switch_service(
    ctx: Context, account_id: str, slug: str, *, active: bool, actor: Actor
) -> ServiceSetting:
    """Switch a service for a whole account: off, its tokens are paused.

    :raises ServiceUnavailable: if the account has no such service.
    """
    if slug not in ctx.services_of(account_id):
        raise ServiceUnavailable
    ctx.lock_for_write()
    known = _is_stored(ctx, account_id, slug)
    row = (known and _setting(ctx, account_id, slug)) or _new_setting(
        ctx, account_id, slug
    )
    if row.active == active and row.changed_by:
        return row
    row.active = active
    row.changed_at, row.changed_by = ctx.now(), actor.label
    setting = ServiceSettingSnapshot(account_id=account_id, service=slug, active=active)
    ctx.record(ServiceChanged(at=ctx.now(), actor=actor, setting=setting))
    ctx.session.flush()
    return row


def _is_stored(ctx: Context, account_id: str, slug: str) -> bool:
    # Without a lock: MariaDB would lock the gap where there is no row, for several at
    # once, and none of them could put one there.
    model = ctx.models.ServiceSetting
    query = select(model.id).where(model.account_id == account_id)
    return ctx.session.scalar(query.where(model.service == slug)) is not None


def _setting(ctx: Context, account_id: str, slug: str) -> ServiceSetting | None:
    """The stored switch, nobody else's until the transaction ends."""
    model = ctx.models.ServiceSetting
    query = select(model).where(model.account_id == account_id, model.service == slug)
    query = query.with_for_update().execution_options(populate_existing=True)
    return ctx.session.scalars(query).one_or_none()


def _new_setting(ctx: Context, account_id: str, slug: str) -> ServiceSetting:
    """A switch that is on and was touched by nobody yet."""
    values = {"account_id": account_id, "service": slug, "active": True}
    values |= {"changed_at": ctx.now(), "changed_by": ""}
    # Somebody else may have made it meanwhile.
    with suppress(IntegrityError), ctx.session.begin_nested():
        ctx.session.execute(_insertion(ctx, values))
    made = _setting(ctx, account_id, slug)
    if made is None:
        raise Conflict
    return made


def _insertion(ctx: Context, values: dict[str, Any]) -> Executable:
    model = ctx.models.ServiceSetting
    if ctx.dialect not in {"mysql", "mariadb"}:
        return insert(model).values(values)
    from sqlalchemy.dialects.mysql import insert as insert_or_lock

    # Those who meet another's row in a plain INSERT share a lock on it, and then none
    # of them gets it alone.
    made = insert_or_lock(model).values(values)
    return made.on_duplicate_key_update(service=made.inserted.service)
