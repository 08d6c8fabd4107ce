"""Check a token before it is stored: name, service, scopes, networks and expiry."""

from __future__ import annotations

import unicodedata
from collections.abc import Collection
from datetime import UTC
from datetime import datetime
from datetime import timedelta
from typing import Any

from sqlalchemy import ColumnElement
from sqlalchemy import Select
from sqlalchemy import and_
from sqlalchemy import case
from sqlalchemy import or_
from sqlalchemy import select

from flask_apitokens.core import networks
from flask_apitokens.core.callbacks import NO_ACCOUNT
from flask_apitokens.core.context import Context
from flask_apitokens.core.text import NOT_TEXT
from flask_apitokens.db.models import NAME_LENGTH
from flask_apitokens.db.models import REASON_LENGTH
from flask_apitokens.db.models import Token
from flask_apitokens.errors import ApiNotAllowed
from flask_apitokens.errors import InvalidExpiry
from flask_apitokens.errors import InvalidKind
from flask_apitokens.errors import InvalidName
from flask_apitokens.errors import InvalidNetworks
from flask_apitokens.errors import InvalidReason
from flask_apitokens.errors import InvalidScopes
from flask_apitokens.errors import LimitReached
from flask_apitokens.errors import NameTaken
from flask_apitokens.errors import ServiceUnavailable
from flask_apitokens.i18n import gettext as _
from flask_apitokens.i18n import ngettext as _n

from . import subscriptions
from .plaintexts import without_plaintexts

#: The latest expiry. A rotation may add the same life again, and a database in a time
#: zone east of UTC cannot store the last hours of the year 9999.
LATEST = datetime(9000, 1, 1, tzinfo=UTC)
#: categories of characters that are invisible
_UNSEEN = frozenset({"Cf", "Zs"})
#: the character that replaces bytes that could not be decoded
_LOST = "\N{REPLACEMENT CHARACTER}"
#: letters and signs that are invisible: Hangul fillers, the empty Braille cell, and
#: marks that change or join the character before them
_BLANK = frozenset("\u115f\u1160\u2800\u3164\uffa0")
_BLANK |= frozenset("\u034f\u17b4\u17b5\u180b\u180c\u180d\u180f")
_BLANK |= frozenset(map(chr, (*range(0xFE00, 0xFE10), *range(0xE0100, 0xE01F0))))


def checked_name(ctx: Context, name: str) -> str:
    """Return a name as it is stored: that of :func:`clean_name`.

    If it contains the plaintext of a token, only the id of that token is kept.

    :raises InvalidName: if it cannot be stored.
    """
    return clean_name(without_plaintexts(ctx, name))


def clean_name(name: str) -> str:
    """Return a name in NFC, without white space around it.

    :raises InvalidName: if nothing of it is visible, if it has more than 80 characters,
        or if it has characters that are not text.
    """
    text = unicodedata.normalize("NFC", name).strip()
    if all(char in _BLANK or unicodedata.category(char) in _UNSEEN for char in text):
        raise InvalidName(_("Enter a name."))
    if _LOST in text or any(unicodedata.category(char) in NOT_TEXT for char in text):
        raise InvalidName(_("Use letters, digits, signs and spaces only."))
    if len(text) > NAME_LENGTH:
        raise InvalidName(
            _n(
                "Use %(n)s character or fewer.",
                "Use %(n)s characters or fewer.",
                NAME_LENGTH,
            )
        )
    return text


def clean_reason(ctx: Context, text: str, *, required: bool = False) -> str:
    """Return a reason as it is stored: in NFC, with ``\\n`` at the ends of lines.

    If it contains the plaintext of a token, for example of one that leaked, only the id
    of that token is kept.

    :raises InvalidReason: if it is empty and *required*, if it has too many characters,
        or if it has characters that are not text.
    """
    text = without_plaintexts(ctx, text)
    lines = unicodedata.normalize("NFC", text).strip().splitlines()
    clean = "\n".join(line.rstrip() for line in lines)
    visible = clean.replace("\n", "").replace("\t", " ")
    if required and not visible:
        raise InvalidReason(_("Enter a reason."))
    if _LOST in text or any(unicodedata.category(c) in NOT_TEXT for c in visible):
        raise InvalidReason(_("Use letters, digits, signs and spaces only."))
    if len(clean) > REASON_LENGTH:
        raise InvalidReason(
            _n(
                "Use %(n)s character or fewer.",
                "Use %(n)s characters or fewer.",
                REASON_LENGTH,
            )
        )
    return clean


def check_name_free(
    ctx: Context, owner: Any, name: str, *, account_id: str = ""
) -> None:
    """Check a name before a form is accepted; the unique constraint decides later.

    :param owner: None for a userless token of the account *account_id*.
    :raises NameTaken: if a live token of *owner* has this name.
    """
    model = ctx.models.Token
    if owner is None:
        theirs = and_(model.account_id == account_id, model.userless.is_(True))
    else:
        theirs = model.owner_id == ctx.models.user_id(owner)
    # A token with a successor has released its name.
    held = and_(is_live(ctx, model), model.successor_id.is_(None))
    holder = select(model.id).where(theirs, model.name == name, held)
    if ctx.session.scalar(holder.limit(1)) is not None:
        raise NameTaken(name)


def check_kind(ctx: Context, kind: str) -> None:
    """Check that the host offers tokens of this kind.

    :raises InvalidKind: if ``APITOKENS_KINDS`` lacks it.
    """
    if kind not in ctx.settings.kinds:
        raise InvalidKind


