"""The usage history of an account: of all services, or of one of them."""

from __future__ import annotations

from collections.abc import Collection
from collections.abc import Mapping
from collections.abc import Sequence
from dataclasses import dataclass
from dataclasses import replace
from typing import Any

from flask import request
from flask.typing import ResponseReturnValue

from flask_apitokens.core.text import is_text
from flask_apitokens.crypto.tokens import ID_ALPHABET
from flask_apitokens.crypto.tokens import ID_LENGTH
from flask_apitokens.db.models import LABEL_LENGTH
from flask_apitokens.domain import token_counts
from flask_apitokens.domain import token_list
from flask_apitokens.i18n import gettext as _
from flask_apitokens.usage import labels as call_labels
from flask_apitokens.usage import totals as usage_totals
from flask_apitokens.usage.totals import OFFERED
from flask_apitokens.usage.totals import CallFilter
from flask_apitokens.web import htmx
from flask_apitokens.web.admin_pages import NAME
from flask_apitokens.web.admin_pages import Admin
from flask_apitokens.web.admin_pages import load_admin
from flask_apitokens.web.pages import page
from flask_apitokens.web.presenters.calls import Names
from flask_apitokens.web.presenters.daily_usage import TokensUsed
from flask_apitokens.web.presenters.widgets import Filter
from flask_apitokens.web.scopes.all_tokens import URLS as ALL_TOKENS
from flask_apitokens.web.service_tabs import section_of
from flask_apitokens.web.urls import UsageUrlSet
from flask_apitokens.web.usage_history import Reading
from flask_apitokens.web.usage_history import check_recorded

#: in an address: calls without a user, or without a service
NONE = "-"


@dataclass(frozen=True)
class AccountReading(Reading):
    """Reads the calls of an account, as the address of this request filters them.

    :param account_id: the account of the administrator.
    """

    account_id: str = ""

    @property
    def args(self) -> dict[str, Any]:
        """The filters as arguments of an address: an account has more of them."""
        given = request.args
        user, token = given.get("user", ""), given.get("token", "")
        known = len(user) <= LABEL_LENGTH and is_text(user)
        is_id = len(token) == ID_LENGTH and set(token) <= set(ID_ALPHABET)
        service = given.get("service", "")
        offered = {NONE, *self.ctx.services_of(self.account_id)}
        every = {
            "user": user if known else "",
            "token": token if is_id else "",
            "service": service if self.several and service in offered else "",
        }
        return super().args | {name: value for name, value in every.items() if value}

    @property
    def several(self) -> bool:
        """Whether the calls are of several services."""
        return self.whole.service is None

    @property
    def call_filter(self) -> CallFilter:
        """The calls of the account that the filters find."""
        given = self.args
        call_filter = replace(self.whole, token_id=given.get("token", ""))
        if "user" in given:
            user = given["user"]
            call_filter = replace(call_filter, owner_key="" if user == NONE else user)
        if "service" in given:
            service = given["service"]
            call_filter = replace(
                call_filter, service="" if service == NONE else service
            )
        return call_filter

    @property
    def file_name(self) -> str:
        """The name of the CSV file, before the date."""
        return f"usage-{self.whole.service}" if self.whole.service else "usage"

    def used(self) -> TokensUsed:
        """Return how many tokens of the account were used, and of how many."""
        ctx, among = self.ctx, token_list.of_account(self.ctx, self.account_id)
        if self.whole.service is not None:
            among = among.where(ctx.models.Token.service == self.whole.service)
        some, every = token_counts.count_used_since(ctx, among, self.window.since)
        href = ALL_TOKENS.url("tokens", use="recent", service=self.whole.service)
        return TokensUsed(some, every, href)

    def names(self, rows: Sequence[Any]) -> Names:
        """Return the names of the tokens and users of *rows*."""
        ctx, account = self.ctx, self.account_id
        ids = {row.token_id for row in rows}
        names = call_labels.token_names(ctx, account, ids)
        return Names(names, self.owners(rows))

    def owners(self, rows: Sequence[Any]) -> Mapping[str, str]:
        """Return the labels of the owners of calls, by their keys."""
        keys = {row.owner_key for row in rows}
        return call_labels.owner_labels(self.ctx, self.account_id, keys)

    def service_of(self, row: Any) -> str:
        """Return the service of a call, if the page has several."""
        if not self.several:
            return ""
        return self.ctx.catalog.label(row.service) if row.service else ""

    def filters(self) -> tuple[list[Filter], bool]:
        """Return the filters, and whether they offer only recently used choices."""
        [day, result], _partly = super().filters()
        ctx, given, whole = self.ctx, self.args, self.whole
        lately = usage_totals.recently_used_tokens(ctx, whole, self.window)
        users = usage_totals.recently_active_owners(ctx, whole, self.window)
        partly = max(len(lately), len(users)) > OFFERED
        lately, users = lately[:OFFERED], users[:OFFERED]
        chosen = given.get("user", "")
        keys = {*users, *(owner for _token, owner in lately), chosen} - {"", NONE}
        labels = call_labels.owner_labels(ctx, self.account_id, keys)
        listed = list(dict.fromkeys([*users, *(owner for _token, owner in lately)]))
        offered = [key for key in listed if key in labels][:OFFERED]
        return [
            day,
            *self._services(given.get("service", "")),
            Filter(_("User"), "user", _users(offered, labels, chosen=chosen), chosen),
            self._tokens(lately, labels, chosen=given.get("token", "")),
            result,
        ], partly

    def _services(self, chosen: str) -> list[Filter]:
        """Return the filter by service, if the page has several."""
        if not self.several:
            return []
        services = self.ctx.services_of(self.account_id)
        options = [
            ("", _("All services")),
            *((slug, service.name) for slug, service in services.items()),
            (NONE, _("No service")),
        ]
        return [Filter(_("Service"), "service", options, chosen)]

    def _tokens(
        self,
        lately: Sequence[tuple[str, str]],
        labels: Mapping[str, str],
        *,
        chosen: str,
    ) -> Filter:
        ctx, account = self.ctx, self.account_id
        owners = dict(lately)
        ids = {*owners, chosen} - {""}
        names = call_labels.token_names(ctx, account, ids)
        gone = call_labels.last_names(ctx, account, ids - set(names))
        options = []
        for token_id in ids:
            name = names.get(token_id)
            if name is None:
                last = gone.get(token_id) or token_id
                name = _("%(name)s (deleted)", name=last)
            whose = labels.get(owners.get(token_id, ""))
            text = _("%(name)s, %(who)s", name=name, who=whose) if whose else name
            options.append((token_id, text))
        options.sort(key=_by_text)
        return Filter(*(_("Token"), "token", [("", _("All tokens")), *options]), chosen)


