"""A token scope: the tokens that a page is about, and what may be done with them.

"Scope" here is the part of the tokens that a request may see. Every query starts at it,
so the id of a token outside is unknown rather than forbidden.
"""

from __future__ import annotations

import functools
from abc import ABC
from abc import abstractmethod
from collections.abc import Callable
from collections.abc import Sequence
from dataclasses import dataclass
from dataclasses import replace
from typing import Any
from typing import ClassVar

from flask import request
from flask.typing import ResponseReturnValue
from markupsafe import Markup
from sqlalchemy import Select

from flask_apitokens.audit import log as audit_log
from flask_apitokens.catalog import Service
from flask_apitokens.core.actor import Actor
from flask_apitokens.core.context import Context
from flask_apitokens.db.models import Event
from flask_apitokens.db.models import Token
from flask_apitokens.domain import rotation
from flask_apitokens.domain import tokens as domain_tokens
from flask_apitokens.domain.token_list import ListQuery
from flask_apitokens.i18n import gettext as _
from flask_apitokens.web import htmx
from flask_apitokens.web.login import actor_of
from flask_apitokens.web.pages import partial
from flask_apitokens.web.presenters import rotate_form
from flask_apitokens.web.presenters import tokens as token_presenter
from flask_apitokens.web.presenters.audit_events import EventLine
from flask_apitokens.web.presenters.audit_events import event_line
from flask_apitokens.web.presenters.generate_form import FieldErrors
from flask_apitokens.web.presenters.generate_form import GenerateInput
from flask_apitokens.web.presenters.generate_form import GenerateView
from flask_apitokens.web.presenters.generate_form import presented
from flask_apitokens.web.presenters.token_list import Overview
from flask_apitokens.web.presenters.tokens import Row
from flask_apitokens.web.urls import UrlSet


@dataclass(frozen=True)
class Actions:
    """What the signed-in user may do with the tokens of a scope.

    :param generate: whether a token generated here would work.
    :param self_service: whether the user may generate, replace and rotate tokens at
        all. Where ``APITOKENS_SELF_SERVICE`` is off, only administrators may.
    :param by_status: returns the actions that a row offers, from the token's status.
    """

    generate: bool
    self_service: bool = True
    by_status: Callable[[str], tuple[str, ...]] = token_presenter.own_actions


