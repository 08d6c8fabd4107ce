"""Notices: events that the host tells an owner or the administrators of.

An owner gets a notice of what another actor does to a token, not of their own acts.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager
from contextlib import nullcontext
from typing import Any

from flask_apitokens.core import events
from flask_apitokens.core import service_events
from flask_apitokens.core.actor import HOLDER
from flask_apitokens.core.actor import SYSTEM
from flask_apitokens.core.actor import Actor
from flask_apitokens.core.callbacks import Notice
from flask_apitokens.core.context import Context
from flask_apitokens.core.snapshots import TokenSnapshot
from flask_apitokens.core.time_format import day
from flask_apitokens.core.time_format import in_days
from flask_apitokens.db.models import Token
from flask_apitokens.i18n import gettext as _
from flask_apitokens.i18n import speaking

from .subscriptions import service_label


def send(ctx: Context, event: events.DomainEvent) -> object:
    """Hand the notice of *event*, if there is one, to ``on_notice``.

    :returns: what ``on_notice`` returned.
    :raises Exception: whatever ``on_notice`` raises.
    """
    notice = notice_of(ctx, event)
    if notice is None:
        return None
    # The host may add sentences of its own.
    with _speaking_to(ctx, notice.user):
        return ctx.callbacks.send_notice(notice)


def notice_of(ctx: Context, event: events.DomainEvent) -> Notice | None:
    """Return the notice of *event*; None if it needs none or the user was deleted."""
    match event:
        case service_events.AccessRequested():
            return _access_requested(ctx, event)
        case service_events.AccessDecided():
            return _access_decided(ctx, event)
        case events.TokenExpiring() | events.RotatedTokenUsed():
            return _token_notice(ctx, event)
        case events.TokenEvent() if _concerns_owner(event):
            return _token_notice(ctx, event)
        case _:
            return None


def _concerns_owner(event: events.TokenEvent) -> bool:
    token, actor = event.token, event.actor
    if token.userless or actor.id == str(token.owner_id):
        return False
    # What host code does without naming an actor, it tells the owner itself. A reason
    # is written for the owner, so it is always sent.
    return actor != SYSTEM or isinstance(event, events.TokenDeactivated)


def reaches_owner(ctx: Context, token: Token, actor: Actor) -> bool:
    """Return whether the host sends the owner of *token* what *actor* does to it."""
    if token.userless or ctx.callbacks.on_notice is None:
        return False
    return actor.id != str(token.owner_id)


def _token_notice(ctx: Context, event: events.TokenEvent) -> Notice | None:
    token = event.token
    owner = None if token.userless else _user(ctx, token.owner_id)
    with _speaking_to(ctx, owner):
        text = _token_text(ctx, event)
    if not text or (owner is None and not token.userless):
        return None
    is_automatic = isinstance(event, events.TokenExpiring | events.RotatedTokenUsed)
    return Notice(
        kind="token_expiring" if event.SIGNAL == "notice_due" else event.SIGNAL,
        text=text,
        account_id=token.account_id,
        user=owner,
        token=token,
        reason=event.reason if isinstance(event, events.TokenDeactivated) else "",
        actor="" if is_automatic else event.actor.label,
    )


def _token_text(ctx: Context, event: events.TokenEvent) -> str:
    """Return the sentence about *event*; empty if its owner gets no notice."""
    words = {"who": _who(event.actor), "name": event.token.name}
    match event:
        case events.TokenGenerated(predecessor_id=None):
            return _("%(who)s generated the token “%(name)s” for you.", **words)
        case events.TokenRotated():
            return _("%(who)s rotated your token “%(name)s”.", **words)
        case events.TokenRevoked(successor_id=None):
            return _("%(who)s revoked your token “%(name)s”.", **words)
        case events.TokenDeleted(owner_deleted=False):
            return _("%(who)s deleted your token “%(name)s”.", **words)
        case events.TokenDeactivated():
            return _("%(who)s deactivated your token “%(name)s”.", **words)
        case events.TokenActivated():
            return _("%(who)s activated your token “%(name)s” again.", **words)
        case events.RotatedTokenUsed():
            return _(
                "Your token “%(name)s” (%(id)s) was rotated and has stopped working, "
                "but something at %(ip)s still uses it.",
                name=event.token.name,
                id=event.token.id,
                ip=event.actor.ip or _("an unknown address"),
            )
        case events.TokenExpiring():
            return _expiry_text(ctx, event.token)
        case _:
            return ""


def _who(actor: Actor) -> str:
    if actor == SYSTEM:
        return _("The system")
    if actor.id is None and actor.label == HOLDER:
        return _("A holder of the token")
    return actor.label


def _expiry_text(ctx: Context, token: TokenSnapshot) -> str:
    if token.expires_at is None:
        return ""
    words: Mapping[str, str] = {
        "name": token.name,
        "day": day(token.expires_at),
        "wait": in_days(token.expires_at, ctx.now()),
    }
    if token.userless:
        return _(
            "The userless token “%(name)s” expires on %(day)s, %(wait)s. Rotate it "
            "before it stops working.",
            **words,
        )
    return _(
        "Your token “%(name)s” expires on %(day)s, %(wait)s. Rotate it, or "
        "generate another, before it stops working.",
        **words,
    )


def _access_requested(ctx: Context, event: service_events.AccessRequested) -> Notice:
    subscription = event.subscription
    with _speaking_to(ctx, None):
        text = _(
            "%(who)s asks for access to %(service)s.",
            who=subscription.user_label,
            service=service_label(ctx, subscription.service),
        )
    return Notice(
        kind="access_requested",
        text=text,
        account_id=subscription.account_id,
        reason=event.reason,
        actor=event.actor.label,
    )


def _access_decided(ctx: Context, event: service_events.AccessDecided) -> Notice | None:
    subscription = event.subscription
    user = _user(ctx, subscription.user_id)
    if user is None:
        return None
    with _speaking_to(ctx, user):
        service = service_label(ctx, subscription.service)
        text = (
            _("Your request for access to %(service)s was approved.", service=service)
            if event.approved
            else _(
                "Your request for access to %(service)s was declined.", service=service
            )
        )
    return Notice(
        kind="access_approved" if event.approved else "access_declined",
        text=text,
        account_id=subscription.account_id,
        user=user,
        reason=event.reason,
        actor=event.actor.label,
    )


def _speaking_to(ctx: Context, user: Any) -> AbstractContextManager[None]:
    """Set the language of a recipient.

    :param user: None for the administrators. Their language is the application's
        default, because it is not known which of them reads the notice.
    """
    locale_of = ctx.callbacks.locale_of
    if locale_of is None:
        return nullcontext()
    return speaking(None if user is None else locale_of(user))


def _user(ctx: Context, key: Any) -> Any:
    """Return the user with a key; None if the user was deleted meanwhile."""
    return ctx.session.get(ctx.models.user, key)
