"""Subscriptions of users to services, and the switch of a service for an account."""

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
from flask_apitokens.core.service_events import AccessDecided
from flask_apitokens.core.service_events import ServiceChanged
from flask_apitokens.core.service_events import SubscriptionChanged
from flask_apitokens.core.snapshots import ServiceSettingSnapshot
from flask_apitokens.db.models import ServiceSetting
from flask_apitokens.db.models import Subscription
from flask_apitokens.errors import Conflict
from flask_apitokens.errors import ServiceUnavailable
from flask_apitokens.errors import UserNotFound
from flask_apitokens.i18n import gettext as _


def states(ctx: Context, user: Any) -> dict[str, bool]:
    """Return every service of the user's account, and whether *user* may use it now.

    The subscription of the user decides, else the service's ``default_active``. A
    service that is switched off for the account is off for all its users. For a user
    who may not use the API, every service is off.
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
    """Return every service of an account, and whether it is switched on there."""
    switched_off = _switched_off(ctx, account_id)
    return {slug: slug not in switched_off for slug in ctx.services_of(account_id)}


def is_on(ctx: Context, account_id: str, slug: str) -> bool:
    """Return whether an account has the service *slug*, and has it switched on."""
    return services_on(ctx, account_id).get(slug, False)


def _switched_off(ctx: Context, account_id: str) -> set[str]:
    setting = ctx.models.ServiceSetting
    query = select(setting.service).where(
        setting.account_id == account_id, setting.active.is_(False)
    )
    return set(ctx.session.scalars(query))


def is_active(ctx: Context, user: Any, slug: str) -> bool:
    """Return whether *user* may use the service *slug* now.

    False for a service that is not declared.
    """
    return states(ctx, user).get(slug, False)


def subscriptions_of(ctx: Context, user: Any) -> Sequence[Subscription]:
    """Return the stored subscriptions of *user*, in the order of the services."""
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
    """Return users with a stored subscription to a service.

    :param account_id: only users of this account; None for the users of all accounts.
    :returns: for each the user, the subscription, and whether the user may use the
        service now.
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
    """Return the accounts in which each declared service is switched off."""
    setting = ctx.models.ServiceSetting
    query = select(setting.service, setting.account_id).where(setting.active.is_(False))
    found: dict[str, list[str]] = {slug: [] for slug in ctx.catalog.services}
    for slug, account_id in ctx.session.execute(query.order_by(setting.account_id)):
        if slug in found:
            found[slug].append(account_id)
    return found


def activate(ctx: Context, user: Any, slug: str, *, actor: Actor) -> Subscription:
    """Let *user* use the service *slug*; this approves a request that waits for it.

    :raises ServiceUnavailable: if no such service is declared.
    """
    return _switch(ctx, user, slug, active=True, actor=actor)


def deactivate(ctx: Context, user: Any, slug: str, *, actor: Actor) -> Subscription:
    """Stop *user* from using the service *slug*; the tokens for it are paused.

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
        # This is what the user asked for, so no administrator needs to decide it.
        approve(ctx, row, actor=actor)
    switch(ctx, row, active=active, actor=actor)
    record_change(ctx, row, user, actor=actor)
    if answers:
        record_decision(ctx, row, user, actor=actor, is_logged=False)
    ctx.session.flush()
    return row


def _is_asked_for(ctx: Context, user: Any, row: Subscription) -> bool:
    """Return whether *user* has asked for it, in the account the user is in now."""
    return is_waiting(row) and row.request_account == ctx.account_of(user)


def is_waiting(row: Subscription) -> bool:
    """Return whether a request was made and is not decided yet."""
    return row.requested_at is not None and row.decided_at is None


def approve(ctx: Context, row: Subscription, *, actor: Actor) -> None:
    """Approve a request in the row alone; the caller records the event."""
    row.decided_at, row.decided_by = ctx.now(), actor.label
    row.decision, row.decision_reason = "approved", None


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
    """Return the subscription of *user*, locked until the transaction ends.

    A new one is added to the session if none is stored.

    :param slug: the service; empty for the API as a whole.
    :raises UserNotFound: if the user was deleted.
    """
    model = ctx.models.Subscription
    user_id = ctx.models.user_id(user)
    if not ctx.lock_user(user_id):
        raise UserNotFound
    query = select(model).where(model.user_id == user_id, model.service == slug)
    # populate_existing: this transaction may have read the row before the lock.
    query = query.with_for_update().execution_options(populate_existing=True)
    row = ctx.session.scalars(query).one_or_none()
    if row is None:
        row = model(user_id=user_id, service=slug)
        ctx.session.add(row)
    return row


def switch(ctx: Context, row: Subscription, *, active: bool, actor: Actor) -> None:
    """Switch a subscription in the row alone; the caller records the event."""
    row.active = active
    row.changed_at, row.changed_by = ctx.now(), actor.label


def switch_service(
    ctx: Context, account_id: str, slug: str, *, active: bool, actor: Actor
) -> ServiceSetting:
    """Switch a service for a whole account. The tokens of a service that is off pause.

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
    # This SELECT takes no lock. For a missing row, MariaDB would give several requests
    # a lock on the gap, and then none of them could insert the row.
    model = ctx.models.ServiceSetting
    query = select(model.id).where(model.account_id == account_id)
    return ctx.session.scalar(query.where(model.service == slug)) is not None


def _setting(ctx: Context, account_id: str, slug: str) -> ServiceSetting | None:
    """Return the stored switch, locked until the transaction ends."""
    model = ctx.models.ServiceSetting
    query = select(model).where(model.account_id == account_id, model.service == slug)
    query = query.with_for_update().execution_options(populate_existing=True)
    return ctx.session.scalars(query).one_or_none()


def _new_setting(ctx: Context, account_id: str, slug: str) -> ServiceSetting:
    """Insert a switch that is on, as it is before its first change."""
    values = {"account_id": account_id, "service": slug, "active": True}
    values |= {"changed_at": ctx.now(), "changed_by": ""}
    # Another request may have inserted it meanwhile.
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

    # A plain INSERT that finds the row of another request takes a shared lock on it.
    # Two requests with shared locks deadlock when both want to change the row.
    made = insert_or_lock(model).values(values)
    return made.on_duplicate_key_update(service=made.inserted.service)
