"""The expiry choices of the generate form and the rotate form."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC
from datetime import date
from datetime import datetime
from datetime import timedelta
from typing import Protocol

from flask_apitokens.core.context import Context
from flask_apitokens.core.time_format import day
from flask_apitokens.core.time_format import span
from flask_apitokens.core.utc import end_of_day
from flask_apitokens.core.utc import parse_day
from flask_apitokens.core.utc import start_of_day
from flask_apitokens.domain import expiry as token_expiry
from flask_apitokens.domain import validation
from flask_apitokens.errors import InvalidExpiry
from flask_apitokens.i18n import gettext as _
from flask_apitokens.i18n import ngettext as _n

from .widgets import Option

#: the days that are chosen for a token that must expire, if the settings name none
_DAYS = 90


def _presets(ctx: Context, also: int | None = None) -> list[int]:
    settings = ctx.settings
    days = {*settings.expiry_presets, *filter(None, [settings.expiry_default, also])}
    longest = settings.expiry_max
    return sorted(number for number in days if not longest or number <= longest)


def expiry_values(
    ctx: Context, *, also: int | None = None, kind: str = "api"
) -> list[str]:
    """Return the values of the expiry choices: numbers of days, "custom" and "never".

    :param also: a number of days that is offered in addition to the settings.
    :param kind: of the token, if it is known.
    """
    settings = ctx.settings
    may_last = settings.expiry_max is None and kind == "api" and "api" in settings.kinds
    values = [*map(str, _presets(ctx, also)), "custom"]
    return [*values, "never"] if may_last else values


def first_expiry(ctx: Context, kind: str) -> str:
    """Return the choice that a new form starts with, for a kind of token."""
    values = expiry_values(ctx, kind=kind)
    chosen = str(ctx.settings.expiry_default or "never")
    if chosen in values:
        return chosen
    presets = _presets(ctx)
    if kind != "access" or not presets:
        return values[0]
    return str(max((days for days in presets if days <= _DAYS), default=presets[0]))


def expiry_options(ctx: Context, values: Sequence[str]) -> list[Option]:
    """Return the choices of :func:`expiry_values` with their texts."""
    today = ctx.now().astimezone(UTC).date()
    return [_expiry_option(ctx, value, today) for value in values]


def date_range(ctx: Context) -> tuple[str, str]:
    """Return the first and the last day of the date field; no last day is empty."""
    today = ctx.now().astimezone(UTC).date()
    longest = ctx.settings.expiry_max
    last = (today + timedelta(days=longest)).isoformat() if longest else ""
    return (today + timedelta(days=1)).isoformat(), last


def _expiry_option(ctx: Context, value: str, today: date) -> Option:
    if value == "custom":
        return Option(value, _("On a date"))
    if value == "never":
        return Option(value, _("Never"), _("Works until it is revoked or deleted."))
    days = int(value)
    end = start_of_day(today + timedelta(days=days))
    warning = token_expiry.days_of_warning(ctx, days)
    if not warning:
        return Option(value, span(days), _("Stops working on %(day)s.", day=day(end)))
    text = _n(
        "Stops working on %(day)s. You will see a warning %(n)s day before.",
        "Stops working on %(day)s. You will see a warning %(n)s days before.",
        warning,
        day=day(end),
    )
    return Option(value, span(days), text)


class Ending(Protocol):
    """The fields of a form that say when a token expires."""

    @property
    def expiry(self) -> str: ...

    @property
    def expiry_date(self) -> str: ...


def expiry_of(
    ctx: Context, entered: Ending, values: Sequence[str] = (), *, kind: str = "api"
) -> datetime | None:
    """Return the moment the token expires; ``None`` for never.

    :param values: the values that the form offered; by default :func:`expiry_values`.
    :param kind: of the token.
    :raises InvalidExpiry: for another value, or a date that is not in the future.
    """
    if entered.expiry == "never":
        return None
    offered = entered.expiry in (values or expiry_values(ctx))
    if offered and entered.expiry != "custom":
        return ctx.now() + timedelta(days=int(entered.expiry))
    if kind == "access" and not (offered and entered.expiry_date):
        raise InvalidExpiry(validation.access_needs_expiry())
    last_day = parse_day(entered.expiry_date)
    today = ctx.now().astimezone(UTC).date()
    if entered.expiry != "custom" or last_day is None or last_day <= today:
        raise InvalidExpiry(_("Choose a date after today."))
    return end_of_day(last_day)
