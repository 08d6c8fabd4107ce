"""The list of an account's users, each with the switch of one service."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from dataclasses import replace
from datetime import datetime
from functools import partial
from typing import Any

from flask import url_for

from flask_apitokens.core.time_format import Moment
from flask_apitokens.core.time_format import ago
from flask_apitokens.db.pagination import Page
from flask_apitokens.domain.users import Member
from flask_apitokens.domain.users import UserQuery
from flask_apitokens.i18n import gettext as _
from flask_apitokens.i18n import ngettext as _n

from .widgets import Badge
from .widgets import PageLinks


@dataclass(frozen=True)
class MemberRow:
    """A user with the switch of one service.

    :param sub: what tells the user from another of the same name.
    :param usable: whether a token can be generated for the user now.
    :param badge: what stops the user besides the switch.
    :param change: what saving does if the switch is moved.
    :param recorded: whether calls are recorded, so that no last use means never.
    """

    key: str
    name: str
    sub: str
    active: bool
    tokens: int
    last_used: Moment | None
    usable: bool
    badge: Badge | None
    change: str
    recorded: bool = True

    @classmethod
    def of(
        cls,
        member: Member,
        *,
        key: str,
        names: tuple[str, str],
        usable: bool,
        allowed: bool,
        enabled: bool,
        now: datetime,
        recorded: bool = True,
    ) -> MemberRow:
        """Return a member as a row.

        :param names: from :func:`.domain.users.names_of`.
        :param usable: whether a token of the user would work now.
        :param allowed: whether the user may use the API (``can_use_api``).
        :param enabled: whether the host lets the user log in.
        """
        name, sub = names
        used = member.last_used_at
        return cls(
            key=key,
            name=name,
            sub=sub,
            active=member.active,
            tokens=member.tokens,
            last_used=ago(used, now) if used else None,
            usable=usable and enabled,
            badge=_hindrance(allowed=allowed, enabled=enabled),
            change=_change(member),
            recorded=recorded,
        )


def _hindrance(*, allowed: bool, enabled: bool) -> Badge | None:
    if not enabled:
        return Badge(_("Disabled"), "off")
    return None if allowed else Badge(_("No API permission"), "off")


def _change(member: Member) -> str:
    if not member.active:
        return _("Will be turned on")
    if not member.tokens:
        return _("Will be turned off")
    return _n(
        "Will be turned off, %(n)s token stops",
        "Will be turned off, %(n)s tokens stop",
        member.tokens,
    )


@dataclass(frozen=True)
class MemberList:
    """One page of users: the content of ``#at-list``.

    :param is_on: whether the service is on for the account.
    :param saved: whether this request saved the form.
    """

    slug: str
    rows: Sequence[MemberRow]
    query: UserQuery
    page: Page[Member]
    is_on: bool = True
    announce: str = ""
    focus: str = ""
    saved: bool = False

    @property
    def args(self) -> dict[str, Any]:
        """The query as arguments of an address, without default values."""
        return self.page_args(0)

    @property
    def address(self) -> str:
        """The address of a page that shows the same list."""
        return url_for("apitokens_admin.users", slug=self.slug, **self.args)

    @property
    def links(self) -> PageLinks:
        """The links to the pages before and after this one."""
        url = partial(url_for, "apitokens_admin.users", slug=self.slug)
        return PageLinks.numbered(url, self.page, args=self.page_args)

    def page_args(self, step: int) -> dict[str, Any]:
        """Return the arguments of the page *step* pages further on."""
        every = {
            "q": self.query.q,
            "state": self.query.state,
            "page": self.page.number + step,
        }
        return {name: value for name, value in every.items() if value not in ("", 1)}


def member_list(
    page: Page[Member],
    rows: Sequence[MemberRow],
    *,
    query: UserQuery,
    slug: str,
    focus: bool,
) -> MemberList:
    """Return one page of users with its announcement.

    :param focus: whether the page was reached by a page link, not by a search.
    """
    shown = MemberList(slug, rows, query, page)
    if focus:
        spoken = _(
            "Users %(first)s to %(last)s of %(total)s",
            first=page.first,
            last=page.last,
            total=page.counted,
        )
        return replace(shown, focus="caption", announce=spoken)
    if not page.total and query.q:
        spoken = _("No users match “%(query)s”", query=query.q)
    elif not page.is_counted:
        spoken = _n(
            "More than %(n)s user found", "More than %(n)s users found", page.limit or 0
        )
    else:
        spoken = _n("%(n)s user found", "%(n)s users found", page.total)
    return replace(shown, announce=spoken)
