"""What stands above each section of a service: its numbers, and the ways between."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from dataclasses import replace

from flask import url_for

from flask_apitokens.catalog import Service
from flask_apitokens.db.pagination import COUNT_LIMIT
from flask_apitokens.db.pagination import format_count
from flask_apitokens.domain import subscriptions
from flask_apitokens.domain import token_counts
from flask_apitokens.domain import users as account_users
from flask_apitokens.i18n import gettext as _
from flask_apitokens.usage import totals as usage_totals
from flask_apitokens.web.presenters.widgets import Badge

from .admin_pages import NAME
from .admin_pages import Admin
from .admin_pages import Link


@dataclass(frozen=True)
class ServiceFigures:
    """A service in numbers, as an account's administrators see it."""

    service: Service
    on: bool
    users: int
    users_on: int
    user_tokens: int
    userless_tokens: int
    #: its calls of each day that is kept; none where they were not asked for
    days: Sequence[int] = ()

    @property
    def calls(self) -> str:
        """The number of its calls."""
        return f"{sum(self.days):,}"

    @property
    def heights(self) -> list[float]:
        """Its days as parts of the one with the most calls."""
        most = max(1, *self.days)
        return [number / most for number in self.days]

    @property
    def tokens(self) -> int:
        """All tokens of the service that work."""
        return self.user_tokens + self.userless_tokens

    @property
    def tokens_counted(self) -> str:
        """Their number, as far as it was counted."""
        most = max(self.user_tokens, self.userless_tokens)
        return format_count(self.tokens if most <= COUNT_LIMIT else most)

    @property
    def user_counted(self) -> str:
        """The number of user tokens, as far as it was counted."""
        return format_count(self.user_tokens)

    @property
    def userless_counted(self) -> str:
        """The number of userless tokens, as far as it was counted."""
        return format_count(self.userless_tokens)

    @property
    def badge(self) -> Badge:
        """Whether the service is on, in a word."""
        return Badge(_("Active"), "ok") if self.on else Badge(_("Off"), "off")


def figures_of(admin: Admin, services: Sequence[Service]) -> list[ServiceFigures]:
    """Some services of the account in numbers."""
    ctx, account_id = admin.ctx, admin.account_id
    on = subscriptions.services_on(ctx, account_id)
    users = account_users.count(ctx, account_id)
    users_on = account_users.count_subscribed(ctx, account_id, services, users)
    tokens = token_counts.counts_by_service(ctx, account_id, services)
    return [
        ServiceFigures(s, on[s.slug], users, users_on[s.slug], *tokens[s.slug])
        for s in services
    ]


def with_calls(
    admin: Admin, services: Sequence[ServiceFigures]
) -> list[ServiceFigures]:
    """The same with the calls of each service."""
    ctx = admin.ctx
    window = usage_totals.window_of(ctx)
    found = usage_totals.days_by_service(ctx, admin.account_id, window)
    none = dict.fromkeys(window.days, 0)
    return [
        replace(one, days=tuple(found.get(one.service.slug, none).values()))
        for one in services
    ]


@dataclass(frozen=True)
class Section:
    """What stands above each section of one service."""

    service: Service
    figures: ServiceFigures
    tabs: Sequence[Link]


def section_of(admin: Admin, slug: str, here: str) -> Section:
    """The head of a service's page.

    :param here: the endpoint of the section, without the blueprint's name.
    :raises NotFound: if the account has no such service.
    """
    service = admin.service(slug)
    [numbers] = figures_of(admin, [service])
    sections: list[tuple[str, str, str | None]] = [
        ("service", _("General"), None),
        ("users", _("Users and user tokens"), f"{numbers.users_on:,}"),
        ("userless_tokens", _("Userless tokens"), numbers.userless_counted),
    ]
    if admin.ctx.records_calls:
        sections.append(("service_usage", _("Usage history"), None))
    return Section(
        service,
        numbers,
        [
            Link(label, url_for(f"{NAME}.{name}", slug=slug), name == here, count)
            for name, label, count in sections
        ],
    )
