"""The scope of the users' own pages: the tokens that the signed-in user owns."""

from __future__ import annotations

from collections.abc import Mapping
from collections.abc import Sequence
from dataclasses import dataclass
from dataclasses import replace

from flask.typing import ResponseReturnValue
from markupsafe import Markup

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

from .token_scope import Actions
from .token_scope import TokenScope

#: the title is the page's first heading
_PAGE_LEVEL = 1


@dataclass(frozen=True, kw_only=True)
class OwnTokenScope(TokenScope):
    """The tokens that the signed-in user owns.

    :param states: every service of the user's account, and whether they may use it.
    :param may_use_api: whether the user may use the API at all.
    :param has_access: whether a token of theirs would work, if one were generated.
    """

    detail_template = "apitokens/token.html"
    states: Mapping[str, bool]
    may_use_api: bool
    has_access: bool

    def suggested_name(self) -> str:
        """Return the name of the only token, in single-token mode; else nothing."""
        return single_token.suggested_name(self.ctx)

    def rows(self, found: Sequence[Token], *, fresh: str = "") -> list[Row]:
        """Return tokens as their owner sees them."""
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
            rotatable=self.rotatable(token),
        )

    def event_line(self, event: Event) -> EventLine:
        """Return *event* without the address of an administrator.

        The owner sees the IP address of their own actions only.
        """
        line = event_line(event)
        is_own = event.actor_id == self.ctx.key_text(self.user)
        return line if is_own else replace(line, ip="")

    def _paused_by(self, token: Token) -> str:
        """Return why *token* does not work for now; empty if it works."""
        if not self.may_use_api:
            return _("API access is off")
        if token.account_id != self.account_id:
            return _("You have left its account")
        if token.service is not None and not self.states.get(token.service, False):
            return _("Access to the service is off")
        return ""

    @property
    def replaceable(self) -> Token | None:
        """The user's only live token in single-token mode; else None."""
        if not single_token.is_on(self.ctx):
            return None
        live = single_token.live_of(self.ctx, self.user)
        return live[0] if len(live) == 1 else None

    def _single(self, fresh: str) -> Single | None:
        """Return what single-token mode shows in place of the list.

        None if the mode is off. None too for a user who has several live tokens from
        before it was turned on: they need the list to revoke all but one.
        """
        ctx = self.ctx
        if not single_token.is_on(ctx) or len(single_token.live_of(ctx, self.user)) > 1:
            return None
        token = single_token.shown_of(ctx, self.user)
        row = None if token is None else self.row(token, fresh=token.id == fresh)
        if token is None or row is None or row.status == "expired":
            action = "new" if self.actions.generate else ""
        else:
            action = "replace" if self.can_rotate(token) else ""
        return Single(row, self.urls.url(action) if action else "")

    def panels(self, query: ListQuery, *, fresh: str = "") -> dict[str, Markup]:
        """Return the list, or the card of the only token in single-token mode."""
        single = self._single(fresh)
        if single is None:
            return super().panels(query, fresh=fresh)
        return {htmx.LIST: partial("single_card", single=single)}

    def overview(self, query: ListQuery, *, fresh: str = "") -> Overview:
        """Return the list and what the section shows around it."""
        counts = token_counts.count_list(self.ctx, self.tokens)
        found = token_list.page_of(self.ctx, self.user, query)
        return Overview(
            list=list_presenter.list_of(
                found,
                self.rows(found.items, fresh=fresh),
                query=query,
                owned=counts.total,
                services_shown=bool(self.ctx.catalog),
                may_generate=self.actions.generate,
                wording=list_presenter.own_wording(
                    self_service=self.actions.self_service
                ),
            ),
            account_id=self.account_id,
            moved=email_binding.count_moved(self.ctx, self.user),
            has_access=self.has_access,
            expiring=counts.expiring,
            expiring_by=list_presenter.expiring_by(self.ctx),
            statuses=list_presenter.statuses_offered(),
            services=list_presenter.services_offered(self.ctx.catalog),
            uses=list_presenter.uses_offered(self.ctx),
            single=self._single(fresh),
        )

    def page(
        self, overview: Overview, *, status: int = 200, draft: AccessForm | None = None
    ) -> ResponseReturnValue:
        """Answer with the section as a page, or with how to get access.

        :param draft: what the user typed into the form that asks for access.
        """
        shown = self.visible(overview)
        return page(
            "apitokens/tokens.html",
            title=_("API tokens"),
            status=status,
            overview=shown,
            asking=self.access_panel(alone=shown is None, draft=draft),
            level=_PAGE_LEVEL,
        )

    def access_panel(
        self, *, alone: bool, draft: AccessForm | None = None
    ) -> AccessPanel:
        """Return what the user has no access to, and the form that asks for it.

        :param alone: whether the page shows no tokens.
        """
        return access_panel(self.ctx, self.user, self.states, alone=alone, draft=draft)

    def visible(self, overview: Overview) -> Overview | None:
        """Return *overview*; None if the user has no token and cannot get one."""
        return overview if overview.list.owned or self.has_access else None


def load_own_scope() -> OwnTokenScope:
    """Load the signed-in user's own tokens.

    :raises AccessDenied: if no user is signed in, which :func:`.access.admit` rules
        out.
    """
    user = signed_in()
    if user is None:
        raise AccessDenied
    ctx = current_apitokens.context()
    states = subscriptions.states(ctx, user) if ctx.catalog else {}
    services = [ctx.catalog.services[slug] for slug, active in states.items() if active]
    may_use_api = ctx.may_use_api(user)
    has_access = may_use_api and (not ctx.catalog or bool(services))
    self_service = ctx.settings.self_service
    return OwnTokenScope(
        ctx=ctx,
        user=user,
        account_id=ctx.account_of(user),
        urls=OWN,
        actions=Actions(has_access and self_service, self_service),
        tokens=token_list.owned_by(ctx, user),
        owner=user,
        services=services,
        states=states,
        may_use_api=may_use_api,
        has_access=has_access,
    )
