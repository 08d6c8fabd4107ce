"""Requests for access to a service, and the decisions on them."""

from __future__ import annotations

from collections.abc import Collection
from collections.abc import Mapping
from collections.abc import Sequence
from typing import Any

from sqlalchemy import ColumnElement
from sqlalchemy import Select
from sqlalchemy import and_
from sqlalchemy import func
from sqlalchemy import select

from flask_apitokens.core.actor import Actor
from flask_apitokens.core.context import Context
from flask_apitokens.core.service_events import AccessRequested
from flask_apitokens.core.service_events import AccessWithdrawn
from flask_apitokens.db import pagination
from flask_apitokens.db.models import Subscription
from flask_apitokens.db.pagination import Page
from flask_apitokens.errors import Conflict
from flask_apitokens.errors import DomainError
from flask_apitokens.errors import NotFound
from flask_apitokens.i18n import ngettext as _n

from . import subscriptions
from . import users as account_users
from . import validation
from .tokens import SELECTION_LIMIT

#: the slug of a request for the API as a whole
WHOLE_API = ""
PAGE_SIZE = 25


def _waits(ctx: Context) -> ColumnElement[bool]:
    model = ctx.models.Subscription
    return and_(model.requested_at.is_not(None), model.decided_at.is_(None))


def requestable(
    ctx: Context, user: Any, states: Mapping[str, bool] | None = None
) -> list[str]:
    """Return the services that *user* can ask for, or the API as a whole.

    A service that is switched off for the whole account cannot be asked for.

    :param states: the result of :func:`.subscriptions.states`, if the caller has it.
    """
    if not ctx.may_use_api(user):
        return [WHOLE_API]
    if states is None:
        states = subscriptions.states(ctx, user)
    if all(states.values()):
        return []
    on = subscriptions.services_on(ctx, ctx.account_of(user))
    return [slug for slug, active in states.items() if not active and on[slug]]


def requests_of(ctx: Context, user: Any) -> dict[str, Subscription]:
    """Return the requests of *user* in the present account, by service.

    Decided requests are included.
    """
    model = ctx.models.Subscription
    query = select(model).where(
        model.user_id == ctx.models.user_id(user),
        model.requested_at.is_not(None),
        model.request_account == ctx.account_of(user),
    )
    found = ctx.session.scalars(query.order_by(model.requested_at))
    return {row.service: row for row in found}


def request(
    ctx: Context, user: Any, slug: str, *, reason: str, actor: Actor
) -> Subscription:
    """Ask for access.

    :param slug: one of :func:`requestable`.
    :param reason: a text for the administrators.
    :raises Conflict: if the user has the access, or has asked for it already.
    :raises InvalidReason: if the reason cannot be stored.
    """
    text = validation.clean_reason(ctx, reason)
    if slug not in requestable(ctx, user):
        raise Conflict
    row = subscriptions.get_for_update(ctx, user, slug)
    account_id = ctx.account_of(user)
    if subscriptions.is_waiting(row) and row.request_account == account_id:
        raise Conflict
    row.request_account = account_id
    row.requested_at, row.request_reason = ctx.now(), text or None
    row.decided_at = row.decided_by = row.decision = row.decision_reason = None
    subscription = ctx.subscription_snapshot(row, user)
    ctx.record(
        AccessRequested(
            at=ctx.now(), actor=actor, subscription=subscription, reason=text
        )
    )
    ctx.session.flush()
    return row


def withdraw(ctx: Context, user: Any, slug: str, *, actor: Actor) -> Subscription:
    """Withdraw a request.

    :raises Conflict: if no such request waits; it may have been decided meanwhile.
    """
    if slug not in requests_of(ctx, user):
        # The slug may be text that the database refuses in a query.
        raise Conflict
    row = subscriptions.get_for_update(ctx, user, slug)
    if not subscriptions.is_waiting(row):
        raise Conflict
    row.requested_at = row.request_reason = None
    subscription = ctx.subscription_snapshot(row, user)
    ctx.record(AccessWithdrawn(at=ctx.now(), actor=actor, subscription=subscription))
    ctx.session.flush()
    return row


