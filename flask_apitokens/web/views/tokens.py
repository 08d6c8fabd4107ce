"""The list of a scope, the page of one token, and generating a token."""

from __future__ import annotations

import functools
from datetime import datetime

from flask import redirect
from flask import request
from flask.typing import ResponseReturnValue
from markupsafe import Markup

from flask_apitokens.core import networks
from flask_apitokens.crypto.plaintext import Plaintext
from flask_apitokens.db.models import Token
from flask_apitokens.domain import tokens as domain_tokens
from flask_apitokens.domain.token_list import ListQuery
from flask_apitokens.errors import AccessSwitchedOff
from flask_apitokens.errors import AlreadyGenerated
from flask_apitokens.errors import Conflict
from flask_apitokens.errors import DomainError
from flask_apitokens.errors import SelfServiceOff
from flask_apitokens.web import fresh_login
from flask_apitokens.web import htmx
from flask_apitokens.web.forms import GenerateForm
from flask_apitokens.web.forms import stale
from flask_apitokens.web.login import signed_in
from flask_apitokens.web.pages import dialog_or_page
from flask_apitokens.web.pages import frame
from flask_apitokens.web.pages import no_store
from flask_apitokens.web.pages import page
from flask_apitokens.web.pages import partial
from flask_apitokens.web.pages import roll_back
from flask_apitokens.web.pages import store_change
from flask_apitokens.web.presenters import token_list as list_presenter
from flask_apitokens.web.presenters.generate_form import FieldErrors
from flask_apitokens.web.presenters.generate_form import GenerateInput
from flask_apitokens.web.presenters.generate_form import first_input
from flask_apitokens.web.presenters.generate_form import presented
from flask_apitokens.web.presenters.generate_form import service_gone
from flask_apitokens.web.presenters.generate_form import validate
from flask_apitokens.web.query_args import asked_query
from flask_apitokens.web.query_args import token_searched_for
from flask_apitokens.web.reveal import reveal_token
from flask_apitokens.web.scopes.own_tokens import load_own_scope
from flask_apitokens.web.scopes.token_scope import TokenScope
from flask_apitokens.web.usage_history import token_history

#: the level of the title in a page of the host: one below the host's own title
_PANEL_LEVEL = 2
_PANEL_KEY = "flask_apitokens.panel"


def tokens(scope: TokenScope) -> ResponseReturnValue:
    """Show the list: a page, or the panels that a search or a page link refreshes."""
    query = asked_query()
    if not htmx.wants_fragment():
        if token_searched_for():
            # The address has the whole secret in it. The redirect takes it out of the
            # address bar and of the browser's history.
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
        # The address of the download carries the search of the list.
        around[htmx.ACTIONS] = partial("actions", list=overview.list)
    if focus == list_presenter.SEARCH:
        around[htmx.TOOLS] = partial("toolbar", overview=overview, focus=True)
    return htmx.fragment(shown, out_of_band=around)


def panel() -> Markup:
    """Render the section of the signed-in user, for a page of the application.

    Templates call it as ``{{ apitokens_panel() }}``. It brings its stylesheet and
    script, and is empty if no user is signed in. The page may show the plaintext of a
    new token, so its response is marked ``no-store``.
    """
    if signed_in() is None:
        return Markup("")
    scope = load_own_scope()
    overview = scope.visible(scope.overview(ListQuery()))
    # A page may call the panel twice, but must load its script once. This is not kept
    # on `g`: a test may push one application context around several requests.
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
    """Show one token: its properties, its calls and its events."""
    found = scope.token(token_id)
    context = scope.token_context(found)
    return page(
        scope.detail_template,
        title=found.name,
        **context,
        history=token_history(scope, found),
    )


# -- generate ------------------------------------------------------------------


def new(scope: TokenScope) -> ResponseReturnValue:
    """Show the generate form."""
    _check_can_generate(scope)
    if scope.replaceable is not None:
        return redirect(scope.urls.url("replace"))
    log_in = fresh_login.require_fresh_login(scope)
    if log_in is not None:
        return log_in
    return _form(
        scope,
        fresh_login.pop_kept_input(scope) or first_input(scope.ctx, scope.services),
    )


def new_scopes(scope: TokenScope) -> ResponseReturnValue:
    """Show the scopes that the service chosen in the form offers."""
    _check_can_generate(scope)
    if not htmx.wants_fragment():
        return redirect(scope.urls.url("new"))
    slug = request.args.get("service", "")
    services = [service for service in scope.services if service.slug == slug]
    refusals = FieldErrors()
    if not services:
        refusals.add(service_gone())
    entered = first_input(scope.ctx, services)
    view = presented(scope.ctx, entered, services, refusals=refusals)
    return htmx.fragment(partial("scopes", form=view))


def generate(scope: TokenScope) -> ResponseReturnValue:
    """Generate a token and show its plaintext.

    This response is the only one that shows the plaintext.
    """
    _check_can_generate(scope)
    form = GenerateForm()
    entered, form_id = GenerateInput.of(form), form.form_id.data or ""
    is_genuine = form.is_genuine()
    # A form from another site must not fill in the form that follows the log-in.
    log_in = fresh_login.require_fresh_login(scope, entered if is_genuine else None)
    if log_in is not None:
        return log_in
    if not is_genuine:
        return _form(scope, entered, refusals=FieldErrors(general=stale()), status=400)
    if form.change.data:
        # Without htmx, a button asks for the form again with the scopes of the
        # chosen service.
        return _form(scope, entered, form_id=form_id)
    if scope.replaceable is not None:
        domain_tokens.check_form_is_new(scope.ctx, scope.owner, form_id)
        raise Conflict
    return _generate(scope, entered, form_id=form_id)


def _generate(
    scope: TokenScope, entered: GenerateInput, *, form_id: str
) -> ResponseReturnValue:
    wanted = scope.with_defaults(entered)
    refusals, expires_at = validate(
        scope.ctx,
        scope.owner,
        wanted,
        services=scope.services,
        account_id=scope.account_id,
    )
    if refusals:
        # If this form was sent twice, the name is taken by the token that it generated
        # the first time. The error then is that the form was sent already.
        domain_tokens.check_form_is_new(scope.ctx, scope.owner, form_id)
        return _form(scope, entered, form_id=form_id, refusals=refusals, status=422)
    try:
        made, plaintext = _make(scope, wanted, expires_at=expires_at, form_id=form_id)
    except (AlreadyGenerated, Conflict):
        raise
    except DomainError as error:
        roll_back(scope.ctx)
        refusals.add(error)
        status = error.status
        return _form(scope, entered, form_id=form_id, refusals=refusals, status=status)
    panels = functools.partial(scope.panels, ListQuery(), fresh=made.id)
    return reveal_token(scope, made, plaintext=plaintext, panels=panels)


def _check_can_generate(scope: TokenScope) -> None:
    """Check that tokens can be generated here.

    :raises SelfServiceOff: if only administrators may generate tokens.
    :raises AccessSwitchedOff: if a token generated here would not work.
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
) -> tuple[Token, Plaintext]:
    """Generate a token and commit it."""
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
    return dialog_or_page(
        "generate_dialog",
        "apitokens/generate.html",
        title=view.title,
        status=status,
        form=view,
    )
