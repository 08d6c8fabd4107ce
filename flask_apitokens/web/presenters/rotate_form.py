"""The rotate form, and what the page of a token says about its rotations."""

from __future__ import annotations

import math
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from dataclasses import replace
from datetime import datetime
from datetime import timedelta

from flask_apitokens.core.context import Context
from flask_apitokens.core.time_format import Moment
from flask_apitokens.core.time_format import day
from flask_apitokens.core.time_format import day_and_time
from flask_apitokens.core.time_format import moment
from flask_apitokens.core.time_format import span
from flask_apitokens.db.models import Token
from flask_apitokens.domain import rotation
from flask_apitokens.errors import DomainError
from flask_apitokens.errors import InvalidGrace
from flask_apitokens.i18n import gettext as _
from flask_apitokens.web.forms import RotateForm
from flask_apitokens.web.urls import UrlSet

from .expiry_choices import date_range
from .expiry_choices import expiry_of
from .expiry_choices import expiry_options
from .expiry_choices import expiry_values
from .generate_form import ECHOED
from .generate_form import TARGETS
from .tokens import Row
from .widgets import ErrorItem
from .widgets import Option
from .widgets import Summary

_DAY = timedelta(days=1)


@dataclass(frozen=True)
class RotateInput:
    """What the user entered, as plain text."""

    grace: str
    expiry: str
    expiry_date: str = ""

    @classmethod
    def of(cls, form: RotateForm) -> RotateInput:
        """Return what the user entered into *form*."""
        return cls(
            grace=form.grace.data or "",
            expiry=form.expiry.data or "",
            expiry_date=(form.expiry_date.data or "")[:ECHOED],
        )


@dataclass(frozen=True)
class RotateView:
    """The form as it is rendered.

    :param first_day, last_day: the range of the date field.
    :param action: the address that the form is sent to.
    :param back: the address of the page that opened it.
    :param back_label: the name of that page.
    :param warning: for an administrator who rotates a user's token.
    :param error: about the expiry.
    """

    form_id: str
    title: str
    row: Row
    entered: RotateInput
    graces: Sequence[Option]
    expiries: Sequence[Option]
    first_day: str
    last_day: str
    action: str
    back: str
    back_label: str
    warning: str = ""
    error: str = ""
    summary: Summary | None = None


@dataclass(frozen=True)
class RelatedToken:
    """A token that this one replaced, or that replaced it.

    :param url: its page; empty if it was deleted.
    """

    label: str
    id: str
    url: str


def first_input(ctx: Context, token: Token) -> RotateInput:
    """Return the values of a new form: the longest grace, and the same lifetime."""
    also = _same_days(ctx, token)
    return RotateInput(
        grace=str(rotation.first_grace(ctx, token)),
        expiry="never" if also is None else str(also),
    )


def _same_days(ctx: Context, token: Token) -> int | None:
    """Return the lifetime of *token* in whole days; ``None`` if it never expires."""
    end = rotation.end_like(ctx, token)
    return None if end is None else max(1, math.ceil((end - ctx.now()) / _DAY))


def _expiry_values(ctx: Context, token: Token) -> list[str]:
    return expiry_values(ctx, also=_same_days(ctx, token), kind=token.kind)


def _expiries(ctx: Context, token: Token) -> list[Option]:
    """Return the choices of the expiry; the present lifetime is named by its end."""
    options, same = expiry_options(ctx, _expiry_values(ctx, token)), None
    days = _same_days(ctx, token)
    if days is not None:
        end = day(ctx.now() + timedelta(days=days))
        same = _("Same as before (until %(day)s)", day=end)
    return [
        replace(option, label=same) if same and option.value == str(days) else option
        for option in options
    ]


def presented(
    ctx: Context,
    token: Token,
    row: Row,
    *,
    entered: RotateInput,
    action: str,
    back: tuple[str, str],
    form_id: str = "",
    refused: DomainError | str = "",
    warning: str = "",
) -> RotateView:
    """Return the form filled in with what the user entered.

    :param action: the address that the form is sent to.
    :param back: the name and the address of the page that opened it.
    :param form_id: of the form that was refused; a new form gets a new id.
    :param refused: the error.
    """
    first_day, last_day = date_range(ctx)
    view = RotateView(
        form_id=form_id or secrets.token_urlsafe(16),
        title=_("Rotate “%(name)s”", name=row.name),
        row=row,
        entered=entered,
        graces=[
            _grace_option(ctx, token, days) for days in rotation.graces_for(ctx, token)
        ],
        expiries=_expiries(ctx, token),
        first_day=first_day,
        last_day=last_day,
        action=action,
        back=back[1],
        back_label=back[0],
        warning=warning,
    )
    return _with_refusal(view, refused) if refused else view


def _with_refusal(view: RotateView, refused: DomainError | str) -> RotateView:
    strong = _("The token was not rotated.")
    if not isinstance(refused, DomainError) or refused.field != "expiry":
        return replace(view, summary=Summary(strong, str(refused)))
    item = ErrorItem(TARGETS["expiry"], refused.message)
    summary = Summary(strong, items=[item])
    return replace(view, error=refused.message, summary=summary)


def _grace_option(ctx: Context, token: Token, days: int) -> Option:
    if not days:
        return Option(
            "0",
            _("Stop it at once"),
            _(
                "Everything that uses it needs the new token before it can connect "
                "again. Choose this for a token that has leaked."
            ),
        )
    over = ctx.now() + timedelta(days=days)
    end = min(token.expires_at or over, over)
    text = _(
        "Both work until %(time)s UTC. Use the new token everywhere by then.",
        time=day_and_time(end),
    )
    return Option(str(days), _("Keep it for %(span)s", span=span(days)), text)


def validate(
    ctx: Context, token: Token, entered: RotateInput
) -> tuple[int, datetime | None]:
    """Return the grace in days and the moment the successor expires.

    :raises DomainError: for a value that the form did not offer.
    """
    offered = {str(days): days for days in rotation.graces_for(ctx, token)}
    if entered.grace not in offered:
        raise InvalidGrace(offered.values())
    end = expiry_of(ctx, entered, _expiry_values(ctx, token), kind=token.kind)
    return offered[entered.grace], end


def works_until(ctx: Context, token: Token) -> Moment | None:
    """Return how long a rotated token still works; ``None`` if it does not work."""
    at, stopped = token.expires_at, token.revoked_at or token.deactivated_at
    if token.successor_id is None or at is None or stopped or at <= ctx.now():
        return None
    return moment(at)


def old_token_notice(ctx: Context, token: Token) -> str:
    """Return what happens to the token that a new one replaces."""
    until = works_until(ctx, token)
    if until is None:
        return _("The old token has stopped working.")
    return _("The old token works until %(time)s.", time=until.title)


def related_tokens(
    token: Token, known: Sequence[Token], *, at: UrlSet
) -> list[RelatedToken]:
    """Return the tokens that *token* replaced, and that replaced it.

    :param known: those of them that still exist.
    """
    there = {other.id for other in known}
    related = [
        (_("Replaced by"), token.successor_id),
        (_("Replaces"), token.predecessor_id),
    ]
    return [
        RelatedToken(label, key, at.token_url(key) if key in there else "")
        for label, key in related
        if key is not None
    ]