def _users(
    offered: Collection[str], labels: Mapping[str, str], *, chosen: str
) -> list[tuple[str, str]]:
    keys = {*offered, chosen} - {"", NONE}
    named = [(key, labels.get(key) or _("Former user")) for key in keys]
    named.sort(key=_by_text)
    return [("", _("All users")), (NONE, _("Userless")), *named]


def _by_text(option: tuple[str, str]) -> tuple[str, str]:
    return option[1].casefold(), option[0]


def _reading(admin: Admin, slug: str | None = None) -> AccountReading:
    """Return what reads the calls of the account, or of one of its services.

    :raises NotFound: if the account has no such service, or calls are not recorded.
    """
    ctx, account_id = admin.ctx, admin.account_id
    check_recorded(ctx)
    if slug is None:
        endpoint, values = f"{NAME}.usage", {}
    else:
        admin.service(slug)
        endpoint, values = f"{NAME}.service_usage", {"slug": slug}
    at = UsageUrlSet(endpoint, endpoint, f"{endpoint}_csv", values)
    whole = usage_totals.of_account(account_id, slug)
    window = usage_totals.window_of(ctx)
    return AccountReading(ctx, whole, at, window, account_id=account_id)


def of_all() -> ResponseReturnValue:
    """Show the calls of the whole account."""
    reading = _reading(load_admin())
    if htmx.wants_fragment():
        return reading.fragment()
    title = _("Usage history")
    return page("apitokens/admin/usage.html", title=title, history=reading.shown())


def of_all_csv() -> ResponseReturnValue:
    """Answer with the calls as a CSV file."""
    return _reading(load_admin()).file()


def of_service(slug: str) -> ResponseReturnValue:
    """Show the calls with tokens of one service."""
    admin = load_admin()
    reading = _reading(admin, slug)
    if htmx.wants_fragment():
        return reading.fragment()
    section = section_of(admin, slug, "service_usage")
    return page(
        "apitokens/admin/service_usage.html",
        title=section.title,
        section=section,
        history=reading.shown(),
    )


def of_service_csv(slug: str) -> ResponseReturnValue:
    """Answer with the calls as a CSV file."""
    return _reading(load_admin(), slug).file()