@dataclass(frozen=True, kw_only=True)
class TokenScope(ABC):
    """The tokens that a page is about, as the signed-in user sees them.

    :param user: the signed-in user.
    :param account_id: the account that a new token belongs to.
    :param urls: the addresses of the list and of its actions.
    :param actions: what the user may do here.
    :param tokens: selects the tokens of the scope; every query starts here.
    :param owner: the user that a new token acts for; None for a userless token.
    :param services: the services that a token can be generated for.
    :param form_title: of the generate dialog; empty for the usual one.
    :param form_warning: what the generate dialog warns of.
    """

    ctx: Context
    user: Any
    account_id: str
    urls: UrlSet
    actions: Actions
    tokens: Select[Token]
    owner: Any
    services: Sequence[Service]
    form_title: str = ""
    form_warning: str = ""
    #: the page of one token
    detail_template: ClassVar[str]

    @property
    def actor(self) -> Actor:
        """The signed-in user, as the audit log names them."""
        return actor_of(self.ctx, self.user)

    @property
    def rotate_warning(self) -> str:
        """What the rotate form warns of; empty for nothing."""
        return ""

    @property
    def replaceable(self) -> Token | None:
        """The token that a new one has to replace; None where there is room."""
        return None

    # -- the list --------------------------------------------------------------

    @abstractmethod
    def rows(self, found: Sequence[Token], *, fresh: str = "") -> list[Row]:
        """Return tokens as the list shows them.

        :param fresh: the id of the token that this request generated.
        """

    @abstractmethod
    def overview(self, query: ListQuery, *, fresh: str = "") -> Overview:
        """Return the list that *query* asks for, and what the page shows around it."""

    @abstractmethod
    def page(self, overview: Overview, *, status: int = 200) -> ResponseReturnValue:
        """Answer with the whole page of the list."""

    def panels(self, query: ListQuery, *, fresh: str = "") -> dict[str, Markup]:
        """Return the list and the panels that depend on it, by their element ids."""
        overview = self.overview(query, fresh=fresh)
        return {
            htmx.LIST: partial("list", list=overview.list),
            htmx.TOOLS: partial("toolbar", overview=overview, focus=False),
            # Another tab may have generated the first token or deleted the last one
            # since this page was loaded, and the buttons depend on that. The script
            # returns the focus to a replaced button by its id.
            htmx.ACTIONS: partial("actions", list=overview.list),
        }

    # -- the generate form -----------------------------------------------------

    @abstractmethod
    def suggested_name(self) -> str:
        """Return the name of a token that is given none; empty if it needs one."""

    def form(
        self,
        entered: GenerateInput,
        *,
        form_id: str = "",
        refusals: FieldErrors | None = None,
    ) -> GenerateView:
        """Return the generate form, filled in with *entered*."""
        return presented(
            self.ctx,
            entered,
            self.services,
            form_id=form_id,
            refusals=refusals,
            at=self.urls,
            title=self.form_title,
            warning=self.form_warning,
            suggested=self.suggested_name(),
        )

    def with_defaults(self, entered: GenerateInput) -> GenerateInput:
        """Return *entered* with what the form does not ask for or may leave empty."""
        if entered.name.strip():
            return entered
        return replace(entered, name=self.suggested_name())

    # -- one token -------------------------------------------------------------

    def token(self, token_id: str) -> Token:
        """Return one token of the scope.

        :raises TokenNotFound: if the scope has no token of this id.
        """
        return domain_tokens.find_among(self.ctx, self.tokens, token_id)

    def row(self, token: Token, *, fresh: bool = False) -> Row:
        """Return *token* as the list shows it."""
        return self.rows([token], fresh=token.id if fresh else "")[0]

    def event_line(self, event: Event) -> EventLine:
        """Return *event* as the page of its token shows it."""
        return event_line(event)

    def can_rotate(self, token: Token) -> bool:
        """Whether *token* can be rotated and its successor would work."""
        return token_presenter.ROTATE in self.row(token).actions

    def rotatable(self, token: Token) -> bool:
        """Whether *token* could be rotated if its owner may use it."""
        allowed = self.actions.self_service
        return allowed and rotation.can_be_rotated(self.ctx, token)

    def token_context(self, token: Token) -> dict[str, Any]:
        """Return what the template of the page of *token* needs."""
        row, ctx = self.row(token), self.ctx
        ids = {key for key in (token.successor_id, token.predecessor_id) if key}
        known = domain_tokens.find_many(ctx, self.tokens, ids) if ids else ()
        rotate_url = self.urls.url("rotate", token_id=row.id)
        return {
            "row": row,
            "at": self.urls,
            "list_title": _("API tokens"),
            "owner": "",
            "account_id": self.account_id,
            "events": [self.event_line(e) for e in audit_log.events_of(ctx, token.id)],
            "kin": rotate_form.related_tokens(token, known, at=self.urls),
            "works_until": rotate_form.works_until(ctx, token),
            "usage_url": "",
            "may_generate": self.actions.generate,
            "rotate_url": rotate_url if self.can_rotate(token) else "",
        }


LoadScope = Callable[..., TokenScope]
#: the key in a request's environment of what loads its scope again
_LOAD = "flask_apitokens.load_scope"


def dispatch(
    view: Callable[..., ResponseReturnValue],
    values: dict[str, Any],
    *,
    load_scope: LoadScope,
) -> ResponseReturnValue:
    """Load the scope of this request and call *view* with it.

    :param view: is given the scope, and the id of a token if the address has one.
    :param values: the parts of the address.
    :param load_scope: is given the parts of the address, without the id of a token.
    """
    token_id = values.pop("token_id", None)
    load = functools.partial(load_scope, **values)
    request.environ[_LOAD] = load
    return view(load(), token_id) if token_id else view(load())


def reload_scope() -> TokenScope | None:
    """Return the scope of this request, read anew; None if it has none."""
    load: LoadScope | None = request.environ.get(_LOAD)
    return None if load is None else load()
