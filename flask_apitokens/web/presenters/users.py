"""What the list of an account's users shows, worked out before a template is asked."""

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
from flask_apitokens.domain.users import PeopleQuery
from flask_apitokens.i18n import gettext as _
from flask_apitokens.i18n import ngettext as _n

from .widgets import Badge
from .widgets import PageLinks


@dataclass(frozen=True)
class MemberRow:
    """A user of an account with the switch of one service."""

    key: str
    name: str
    #: what tells them from another of the same name
    sub: str
    active: bool
    tokens: int
    last_used: Moment | None
    #: whether a token can be generated for them now
    usable: bool
    #: what stands in their way besides the switch
    badge: Badge | None
    #: what saving would do, once the switch is moved
    change: str
    #: whether uses are recorded, so that none means never
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
        """The user as the list shows them.

        :param names: from :func:`.people.names_of`.
        :param usable: whether a token of theirs would work now.
        :param allowed: whether they may use the API at all.
        :param enabled: whether the host lets them in.
        :param recorded: whether uses are recorded at all.
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
    """What stands in ``#at-list`` of a service's users."""

    slug: str
    rows: Sequence[MemberRow]
    query: PeopleQuery
    page: Page[Member]
    announce: str = ""
    focus: str = ""
    #: whether the form was saved just now
    saved: bool = False

    @property
    def args(self) -> dict[str, Any]:
        """The query as arguments of an address, without what goes without saying."""
        return self.page_args(0)

    @property
    def links(self) -> PageLinks:
        """The links to the pages before and after this one."""
        url = partial(url_for, "apitokens_admin.users", slug=self.slug)
        return PageLinks.numbered(url, self.page, self.page_args)

    def page_args(self, step: int) -> dict[str, Any]:
        """The arguments of the page *step* pages on."""
        every = {
            "q": self.query.q,
            "state": self.query.state,
            "page": self.page.number + step,
        }
        return {name: value for name, value in every.items() if value not in ("", 1)}


def member_list(
    page: Page[Member],
    rows: Sequence[MemberRow],
    query: PeopleQuery,
    *,
    slug: str,
    focus: bool,
) -> MemberList:
    """The list of one page of users and what is spoken of it.

    :param focus: whether it was paged, rather than searched.
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
        spoken = _("More than %(n)s users found", n=f"{page.limit:,}")
    else:
        spoken = _n("%(n)s user found", "%(n)s users found", page.total)
    return replace(shown, announce=spoken)
