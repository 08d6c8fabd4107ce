"""The users' own pages: the list, one token, and generating."""

from __future__ import annotations

import functools
from datetime import datetime

from flask import redirect
from flask import request
from flask.typing import ResponseReturnValue
from markupsafe import Markup

from flask_apitokens.core import networks
from flask_apitokens.db.models import Token
from flask_apitokens.domain import tokens as domain_tokens
from flask_apitokens.domain.token_list import ListQuery
from flask_apitokens.errors import AccessSwitchedOff
from flask_apitokens.errors import AlreadyGenerated
from flask_apitokens.errors import Conflict
from flask_apitokens.errors import DomainError
from flask_apitokens.errors import SelfServiceOff
from flask_apitokens.errors import ServiceUnavailable
from flask_apitokens.web import fresh_login
from flask_apitokens.web import htmx
from flask_apitokens.web.forms import GenerateForm
from flask_apitokens.web.forms import stale
from flask_apitokens.web.login import signed_in
from flask_apitokens.web.pages import frame
from flask_apitokens.web.pages import no_store
from flask_apitokens.web.pages import page
from flask_apitokens.web.pages import partial
from flask_apitokens.web.pages import store_change
from flask_apitokens.web.presenters import token_list as list_presenter
from flask_apitokens.web.presenters.generate_form import FieldErrors
from flask_apitokens.web.presenters.generate_form import GenerateInput
from flask_apitokens.web.presenters.generate_form import first_input
from flask_apitokens.web.presenters.generate_form import presented
from flask_apitokens.web.presenters.generate_form import validate
from flask_apitokens.web.query_args import asked_query
from flask_apitokens.web.query_args import token_searched_for
from flask_apitokens.web.reveal import answer_with
from flask_apitokens.web.scopes.own_tokens import load_own_scope
from flask_apitokens.web.scopes.token_scope import TokenScope
from flask_apitokens.web.usage_history import shown_of

#: the title stands one below the host's
_PANEL_LEVEL = 2
_PANEL_KEY = "flask_apitokens.panel"


def tokens(scope: TokenScope) -> ResponseReturnValue:
    """The list: a page, or what a search, a filter or a page link swaps in."""
    query = asked_query()
    if not htmx.wants_fragment():
        if token_searched_for():
            # Out of the address bar, the history and what is copied from them.
            return redirect(
                scope.urls.url("tokens", **list_presenter.query_args(query))
            )
        return scope.page(scope.overview(query))
    focus, overview = request.args.get("focus", ""), scope.overview(query)
    if overview.single is not None:
        return htmx.fragment(partial("single_card", single=overview.single))
    shown = partial("list", list=list_presenter.focused(overview.list, focus))
    around: dict[str, Markup | str] = {}
    if overview.list.owners_shown:
        # The file is of what the list shows: its address follows the search.
        around[htmx.ACTIONS] = partial("actions", list=overview.list)
    if focus == list_presenter.SEARCH:
        around[htmx.TOOLS] = partial("toolbar", overview=overview, focus=True)
    return htmx.fragment(shown, out_of_band=around)


def panel() -> Markup:
    """The whole section for the signed-in user, inside a page of the host's.

    ``{{ apitokens_panel() }}``; it brings its stylesheet and script. Empty for who is
    not signed in. The host's page then is not stored by browsers (``no-store``), since
    the one view of a secret may happen in it.
    """
    if signed_in() is None:
        return Markup("")
    scope = load_own_scope()
    overview = scope.visible(scope.overview(ListQuery()))
    # Not on g, which outlives the request where a test pushes a context of its own.
    first = _PANEL_KEY not in request.environ
    request.environ[_PANEL_KEY] = True
    no_store()
    return partial(
        "panel",
        frame=frame(),
        overview=overview,
        asking=scope.access_panel(alone=overview is None),
        level=_PANEL_LEVEL,
        assets=first,
    )


def token(scope: TokenScope, token_id: str) -> ResponseReturnValue:
    """One token: its facts, the calls with it and its events."""
    found = scope.token(token_id)
    context = scope.token_context(found)
    return page(scope.detail_template, **context, history=shown_of(scope, found))


# -- generate ------------------------------------------------------------------