def checked_account(ctx: Context, owner: Any, account_id: str | None) -> str:
    """Return the account of a new token: its owner's, or the given one if userless.

    :raises ApiNotAllowed: if ``account_of`` names no account of the owner.
    """
    account = (account_id or "") if owner is None else ctx.account_of(owner)
    if account == NO_ACCOUNT:
        raise ApiNotAllowed
    return account


def checked_service(
    ctx: Context, owner: Any, service: str | None, *, account_id: str
) -> str | None:
    """Return a service that a token of *owner* may be for; None for none.

    :raises ApiNotAllowed: if the owner may not use the API.
    :raises ServiceUnavailable: if the owner, or the account, may not use the service.
    """
    if owner is not None and not ctx.may_use_api(owner):
        raise ApiNotAllowed
    if not service:
        return None
    if owner is None:
        usable = subscriptions.is_on(ctx, account_id, service)
    else:
        usable = subscriptions.is_active(ctx, owner, service)
    if not usable:
        raise ServiceUnavailable
    return service


def checked_scopes(
    ctx: Context, service: str | None, scopes: Collection[str]
) -> tuple[str, ...]:
    """Return the scopes of a token, in the order in which the service declares them.

    :raises InvalidScopes: if one is not declared, or if none is chosen.
    """
    if not service and scopes:
        raise InvalidScopes(_("A token without a service has no scopes."))
    known = ctx.catalog.services[service].scopes if service else {}
    wanted = tuple(scope for scope in known if scope in set(scopes))
    if len(wanted) != len(set(scopes)):
        raise InvalidScopes(_("Choose only scopes of the service."))
    if known and not wanted:
        raise InvalidScopes(_("Choose at least one kind of access."))
    return wanted


def checked_networks(ctx: Context, ranges: Collection[str]) -> tuple[str, ...] | None:
    """Return the networks that a token is limited to, as they are stored.

    :returns: None for all networks.
    :raises InvalidNetworks: if one of them is not a network, or if
        ``APITOKENS_ALLOWED_NETWORKS`` is False.
    """
    if not ranges:
        return None
    if not ctx.settings.allowed_networks:
        raise InvalidNetworks(_("Tokens cannot be limited to networks here."))
    return networks.parse(ranges) or None


def check_expiry(ctx: Context, kind: str, expires_at: datetime | None) -> None:
    """Check the expiry of a new token.

    :raises InvalidExpiry: if it is missing, past, or later than allowed.
    :raises ValueError: for a naive datetime.
    """
    longest = ctx.settings.expiry_max
    if expires_at is None:
        if kind == "access":
            raise InvalidExpiry(access_needs_expiry())
        if longest is not None:
            raise InvalidExpiry(_too_far(longest))
        return
    if expires_at.tzinfo is None:
        raise ValueError(f"a naive datetime, {expires_at!r}, is not a moment")
    if expires_at <= ctx.now():
        raise InvalidExpiry(_("Choose a date after today."))
    if expires_at > LATEST:
        raise InvalidExpiry(_("Choose an earlier date."))
    # One more day, because the form takes a date, which means the end of that day.
    if longest and expires_at > ctx.now() + timedelta(days=longest + 1):
        raise InvalidExpiry(_too_far(longest))


def access_needs_expiry() -> str:
    """Return the message for an access token without an expiry."""
    return _("Access tokens need an expiry date.")


def _too_far(days: int) -> str:
    if days % 365 == 0:
        return _n(
            "Choose a date within %(n)s year.",
            "Choose a date within %(n)s years.",
            days // 365,
        )
    return _n(
        "Choose a date within %(n)s day.", "Choose a date within %(n)s days.", days
    )


def as_number(condition: ColumnElement[bool]) -> ColumnElement[int]:
    """Return 1 if *condition* is true, else 0, for a sum."""
    return case((condition, 1), else_=0)


def is_live(ctx: Context, model: type[Token]) -> ColumnElement[bool]:
    """Return whether a token is neither revoked nor expired."""
    unexpired = or_(model.expires_at.is_(None), model.expires_at > ctx.now())
    return and_(model.revoked_at.is_(None), unexpired)


def is_usable(ctx: Context, model: type[Token]) -> ColumnElement[bool]:
    """Return whether a token works, as far as its own row says."""
    return and_(is_live(ctx, model), model.deactivated_at.is_(None))


def check_room(ctx: Context, owner: Any) -> None:
    """Check that *owner* may have one more token; :func:`check_limit` decides later.

    :param owner: None for a userless token, which has no limit.
    :raises LimitReached: if the owner has as many live tokens as the limit.
    """
    limit = ctx.settings.max_per_owner
    if limit is None or owner is None:
        return
    live = _live_ids(ctx, ctx.models.user_id(owner)).limit(limit)
    if len(ctx.session.scalars(live).all()) == limit:
        raise LimitReached(limit)


def check_limit(ctx: Context, token: Token) -> None:
    """Check the number of live tokens of an owner after *token* was inserted.

    Before the insert, the locking SELECT would lock the gap for the new row on MariaDB
    too, and requests of neighbouring owners would deadlock.

    :raises LimitReached: if the owner has more live tokens than the limit.
    """
    limit = ctx.settings.max_per_owner
    if limit is None or token.userless:
        return
    live = _live_ids(ctx, token.owner_id)
    # Only a locking read sees what was committed since this transaction began.
    if len(ctx.session.scalars(live.with_for_update()).all()) > limit:
        raise LimitReached(limit)


def _live_ids(ctx: Context, owner_id: Any) -> Select[str]:
    """Return the SELECT of the ids of the tokens that count against the limit."""
    model = ctx.models.Token
    return select(model.id).where(
        model.owner_id == owner_id,
        is_live(ctx, model),
        # A rotated token ends with its grace, and does not count.
        model.successor_id.is_(None),
    )
