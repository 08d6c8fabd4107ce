"""The signed-in user's own tokens."""

from __future__ import annotations

from collections.abc import Mapping
from collections.abc import Sequence
from dataclasses import dataclass
from dataclasses import replace
from typing import Any

from flask.typing import ResponseReturnValue
from markupsafe import Markup
from sqlalchemy import Select

from flask_apitokens.catalog import Service
from flask_apitokens.db.models import Event
from flask_apitokens.db.models import Token
from flask_apitokens.domain import email_binding
from flask_apitokens.domain import single_token
from flask_apitokens.domain import subscriptions
from flask_apitokens.domain import token_counts
from flask_apitokens.domain import token_list
from flask_apitokens.domain import token_status
from flask_apitokens.domain.token_list import ListQuery
from flask_apitokens.errors import AccessDenied
from flask_apitokens.i18n import gettext as _
from flask_apitokens.state import current_apitokens
from flask_apitokens.web import htmx
from flask_apitokens.web.login import signed_in
from flask_apitokens.web.pages import page
from flask_apitokens.web.pages import partial
from flask_apitokens.web.presenters import token_list as list_presenter
from flask_apitokens.web.presenters import tokens as token_presenter
from flask_apitokens.web.presenters.access_requests import AccessForm
from flask_apitokens.web.presenters.access_requests import AccessPanel
from flask_apitokens.web.presenters.access_requests import access_panel
from flask_apitokens.web.presenters.audit_events import EventLine
from flask_apitokens.web.presenters.audit_events import event_line
from flask_apitokens.web.presenters.token_list import Overview
from flask_apitokens.web.presenters.token_list import Single
from flask_apitokens.web.presenters.tokens import Row
from flask_apitokens.web.urls import OWN
from flask_apitokens.web.urls import UrlSet

from .scope import Visit

#: the title is the page's first heading
_PAGE_LEVEL = 1