def new(scope: TokenScope) -> ResponseReturnValue:
    """The generate form."""
    check_generating(scope)
    if scope.replaceable is not None:
        return redirect(scope.urls.url("replace"))
    stale_log_in = fresh_login.renewed(scope)
    if stale_log_in is not None:
        return stale_log_in
    return _form(
        scope, fresh_login.kept(scope) or first_input(scope.ctx, scope.services)
    )


def new_scopes(scope: TokenScope) -> ResponseReturnValue:
    """The access that the service chosen in the form offers."""
    check_generating(scope)
    if not htmx.wants_fragment():
        return redirect(scope.urls.url("new"))
    slug = request.args.get("service", "")
    services = [service for service in scope.services if service.slug == slug]
    refusals = FieldErrors()
    if not services:
        refusals.add(ServiceUnavailable())
    entered = first_input(scope.ctx, services)
    view = presented(scope.ctx, entered, services, refusals=refusals)
    return htmx.fragment(partial("scopes", form=view))


def generate(scope: TokenScope) -> ResponseReturnValue:
    """Make a token and show its plaintext, in this one answer."""
    check_generating(scope)
    form = GenerateForm()
    entered, form_id = GenerateInput.of(form), form.form_id.data or ""
    is_genuine = form.is_genuine()
    stale_log_in = fresh_login.renewed(scope, entered if is_genuine else None)
    if stale_log_in is not None:
        return stale_log_in
    if not is_genuine:
        return _form(scope, entered, refusals=FieldErrors(general=stale()), status=400)
    if form.change.data:
        # Without script, a service's access is shown by asking for the form again.
        return _form(scope, entered, form_id=form_id)
    if scope.replaceable is not None:
        domain_tokens.check_form_is_new(scope.ctx, scope.owner, form_id)
        raise Conflict
    wanted = scope.with_defaults(entered)
    refusals, expires_at = validate(
        scope.ctx,
        scope.owner,
        wanted,
        scope.services,
        account_id=scope.account_id,
    )
    if refusals:
        # Sent again, a form finds its own token's name taken: say what really is.
        domain_tokens.check_form_is_new(scope.ctx, scope.owner, form_id)
        return _form(scope, entered, form_id=form_id, refusals=refusals, status=422)
    try:
        made, plaintext = _make(scope, wanted, expires_at=expires_at, form_id=form_id)
    except (AlreadyGenerated, Conflict):
        raise
    except DomainError as error:
        scope.ctx.session.rollback()
        refusals.add(error)
        status = error.status
        return _form(scope, entered, form_id=form_id, refusals=refusals, status=status)
    panels = functools.partial(scope.panels, ListQuery(), fresh=made.id)
    return answer_with(scope, made, plaintext, panels=panels)


def check_generating(scope: TokenScope) -> None:
    """Whether tokens are generated here, and there is anything they could be for.

    :raises SelfServiceOff: where administrators alone generate them.
    :raises AccessSwitchedOff: where there is nothing.
    """
    if not scope.actions.self_service:
        raise SelfServiceOff
    if not scope.actions.generate:
        raise AccessSwitchedOff


def _make(
    scope: TokenScope,
    entered: GenerateInput,
    *,
    expires_at: datetime | None,
    form_id: str,
) -> tuple[Token, str]:
    """Generate and commit."""
    make = functools.partial(
        domain_tokens.generate,
        scope.ctx,
        scope.owner,
        name=entered.name,
        kind=entered.kind,
        service=entered.service or None,
        scopes=entered.scopes,
        expires_at=expires_at,
        networks=networks.in_words(entered.networks),
        account_id=scope.account_id,
        actor=scope.actor,
        form_key=form_id,
    )
    return store_change(scope.ctx, make)


def _form(
    scope: TokenScope,
    entered: GenerateInput,
    *,
    form_id: str = "",
    refusals: FieldErrors | None = None,
    status: int = 200,
) -> ResponseReturnValue:
    view = scope.form(entered, form_id=form_id, refusals=refusals)
    if not htmx.wants_fragment():
        return page("apitokens/generate.html", form=view, status=status)
    return htmx.fragment(partial("generate_dialog", form=view), status=status)
