"""The confirmations before users lose access, or do not get it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from flask_apitokens.core.time_format import ago
from flask_apitokens.db.pagination import COUNT_LIMIT
from flask_apitokens.domain.users import Member
from flask_apitokens.i18n import gettext as _
from flask_apitokens.i18n import ngettext as _n

from .confirmations import Confirm
from .confirmations import Reason

#: the most users that a confirmation names
_FACTS = 20


def service_off_question(name: str, tokens: int, *, action: str, back: str) -> Confirm:
    """Return the confirmation for switching a service off for a whole account."""
    return Confirm(
        title=_("Turn off %(service)s for everybody?", service=name),
        action=action,
        strong=_stopping_at_once(tokens),
        text=_paused(tokens),
        keep=_("Keep it on"),
        go=_("Turn off"),
        rows=(),
        back=back,
        hidden=[("active", "0")],
    )


def users_off_question(
    losing: Sequence[tuple[str, Member]],
    *,
    action: str,
    back: str,
    hidden: Sequence[tuple[str, str]],
    now: datetime,
    recorded: bool = True,
) -> Confirm:
    """Return the confirmation for switching a service off for some users.

    :param losing: the labels of the users, with their tokens.
    """
    users, tokens = len(losing), sum(member.tokens for _label, member in losing)
    return Confirm(
        title=_n(
            "Turn off API access for %(n)s user?",
            "Turn off API access for %(n)s users?",
            users,
        ),
        action=action,
        strong=_stopping_on_save(tokens),
        text=_paused(tokens),
        keep=_("Back to editing"),
        go=_("Save and turn off"),
        rows=(),
        back=back,
        facts=[
            (label, _holding(member, now, recorded=recorded))
            for label, member in losing[:_FACTS]
        ],
        hidden=hidden,
    )


def decline_question(
    who: str, service: str, *, action: str, back: str, is_told: bool
) -> Confirm:
    """Return the confirmation, with an optional reason, for declining a request.

    :param is_told: whether the user gets a message.
    """
    return Confirm(
        title=_("Decline the request of %(who)s?", who=who),
        action=action,
        text=_declined(who, service, is_told=is_told),
        keep=_("Keep waiting"),
        go=_("Decline request"),
        rows=(),
        back=back,
        reason=Reason(
            required=False,
            help=_("Shown to the user and kept in the audit log."),
        ),
        hidden=[("do", "decline")],
    )


def decline_many_question(
    asking: Sequence[tuple[str, str]], *, ids: Sequence[str], action: str, back: str
) -> Confirm:
    """Return the confirmation, with an optional reason, for declining several requests.

    :param asking: the users and the services that they ask for.
    :param ids: the numbers of the requests.
    """
    number = len(asking)
    return Confirm(
        title=_n("Decline %(n)s request?", "Decline %(n)s requests?", number),
        action=action,
        text=_("These users do not get access. They can ask again."),
        keep=_("Keep waiting"),
        go=_n("Decline request", "Decline requests", number),
        rows=(),
        back=back,
        facts=asking[:_FACTS],
        reason=Reason(
            required=False,
            help=_("Shown to the user and kept in the audit log."),
        ),
        hidden=[("do", "decline"), *(("id", each) for each in ids)],
    )


def _declined(who: str, service: str, *, is_told: bool) -> str:
    words = {"who": who, "service": service}
    if is_told:
        return _(
            "%(who)s gets a message that access to %(service)s was declined, and can "
            "ask again.",
            **words,
        )
    return _(
        "%(who)s sees on the page of API tokens that access to %(service)s was "
        "declined, and can ask again.",
        **words,
    )


def _stopping_at_once(tokens: int) -> str:
    if not tokens:
        return _("No token stops working.")
    if tokens > COUNT_LIMIT:
        return _n(
            "More than %(n)s token stops working at once.",
            "More than %(n)s tokens stop working at once.",
            COUNT_LIMIT,
        )
    return _n(
        "%(n)s token stops working at once.",
        "%(n)s tokens stop working at once.",
        tokens,
    )


def _stopping_on_save(tokens: int) -> str:
    if not tokens:
        return _("No token stops working.")
    if tokens > COUNT_LIMIT:
        return _n(
            "More than %(n)s token stops working when you save.",
            "More than %(n)s tokens stop working when you save.",
            COUNT_LIMIT,
        )
    return _n(
        "%(n)s token stops working when you save.",
        "%(n)s tokens stop working when you save.",
        tokens,
    )


def _paused(tokens: int) -> str:
    if not tokens:
        return ""
    return _n(
        "It is paused, not deleted, and works again if you turn access back on.",
        "They are paused, not deleted, and work again if you turn access back on.",
        tokens,
    )


def _holding(member: Member, now: datetime, *, recorded: bool) -> str:
    if not member.tokens:
        return _("No tokens")
    tokens = _n("%(n)s token", "%(n)s tokens", member.tokens)
    if not recorded:
        return tokens
    if member.last_used_at is None:
        return _("%(tokens)s, never used", tokens=tokens)
    used = ago(member.last_used_at, now).text
    return _("%(tokens)s, last used %(when)s", tokens=tokens, when=used)
