"""The scopes of administrators: tokens of their account, and how they are listed."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from collections.abc import Mapping
from collections.abc import Sequence
from dataclasses import dataclass
from dataclasses import field
from dataclasses import replace
from typing import Any

from flask import url_for
from flask.typing import ResponseReturnValue
from markupsafe import Markup

from flask_apitokens.catalog import Service
from flask_apitokens.core.text import searchable
from flask_apitokens.db.models import Token
from flask_apitokens.domain import email_binding
from flask_apitokens.domain import subscriptions
from flask_apitokens.domain import token_counts
from flask_apitokens.domain import token_list
from flask_apitokens.domain import token_status
from flask_apitokens.domain import users as account_users
from flask_apitokens.domain import validation
from flask_apitokens.domain.token_list import ListQuery
from flask_apitokens.errors import DomainError
from flask_apitokens.i18n import gettext as _
from flask_apitokens.usage import labels as call_labels
from flask_apitokens.web.admin_pages import NAME
from flask_apitokens.web.pages import page
from flask_apitokens.web.presenters import token_list as list_presenter
from flask_apitokens.web.presenters import tokens as token_presenter
from flask_apitokens.web.presenters.generate_form import GenerateInput
from flask_apitokens.web.presenters.token_list import Overview
from flask_apitokens.web.presenters.token_list import Wording
from flask_apitokens.web.presenters.tokens import Row

from .token_scope import TokenScope

PAGE_SIZE = 25
#: the endpoint of the page of one token
TOKEN = f"{NAME}.all_token"
#: the longest part of a label that a suggested name repeats
_LABEL = 70


@dataclass(frozen=True, kw_only=True)
class AdminTokenScope(TokenScope):
    """Tokens of an administrator's account: of a user, userless, or all of them.

    :param wording: the heading of the list and its text for an empty list.
    :param template: the page of the list.
    :param page_context: returns what *template* needs besides the list. It is called
        for a whole page only.
    :param service: the service that all tokens here are of; None for several.
    :param label: what a suggested name begins with.
    :param has_owners: whether the tokens are of several owners. The list then shows
        the owners, and cannot be sorted.
    :param filters: the choices of further filters, by their names in an Overview.
    :param list_panels: returns the panels to refresh in place of the list, if the
        dialog was opened from another page.
    """

    detail_template = "apitokens/admin/token.html"
    wording: Wording
    template: str
    page_context: Callable[[], Mapping[str, Any]]
    service: Service | None = None
    label: str = ""
    has_owners: bool = False
    filters: Mapping[str, Any] = field(default_factory=dict)
    list_panels: Callable[[], dict[str, Markup]] | None = None

    @property
    def rotate_warning(self) -> str:
        """That the administrator has to pass the new token on."""
        return _(
            "You will see the new token once and have to pass it on safely to the "
            "user of the old one."
        )

    def suggested_name(self) -> str:
        """Return the label and the next number."""
        slug = self.service.slug if self.service else ""
        label = searchable(self.label)[:_LABEL] or slug
        number = token_counts.count_up_to(self.ctx, self.tokens) + 1
        name = f"{label} {number}"
        try:
            validation.check_name_free(
                self.ctx, self.owner, name, account_id=self.account_id
            )
        except DomainError:
            # The name is taken. A search for the first free number has no limit, so a
            # random part makes it unique instead.
            return f"{label} {number}-{secrets.token_hex(2)}"
        return name

    def with_defaults(self, entered: GenerateInput) -> GenerateInput:
        """Return *entered* for the service of this scope, with a name."""
        slug = self.service.slug if self.service else entered.service
        return super().with_defaults(replace(entered, service=slug))

    def token_context(self, token: Token) -> dict[str, Any]:
        """Return what the page of *token* needs; administrators see its owner too."""
        context = super().token_context(token)
        recorded = self.ctx.records_calls
        return context | {
            "list_title": _("All tokens"),
            "owner": context["row"].owner or _("Userless"),
            "usage_url": url_for(f"{NAME}.usage", token=token.id) if recorded else "",
        }

    def panels(self, query: ListQuery, *, fresh: str = "") -> dict[str, Markup]:
        """Return the list, or the panels of the page that opened the dialog."""
        if self.list_panels is not None:
            return self.list_panels()
        return super().panels(query, fresh=fresh)

    def page(self, overview: Overview, *, status: int = 200) -> ResponseReturnValue:
        """Answer with the whole page of the list."""
        context = self.page_context()
        return page(self.template, status=status, overview=overview, **context)

    def rows(self, found: Sequence[Token], *, fresh: str = "") -> list[Row]:
        """Return tokens as an administrator sees them."""
        ctx, account_id = self.ctx, self.account_id
        known = token_status.statuses_of(ctx, found, account_id=account_id)
        owners = token_list.owners_of(ctx, found)
        labels = self._owner_labels(found, owners)
        on = subscriptions.services_on(ctx, account_id)
        rows = []
        for token in found:
            owner = owners.get(token.owner_id)
            status = known.get(token.id) or token_status.status_of(ctx, token)
            obstacle = self._obstacle(token, owner)
            if obstacle and status in token_presenter.LIVE:
                # Only the application's callbacks know this obstacle, so the statement
                # that computed the status could not take it into account.
                status = "paused"
            rows.append(
                token_presenter.row_of(
                    token,
                    status,
                    catalog=ctx.catalog,
                    now=ctx.now(),
                    fresh=token.id == fresh,
                    owner=labels.get(token.id, ""),
                    paused_by=obstacle or _service_off(token, on),
                    actions=self.actions.by_status(status),
                    recorded=ctx.records_calls,
                    rotatable=self.rotatable(token),
                )
            )
        return rows

    def _owner_labels(
        self, found: Sequence[Token], owners: Mapping[Any, Any]
    ) -> dict[str, str]:
        """Return the labels of the owners, by the ids of their tokens.

        The present label of a user who left the account is not the account's to see. An
        owner who left has the label of their last call in the account, or their key.
        """
        ctx = self.ctx
        owned = {t.id: owners[t.owner_id] for t in found if t.owner_id in owners}
        left = {
            token_id: ctx.key_text(owner)
            for token_id, owner in owned.items()
            if ctx.account_of(owner) != self.account_id
        }
        known = call_labels.last_owners(ctx, self.account_id, left)
        labels = {
            token_id: ctx.user_label(owner)
            for token_id, owner in owned.items()
            if token_id not in left
        }
        return labels | left | known

    def _obstacle(self, token: Token, owner: Any) -> str:
        """Return why *token* does not work; empty if that is only its service."""
        if token.userless:
            return ""
        if owner is None or self.ctx.account_of(owner) != self.account_id:
            return _("Its owner has left the account")
        if not account_users.is_enabled(self.ctx, owner):
            return _("Its owner is disabled")
        if not self.ctx.may_use_api(owner):
            return _("Its owner has no API access")
        moved = email_binding.has_moved(self.ctx, token, owner)
        return _("Its owner has another email address") if moved else ""

    def overview(self, query: ListQuery, *, fresh: str = "") -> Overview:
        """Return the list and what the page shows around it."""
        ctx = self.ctx
        if self.has_owners:
            # An account may have a million tokens. Newest first is the only order that
            # an index serves; any other sorts all of them for each page.
            query = replace(query, sort="-created")
        owned = token_counts.count_up_to(ctx, self.tokens, list_presenter.TOOLBAR_ABOVE)
        found = token_list.page_in(
            ctx, self.tokens, query, account_id=self.account_id, size=PAGE_SIZE
        )
        shown = list_presenter.list_of(
            found,
            self.rows(found.items, fresh=fresh),
            query=query,
            owned=owned,
            services_shown=False,
            may_generate=self.actions.generate,
            at=self.urls,
            wording=self.wording,
            makers_shown=not self.has_owners,
            owners_shown=self.has_owners,
        )
        overview = Overview(
            list=replace(shown, sorts=not self.has_owners),
            account_id=self.account_id,
            expiring=0,
            expiring_by=list_presenter.expiring_by(ctx),
            statuses=list_presenter.statuses_offered(),
            services=(),
            uses=list_presenter.uses_offered(ctx),
        )
        return replace(overview, **self.filters)


def _service_off(token: Token, on: dict[str, bool]) -> str:
    if token.service is not None and not on.get(token.service, False):
        return _("The service is off")
    return _("Subscription is off")
