"""The head of each page of a service: its figures, and the tabs of its sections."""

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
from flask_apitokens.i18n import number as number_text
from flask_apitokens.usage import totals as usage_totals
from flask_apitokens.web.presenters.widgets import Badge

from .admin_pages import NAME
from .admin_pages import Admin
from .admin_pages import Link


@dataclass(frozen=True)
class ServiceFigures:
    """The figures of a service in one account."""

    service: Service
    on: bool
    users: int
    users_on: int
    user_tokens: int
    userless_tokens: int
    #: its calls on each day that is kept; empty if they were not read
    days: Sequence[int] = ()

    @property
    def calls(self) -> str:
        """The number of its calls."""
        return number_text(sum(self.days))

    @property
    def heights(self) -> list[float]:
        """The calls of each day, as a fraction of the day with the most."""
        most = max(1, *self.days)
        return [number / most for number in self.days]

    @property
    def tokens(self) -> int:
        """The number of tokens of the service that work."""
        return self.user_tokens + self.userless_tokens

    @property
    def tokens_counted(self) -> str:
        """The number of tokens as text; counting stops at a limit."""
        most = max(self.user_tokens, self.userless_tokens)
        return format_count(self.tokens if most <= COUNT_LIMIT else most)

    @property
    def user_counted(self) -> str:
        """The number of user tokens as text; counting stops at a limit."""
        return format_count(self.user_tokens)

    @property
    def userless_counted(self) -> str:
        """The number of userless tokens as text; counting stops at a limit."""
        return format_count(self.userless_tokens)

    @property
    def users_url(self) -> str:
        """The address of the users with access; empty without any."""
        if not self.users_on:
            return ""
        return url_for(f"{NAME}.users", slug=self.service.slug, state="active")

    @property
    def tokens_url(self) -> str:
        """The address of the tokens that are counted; empty without any."""
        if not self.tokens:
            return ""
        slug = self.service.slug
        return url_for(f"{NAME}.all_tokens", status="live", service=slug)

    @property
    def calls_url(self) -> str:
        """The address of the calls that are counted; empty without any."""
        if not sum(self.days):
            return ""
        slug = self.service.slug
        return url_for(f"{NAME}.service_usage", slug=slug, _anchor="at-calls")

    @property
    def badge(self) -> Badge:
        """The badge that says whether the service is on."""
        return Badge(_("Active"), "ok") if self.on else Badge(_("Off"), "off")


def figures_of(admin: Admin, services: Sequence[Service]) -> list[ServiceFigures]:
    """Return the figures of services of the account."""
    ctx, account_id = admin.ctx, admin.account_id
    on = subscriptions.services_on(ctx, account_id)
    users = account_users.count(ctx, account_id)
    users_on = account_users.count_subscribed(ctx, account_id, services, users=users)
    tokens = token_counts.count_by_service(ctx, account_id, services)
    return [
        ServiceFigures(s, on[s.slug], users, users_on[s.slug], *tokens[s.slug])
        for s in services
    ]


def with_calls(
    admin: Admin, services: Sequence[ServiceFigures]
) -> list[ServiceFigures]:
    """Return *services* with their calls of each day."""
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
    """The head of a page of one service.

    :param title: of the page: its tab and the service.
    """

    title: str
    service: Service
    figures: ServiceFigures
    tabs: Sequence[Link]


def section_of(admin: Admin, slug: str, here: str) -> Section:
    """Return the head of a page of a service.

    :param here: the endpoint of the page, without the blueprint's name.
    :raises NotFound: if the account has no such service.
    """
    service = admin.service(slug)
    [numbers] = figures_of(admin, [service])
    sections: list[tuple[str, str, str | None]] = [
        ("service", _("General"), None),
        ("users", _("Users and user tokens"), number_text(numbers.users_on)),
        ("userless_tokens", _("Userless tokens"), numbers.userless_counted),
    ]
    if admin.ctx.records_calls:
        sections.append(("service_usage", _("Usage history"), None))
    page = next(label for name, label, count in sections if name == here)
    return Section(
        _("%(page)s: %(service)s", page=page, service=service.name),
        service,
        numbers,
        [
            Link(label, url_for(f"{NAME}.{name}", slug=slug), name == here, count)
            for name, label, count in sections
        ],
    )