def decide(
    ctx: Context,
    account_id: str,
    request_id: int,
    *,
    approve: bool,
    reason: str = "",
    actor: Actor,
) -> Subscription:
    """Approve or decline a request by its number, as :func:`settle` does.

    :raises NotFound: if the account has no such request.
    :raises Conflict: if it was decided or withdrawn meanwhile, or if the account no
        longer has the service.
    :raises InvalidReason: if the reason cannot be stored.
    """
    row, user = find(ctx, account_id, request_id)
    slug = row.service
    return settle(ctx, user, slug, approve=approve, reason=reason, actor=actor)


def settle(
    ctx: Context,
    user: Any,
    slug: str,
    *,
    approve: bool,
    reason: str = "",
    actor: Actor,
) -> Subscription:
    """Approve or decline a request. Approval subscribes the user to the service.

    The host grants the API as a whole itself (``can_use_api``), for example in a
    receiver of the signal ``access_decided``.

    :param user: the user who asked, in the same account as now.
    :param slug: the service; empty for the API as a whole.
    :raises Conflict: if no such request waits, or if the account no longer has the
        service.
    :raises InvalidReason: if the reason cannot be stored.
    """
    text = validation.clean_reason(ctx, reason)
    if slug not in requests_of(ctx, user):
        raise Conflict
    account_id = ctx.account_of(user)
    row = subscriptions.get_for_update(ctx, user, slug)
    if not subscriptions.is_waiting(row):
        raise Conflict
    if approve and not is_grantable(ctx, account_id, slug):
        raise Conflict
    row.decided_at, row.decided_by = ctx.now(), actor.label
    row.decision = "approved" if approve else "declined"
    row.decision_reason = text or None
    if approve and slug != WHOLE_API:
        subscriptions.switch(ctx, row, active=True, actor=actor)
        # The audit log has the approval, which says as much.
        subscriptions.record_change(ctx, row, user, actor=actor, is_logged=False)
    subscriptions.record_decision(ctx, row, user, actor=actor)
    ctx.session.flush()
    return row


def decide_many(
    ctx: Context,
    account_id: str,
    request_ids: Collection[int],
    *,
    approve: bool,
    reason: str = "",
    actor: Actor,
) -> list[Subscription]:
    """Approve or decline several requests in one transaction, as :func:`decide` does.

    :param request_ids: numbers of requests; those of other accounts are ignored.
    :returns: the requests that this call decided. It leaves out those that were decided
        or withdrawn meanwhile, or ask for a service that the account no longer has.
    :raises DomainError: if there are more than :data:`.tokens.SELECTION_LIMIT`.
    :raises InvalidReason: if the reason cannot be stored.
    """
    found = find_many(ctx, account_id, request_ids)
    # Two calls that lock the same users in the same order cannot deadlock.
    found = sorted(found, key=lambda row: (str(row.user_id), row.service))
    users = account_users.users_by_key(ctx, account_id, [row.user_id for row in found])
    for key in sorted(users, key=str):
        ctx.lock_user(key)
    done = []
    for row in found:
        user, slug = users.get(row.user_id), row.service
        if user is None:
            continue
        try:
            done.append(
                settle(ctx, user, slug, approve=approve, reason=reason, actor=actor)
            )
        except (Conflict, NotFound):
            continue
    return done


def find_many(
    ctx: Context, account_id: str, request_ids: Collection[int]
) -> Sequence[Subscription]:
    """Return the requests of an account with these numbers, the oldest first.

    A request may be withdrawn or decided by now.

    :raises DomainError: if there are more than :data:`.tokens.SELECTION_LIMIT`.
    """
    if len(set(request_ids)) > SELECTION_LIMIT:
        message = _n(
            "Select at most %(n)s request at a time.",
            "Select at most %(n)s requests at a time.",
            SELECTION_LIMIT,
        )
        raise DomainError(message)
    model = ctx.models.Subscription
    found = _of_account(ctx, account_id).where(model.id.in_(set(request_ids)))
    return ctx.session.scalars(found.order_by(model.requested_at, model.id)).all()


