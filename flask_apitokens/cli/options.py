"""Arguments and options that several commands share, and how their text is parsed."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import date
from datetime import datetime
from datetime import timedelta
from typing import Any

import click

from flask_apitokens.core.context import utcnow
from flask_apitokens.core.text import is_text
from flask_apitokens.core.utc import end_of_day
from flask_apitokens.core.utc import parse_day
from flask_apitokens.core.utc import parse_moment
from flask_apitokens.core.utc import start_of_day
from flask_apitokens.db.models import ACCOUNT_LENGTH

from .output import printable

MOST_LISTED = 1000
_TIMES = "2027-01-31, 2027-01-31T12:00Z (with Z or an offset)"
_DAYS = re.compile(r"[0-9]{1,5}d")

Decorator = Callable[[Callable[..., Any]], Callable[..., Any]]


class _Argument(click.Argument):
    """An argument with a help sentence, which click itself has for options only."""

    def __init__(self, *declarations: Any, help: str, **settings: Any) -> None:
        super().__init__(*declarations, **settings)
        self.help = help

    def get_help_record(self, ctx: click.Context) -> tuple[str, str]:
        return str(self.metavar), str(self.help)


def argument(name: str, *, metavar: str, help: str, **settings: Any) -> Decorator:
    """Declare an argument that ``--help`` describes beside the options.

    :param settings: as for :func:`click.argument`.
    """
    return click.argument(name, cls=_Argument, metavar=metavar, help=help, **settings)


def _parse_account(account: str) -> str:
    # Refused before the query: some databases raise an error for such a text.
    if 0 < len(account) <= ACCOUNT_LENGTH and is_text(account):
        return account
    raise click.BadParameter(
        f"an account id has 1 to {ACCOUNT_LENGTH} characters of text."
    )


def account_option(text: str = "Only this account.") -> Decorator:
    """Declare ``--account``; the text of the id is checked, not its existence."""
    return click.option("--account", metavar="ID", type=_parse_account, help=text)


def owner_option(text: str, *, required: bool = False) -> Decorator:
    """Declare ``--owner``, whose value :func:`.lookups.find_owner` looks up."""
    return click.option(
        "--owner",
        metavar="USER",
        required=required,
        help=f"{text}: a primary key, email, username or name.",
    )


def service_option(text: str) -> Decorator:
    """Declare ``--service``, to be checked by :func:`.lookups.check_services`."""
    return click.option("--service", metavar="SERVICE", help=text)


def userless_option(text: str) -> Decorator:
    """Declare ``--userless``, which goes with no ``--owner``."""
    return click.option("--userless", is_flag=True, help=text)


def limit_option(text: str) -> Decorator:
    """Declare ``--limit`` of a list."""
    return click.option(
        "--limit",
        metavar="N",
        type=click.IntRange(1, MOST_LISTED),
        default=50,
        show_default=True,
        help=f"{text}, {MOST_LISTED} at most.",
    )


json_option = click.option(
    "--json", "as_json", is_flag=True, help="Print JSON on stdout, for a machine."
)
reason_option = click.option(
    "--reason", metavar="TEXT", default="", help="The reason, which the user reads."
)
id_argument = argument(
    "token_id", metavar="ID", help="The id of a token: 12 characters."
)
ids_argument = argument(
    "token_ids",
    metavar="ID...",
    nargs=-1,
    required=True,
    help="The ids of one or more tokens, 12 characters each.",
)
services_argument = argument(
    "services",
    metavar="SERVICE...",
    nargs=-1,
    required=True,
    help="The slugs of one or more services.",
)


def check_owner_or_userless(owner: str | None, *, userless: bool) -> None:
    """Refuse two answers to the question whose tokens are meant.

    :raises click.UsageError: if both options are given.
    """
    if owner is not None and userless:
        raise click.UsageError("Give --owner or --userless, not both.")


def parse_expiry(value: str) -> datetime | str:
    """Parse ``--expires``.

    :returns: the time in UTC, or the word "never". A day ends at its last second, as on
        the pages.
    :raises click.BadParameter: with the forms there are.
    """
    if value == "never":
        return value
    if _DAYS.fullmatch(value):
        return utcnow() + timedelta(days=int(value[:-1]))
    return _parse_time(value, of_day=end_of_day, forms=f"90d, {_TIMES} or never")


def parse_since(value: str) -> datetime:
    """Parse ``--since``.

    :returns: the time in UTC; a day begins at midnight.
    :raises click.BadParameter: with the forms there are.
    """
    return _parse_time(value, of_day=start_of_day, forms=_TIMES)


def _parse_time(
    value: str, *, of_day: Callable[[date], datetime], forms: str
) -> datetime:
    try:
        day = parse_day(value)
        return parse_moment(value) if day is None else of_day(day)
    except (ValueError, OverflowError):
        raise click.BadParameter(
            f"“{printable(value)}” is not in the form {forms}."
        ) from None


def parse_date(value: str) -> date:
    """Parse ``--day``.

    :raises click.BadParameter: with the form there is.
    """
    day = parse_day(value)
    if day is None:
        raise click.BadParameter(f"“{printable(value)}” is not 2027-01-31.")
    return day
