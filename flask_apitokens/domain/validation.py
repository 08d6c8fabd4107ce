"""What a token must be like before it is stored: name, service, scopes, end, number."""

from __future__ import annotations

import unicodedata
from collections.abc import Collection
from datetime import UTC
from datetime import datetime
from datetime import timedelta
from typing import Any

from sqlalchemy import ColumnElement
from sqlalchemy import and_
from sqlalchemy import case
from sqlalchemy import or_
from sqlalchemy import select

from flask_apitokens.core import networks
from flask_apitokens.core.context import Context
from flask_apitokens.core.text import NOT_TEXT
from flask_apitokens.crypto import tokens as crypto_tokens
from flask_apitokens.db.models import NAME_LENGTH
from flask_apitokens.db.models import REASON_LENGTH
from flask_apitokens.db.models import Token
from flask_apitokens.errors import ApiNotAllowed
from flask_apitokens.errors import InvalidExpiry
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

#: The last end there can be. A token may be rotated for as long a life again, and a
#: database in the east has no moment for the last hours of the year 9999.
LATEST = datetime(9000, 1, 1, tzinfo=UTC)
#: categories of characters that show nothing by themselves
_UNSEEN = frozenset({"Cf", "Zs"})
#: what stands for bytes that could not be decoded
_LOST = "\N{REPLACEMENT CHARACTER}"
#: letters and signs that show as nothing: Hangul fillers, the empty Braille cell, and
#: marks that only change or join what they follow
_BLANK = frozenset("\u115f\u1160\u2800\u3164\uffa0")
_BLANK |= frozenset("\u034f\u17b4\u17b5\u180b\u180c\u180d\u180f")
_BLANK |= frozenset(map(chr, (*range(0xFE00, 0xFE10), *range(0xE0100, 0xE01F0))))


def clean_name(name: str) -> str:
    """The name as it is stored: NFC, without white space around.

    :raises InvalidName: for nothing but white space, more than 80 characters, or
        characters that are not text.
    """
    text = unicodedata.normalize("NFC", name).strip()
    if all(char in _BLANK or unicodedata.category(char) in _UNSEEN for char in text):
        raise InvalidName(_("Enter a name."))
    if _LOST in text or any(unicodedata.category(char) in NOT_TEXT for char in text):
        raise InvalidName(_("Use letters, digits, signs and spaces only."))
    if len(text) > NAME_LENGTH:
        raise InvalidName(_("Use %(n)s characters or fewer.", n=NAME_LENGTH))
    return text


def clean_reason(ctx: Context, text: str, *, required: bool = False) -> str:
    """What a person wrote to another, as it is stored: NFC, line ends as ``\\n``.

    Of a whole token, pasted to say which one leaked, the id is kept alone.

    :raises InvalidReason: for nothing where something is *required*, too many
        characters, or some that are not text.
    """
    text = crypto_tokens.without_plaintexts(ctx.settings.brand, text)
    lines = unicodedata.normalize("NFC", text).strip().splitlines()
    clean = "\n".join(line.rstrip() for line in lines)
    visible = clean.replace("\n", "").replace("\t", " ")
    if required and not visible:
        raise InvalidReason(_("Enter a reason."))
    if _LOST in text or any(unicodedata.category(c) in NOT_TEXT for c in visible):
        raise InvalidReason(_("Use letters, digits, signs and spaces only."))
    if len(clean) > REASON_LENGTH:
        raise InvalidReason(_("Use %(n)s characters or fewer.", n=REASON_LENGTH))
    return clean


def check_name_free(
    ctx: Context, owner: Any, name: str, *, account_id: str = ""
) -> None:
    """Look before a form is accepted; the constraint decides in the end.

    :param owner: none for a userless token of the account *account_id*.
    :raises NameTaken: if a live token of *owner* has this name.
    """
    model = ctx.models.Token
    if owner is None:
        theirs = and_(model.account_id == account_id, model.userless.is_(True))
    else:
        theirs = model.owner_id == ctx.models.user_id(owner)
    # One that another has taken the place of has let go of its name.
    held = and_(is_live(ctx, model), model.successor_id.is_(None))
    holder = select(model.id).where(theirs, model.name == name, held)
    if ctx.session.scalar(holder.limit(1)) is not None:
        raise NameTaken(name)


def checked_service(
    ctx: Context, owner: Any, service: str | None, account_id: str
) -> str | None:
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
    known = ctx.catalog.services[service].scopes if service else {}
    wanted = tuple(scope for scope in known if scope in set(scopes))
    if len(wanted) != len(set(scopes)) or (known and not wanted):
        raise InvalidScopes(_("Choose at least one kind of access."))
    return wanted


def checked_networks(ctx: Context, ranges: Collection[str]) -> tuple[str, ...] | None:
    """The networks that a token is pinned to, as they are stored; none for all.

    :raises InvalidNetworks: if one of them is none, or there may be none at all.
    """
    if not ranges:
        return None
    if not ctx.settings.allowed_networks:
        raise InvalidNetworks(_("Tokens cannot be limited to networks here."))
    return networks.parse(ranges) or None


def check_expiry(ctx: Context, kind: str, expires_at: datetime | None) -> None:
    longest = ctx.settings.expiry_max
    if expires_at is None:
        if kind == "access":
            raise InvalidExpiry(_("Access tokens need an expiry date."))
        if longest is not None:
            raise InvalidExpiry(_too_far(longest))
        return
    if expires_at.tzinfo is None:
        raise ValueError(f"a naive datetime, {expires_at!r}, is not a moment")
    if expires_at <= ctx.now():
        raise InvalidExpiry(_("Choose a date after today."))
    if expires_at > LATEST:
        raise InvalidExpiry(_("Choose an earlier date."))
    # A day of grace: "within 30 days" chosen as a date means the end of that day.
    if longest and expires_at > ctx.now() + timedelta(days=longest + 1):
        raise InvalidExpiry(_too_far(longest))


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
    """1 where *condition* holds, to be summed up."""
    return case((condition, 1), else_=0)


def is_live(ctx: Context, model: type[Token]) -> ColumnElement[bool]:
    unexpired = or_(model.expires_at.is_(None), model.expires_at > ctx.now())
    return and_(model.revoked_at.is_(None), unexpired)


def is_usable(ctx: Context, model: type[Token]) -> ColumnElement[bool]:
    """Whether a token works, or would but for its owner's rights."""
    return and_(is_live(ctx, model), model.deactivated_at.is_(None))


def check_limit(ctx: Context, token: Token) -> None:
    """Look whether *token*, which is stored already, is one too many.

    Counted before, the others' tokens would be locked with room for this one between
    them, on MariaDB, and the owners next to each other wait for each other.

    :raises LimitReached: if its owner has more live tokens than allowed.
    """
    limit = ctx.settings.max_per_owner
    if limit is None or token.userless:
        return
    model = ctx.models.Token
    # What is rotated is on its way out, and does not count.
    live = select(model.id).where(
        model.owner_id == token.owner_id,
        is_live(ctx, model),
        model.successor_id.is_(None),
    )
    # A locking read sees what was committed since this transaction began.
    if len(ctx.session.scalars(live.with_for_update()).all()) > limit:
        raise LimitReached(limit)