def is_grantable(ctx: Context, account_id: str, slug: str) -> bool:
    """Return whether the account still has what the request asks for."""
    return slug == WHOLE_API or slug in ctx.services_of(account_id)


def is_idle(ctx: Context, account_id: str, slug: str | None) -> bool:
    """Return whether an approved service is switched off for the whole account."""
    return bool(slug) and not subscriptions.is_on(ctx, account_id, slug or "")


def find(ctx: Context, account_id: str, request_id: int) -> tuple[Subscription, Any]:
    """Return a request of an account, and the user who asked.

    The request may be withdrawn or decided by now.

    :raises NotFound: if the account has no such request.
    """
    model = ctx.models.Subscription
    found = _of_account(ctx, account_id).where(model.id == request_id)
    row = ctx.session.scalar(found)
    if row is None:
        raise NotFound
    return row, account_users.user_in(ctx, account_id, str(row.user_id))


def waiting(ctx: Context, account_id: str, page: int = 1) -> Page[Subscription]:
    """Return a page of the requests that wait, the oldest first."""
    model = ctx.models.Subscription
    found = _of_account(ctx, account_id).where(_waits(ctx))
    return _page(ctx, found, page, model.requested_at.asc(), model.id.asc())


def decided(ctx: Context, account_id: str, page: int = 1) -> Page[Subscription]:
    """Return a page of the decided requests, the newest decision first."""
    model = ctx.models.Subscription
    found = _of_account(ctx, account_id).where(model.decided_at.is_not(None))
    return _page(ctx, found, page, model.decided_at.desc(), model.id.desc())


def all_waiting(
    ctx: Context, account_id: str | None = None
) -> Sequence[tuple[Subscription, Any]]:
    """Return all requests that wait with the users who asked, the oldest first.

    :param account_id: only requests of this account; None for those of all accounts.
    """
    models = ctx.models
    model = models.Subscription
    query = (
        select(model, models.user)
        .join(models.user, models.user_key == model.user_id)
        .where(_waits(ctx))
        .order_by(model.requested_at, model.id)
    )
    found = [(row[0], row[1]) for row in ctx.session.execute(query).unique()]
    # A user who has left an account leaves the request behind.
    return [
        (row, user)
        for row, user in found
        if row.request_account == ctx.account_of(user)
        and account_id in {None, row.request_account}
    ]


def count_waiting(ctx: Context, account_id: str) -> int:
    """Return the number of requests that wait in an account."""
    return ctx.session.scalar(_waiting(ctx, account_id, func.count())) or 0


def count_waiting_users(ctx: Context, account_id: str) -> int:
    """Return the number of users of an account who have a request that waits."""
    users = func.count(ctx.models.Subscription.user_id.distinct())
    return ctx.session.scalar(_waiting(ctx, account_id, users)) or 0


def _waiting(ctx: Context, account_id: str, number: Any) -> Select[Any]:
    model = ctx.models.Subscription
    theirs = _is_of(ctx, account_id)
    return select(number).select_from(model).where(_waits(ctx), theirs)


def _is_of(ctx: Context, account_id: str) -> ColumnElement[bool]:
    """Return whether a request was made in an account by a user who is still in it."""
    model = ctx.models.Subscription
    return and_(
        model.request_account == account_id,
        model.user_id.in_(account_users.keys_of(ctx, account_id)),
    )


def _of_account(ctx: Context, account_id: str) -> Select[Any]:
    model = ctx.models.Subscription
    return select(model).where(_is_of(ctx, account_id))


def _page(
    ctx: Context, found: Select[Any], page: int, *order: Any
) -> Page[Subscription]:
    number = select(func.count()).select_from(found.subquery())
    return pagination.numbered_page(
        ctx.session,
        found.order_by(*order),
        total=ctx.session.scalar(number) or 0,
        number=page,
        size=PAGE_SIZE,
    )