@dataclass(frozen=True)
class OwnTokens(Visit):
    """The signed-in user among the tokens they own.

    :param states: every service of theirs and whether they may use it now.
    """

    states: Mapping[str, bool]
    #: whether they may use the API at all
    allowed: bool

    @property
    def at(self) -> UrlSet:
        """The user's own page."""
        return OWN

    @property
    def owner(self) -> Any:
        """The user."""
        return self.user

    @property
    def account_id(self) -> str:
        """The user's account."""
        return self.ctx.account_of(self.user)

    @property
    def services(self) -> list[Service]:
        """The services the user may generate for."""
        declared = self.ctx.catalog.services
        return [declared[slug] for slug, active in self.states.items() if active]

    @property
    def may_generate(self) -> bool:
        """Whether there is anything a token could be for, and it is theirs to make."""
        return self.has_access and not self.by_others

    @property
    def has_access(self) -> bool:
        """Whether there is anything a token could be for."""
        return self.allowed and (not self.ctx.catalog or bool(self.services))

    @property
    def by_others(self) -> bool:
        """Whether administrators alone generate tokens."""
        return not self.ctx.settings.self_service

    def tokens(self) -> Select[Token]:
        """The tokens the user owns."""
        return token_list.owned_by(self.ctx, self.user)

    def rows(self, found: Sequence[Token], *, fresh: str = "") -> list[Row]:
        """Tokens as their owner sees them."""
        return [self._row(token, fresh=token.id == fresh) for token in found]

    def _row(self, token: Token, *, fresh: bool) -> Row:
        ctx, paused_by = self.ctx, self._paused_by(token)
        moved = email_binding.has_moved(ctx, token, self.user)
        if moved and not paused_by:
            paused_by = _("Your email address has changed")
        return token_presenter.row_of(
            token,
            token_status.status_of(ctx, token, paused=bool(paused_by)),
            catalog=ctx.catalog,
            now=ctx.now(),
            fresh=fresh,
            paused_by=paused_by,
            recorded=ctx.records_calls,
            email_changed=moved,
        )

    def event_line(self, event: Event) -> EventLine:
        """What happened, and from where where it was the owner: others may not say."""
        told = event_line(event)
        mine = event.actor_id == self.ctx.key_text(self.user)
        return told if mine else replace(told, ip="")

    def _paused_by(self, token: Token) -> str:
        """What a token waits for before it works; empty for one that works."""
        if not self.allowed:
            return _("API access is off")
        if token.account_id != self.account_id:
            return _("Of an account you have left")
        if token.service is not None and not self.states.get(token.service, False):
            return _("Access to the service is off")
        return ""

    @property
    def only(self) -> Token | None:
        """The user's only live token, where one is all they may have."""
        if not single_token.is_on(self.ctx):
            return None
        live = single_token.live_of(self.ctx, self.user)
        return live[0] if len(live) == 1 else None

    def _single(self, fresh: str) -> Single | None:
        """What stands in place of a list; none where there is a list."""
        ctx = self.ctx
        if not single_token.is_on(ctx) or len(single_token.live_of(ctx, self.user)) > 1:
            return None
        token = single_token.shown_of(ctx, self.user)
        way = "new" if self.may_generate else ""
        if token is None:
            return Single(None, self.at.url(way) if way else "")
        row = self.row(token, fresh=token.id == fresh)
        if row.status != "expired":
            way = "replace" if self.can_rotate(token) else ""
        return Single(row, self.at.url(way) if way else "")

    def panels(self, query: ListQuery, *, fresh: str = "") -> dict[str, Markup]:
        """The list, or the only token that there may be."""
        shown = self._single(fresh)
        if shown is None:
            return super().panels(query, fresh=fresh)
        return {htmx.LIST: partial("single_card", single=shown)}

    def overview(self, query: ListQuery, *, fresh: str = "") -> Overview:
        """The whole section around the list."""
        counts = token_counts.counts(self.ctx, self.tokens())
        found = token_list.page_of(self.ctx, self.user, query)
        return Overview(
            list=list_presenter.list_of(
                found,
                self.rows(found.items, fresh=fresh),
                query,
                owned=counts.total,
                services_shown=bool(self.ctx.catalog),
                may_generate=self.may_generate,
                wording=list_presenter.own_wording(self_service=not self.by_others),
            ),
            account_id=self.account_id,
            moved=email_binding.count_moved(self.ctx, self.user),
            has_access=self.has_access,
            expiring=counts.expiring,
            expiring_days=self.ctx.settings.expiring_days,
            statuses=list_presenter.statuses_offered(),
            services=list_presenter.services_offered(self.ctx.catalog),
            single=self._single(fresh),
        )

    def page(
        self, overview: Overview, *, status: int = 200, draft: AccessForm | None = None
    ) -> ResponseReturnValue:
        """The whole section as a page, or what it takes to have one."""
        shown = self.shown(overview)
        return page(
            "apitokens/tokens.html",
            status=status,
            overview=shown,
            asking=self.asking(alone=shown is None, draft=draft),
            level=_PAGE_LEVEL,
        )

    def asking(self, *, alone: bool, draft: AccessForm | None = None) -> AccessPanel:
        """What the user lacks and may ask for."""
        return access_panel(self.ctx, self.user, self.states, alone=alone, draft=draft)

    def shown(self, overview: Overview) -> Overview | None:
        """*overview*, or none where there is nothing and can be nothing."""
        return overview if overview.list.owned or self.has_access else None


def begin() -> OwnTokens:
    """The signed-in user in front of their own tokens.

    :raises AccessDenied: if nobody is signed in, which the pages' guard rules out.
    """
    user = signed_in()
    if user is None:
        raise AccessDenied
    ctx = current_apitokens.context()
    states = subscriptions.states(ctx, user) if ctx.catalog else {}
    return OwnTokens(ctx, user, states, ctx.may_use_api(user))
