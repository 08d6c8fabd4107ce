"""Who may use which service."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import select

from . import audit
from .catalog import Service
from .domain import Actor
from .domain import Domain
from .errors import ServiceUnavailable
from .models import Subscription


def states(domain: Domain, user: Any) -> dict[str, bool]:
    """Every declared service and whether *user* may use it now.

    A subscription of the user decides, else the service's ``default_active``; a
    service switched off for the account is off for all.
    """
    subscription = domain.models.Subscription
    query = select(subscription.service, subscription.active).where(
        subscription.user_id == domain.models.user_id(user)
    )
    own = {row.service: row.active for row in domain.session.execute(query)}
    switched_off = _switched_off(domain, domain.account_of(user))
    return {
        slug: slug not in switched_off and own.get(slug, service.default_active)
        for slug, service in domain.catalog.services.items()
    }


def _switched_off(domain: Domain, account_id: str) -> set[str]:
    setting = domain.models.ServiceSetting
    query = select(setting.service).where(
        setting.account_id == account_id, setting.active.is_(False)
    )
    return set(domain.session.scalars(query))


def active_services(domain: Domain, user: Any) -> list[Service]:
    """The services *user* may generate tokens for, in the order of declaration."""
    active = states(domain, user)
    return [s for slug, s in domain.catalog.services.items() if active[slug]]


def is_active(domain: Domain, user: Any, slug: str) -> bool:
    """Whether *user* may use the service *slug* now; an unknown one, never."""
    return states(domain, user).get(slug, False)


def subscriptions_of(domain: Domain, user: Any) -> Sequence[Subscription]:
    """The stored subscriptions of *user*, by service."""
    model = domain.models.Subscription
    query = (
        select(model)
        .where(model.user_id == domain.models.user_id(user))
        .order_by(model.service)
    )
    return domain.session.scalars(query).all()


def activate(domain: Domain, user: Any, slug: str, *, actor: Actor) -> Subscription:
    """Let *user* use the service *slug* from now on.

    :raises ServiceUnavailable: if no such service is declared.
    """
    return _switch(domain, user, slug, active=True, actor=actor)


def deactivate(domain: Domain, user: Any, slug: str, *, actor: Actor) -> Subscription:
    """Stop *user* from using the service *slug*: tokens are paused, not deleted.

    :raises ServiceUnavailable: if no such service is declared.
    """
    return _switch(domain, user, slug, active=False, actor=actor)


def _switch(
    domain: Domain, user: Any, slug: str, *, active: bool, actor: Actor
) -> Subscription:
    if slug not in domain.catalog.services:
        raise ServiceUnavailable
    model = domain.models.Subscription
    user_id = domain.models.user_id(user)
    domain.hold_user(user_id)
    query = select(model).where(model.user_id == user_id, model.service == slug)
    row = domain.session.scalars(query.with_for_update()).one_or_none()
    if row is not None and row.active == active:
        return row
    if row is None:
        row = model(user_id=user_id, service=slug)
        domain.session.add(row)
    row.active = active
    row.changed_at = domain.now()
    row.changed_by = actor.label
    action = "activated" if active else "deactivated"
    audit.note_subscription(domain, action, slug, user=user, actor=actor)
    domain.session.flush()
    domain.notify("subscription_changed", subscription=row, actor=actor)
    return row
