"""A user's requests for access: to make one, and to withdraw it."""

from __future__ import annotations

from dataclasses import replace

from flask import redirect
from flask import request
from flask.typing import ResponseReturnValue
from markupsafe import Markup

from flask_apitokens.domain import access_requests
from flask_apitokens.domain import subscriptions
from flask_apitokens.domain.token_list import ListQuery
from flask_apitokens.errors import Conflict
from flask_apitokens.errors import InvalidReason
from flask_apitokens.i18n import gettext as _
from flask_apitokens.web import htmx
from flask_apitokens.web.error_pages import refresh_with
from flask_apitokens.web.forms import ConfirmForm
from flask_apitokens.web.forms import require_genuine_form
from flask_apitokens.web.forms import stale
from flask_apitokens.web.forms import typed
from flask_apitokens.web.pages import leave_notice
from flask_apitokens.web.pages import partial
from flask_apitokens.web.pages import redirect_with_notice
from flask_apitokens.web.pages import roll_back
from flask_apitokens.web.pages import store_change
from flask_apitokens.web.pages import toast
from flask_apitokens.web.presenters.access_requests import ALL
from flask_apitokens.web.presenters.access_requests import AccessForm
from flask_apitokens.web.presenters.generate_form import ECHOED
from flask_apitokens.web.scopes.own_tokens import OwnTokenScope
from flask_apitokens.web.scopes.own_tokens import load_own_scope


def ask(scope: OwnTokenScope) -> ResponseReturnValue:
    """Request access to a service, to all services, or to the API as a whole."""
    if request.method != "POST":
        # A log-in page that sends the user back here does so by GET. The form is on
        # the page of the list.
        return redirect(scope.urls.url("tokens"))
    if not ConfirmForm().is_genuine():
        return _form_again(scope, AccessForm(problem=stale()), status=400)
    refresh_with(_fresh_panels)
    try:
        store_change(scope.ctx, lambda: _request(scope))
    except InvalidReason as error:
        roll_back(scope.ctx)
        return _form_again(scope, AccessForm(error=error.message), status=error.status)
    except Conflict:
        roll_back(scope.ctx)
        # If the request is already waiting, the form was sent twice. That is no error.
        waiting, slug = _waiting(scope), request.form.get("service", "")
        if slug not in waiting and not (slug == ALL and waiting):
            return _decided_meanwhile(scope)
    return _report(scope, _("Request sent"))


def _request(scope: OwnTokenScope) -> None:
    ctx, user = scope.ctx, scope.user
    if ctx.callbacks.is_admin is None:
        # The application has no administrators, so the page offers no form.
        raise Conflict
    reason = typed("reason")
    for slug in _requested_services(scope):
        access_requests.request(ctx, user, slug, reason=reason, actor=scope.actor)


def _requested_services(scope: OwnTokenScope) -> list[str]:
    """Return the slugs that the form asks for; without those that are waiting."""
    slug = request.form.get("service", "")
    if slug != ALL:
        return [slug]
    waiting = _waiting(scope)
    requestable = access_requests.requestable(scope.ctx, scope.user)
    slugs = [each for each in requestable if each not in waiting]
    if not slugs:
        raise Conflict
    return slugs


def _waiting(scope: OwnTokenScope) -> set[str]:
    made = access_requests.requests_of(scope.ctx, scope.user)
    return {slug for slug, row in made.items() if subscriptions.is_waiting(row)}


def withdraw(scope: OwnTokenScope) -> ResponseReturnValue:
    """Withdraw a request."""
    if request.method != "POST":
        return redirect(scope.urls.url("tokens"))
    require_genuine_form()
    refresh_with(_fresh_panels)
    ctx, user, slug = scope.ctx, scope.user, request.form.get("service", "")
    try:
        store_change(
            ctx, lambda: access_requests.withdraw(ctx, user, slug, actor=scope.actor)
        )
    except Conflict:
        roll_back(ctx)
        return _decided_meanwhile(scope)
    return _report(scope, _("Request withdrawn"))


# -- responses -----------------------------------------------------------------


def _form_again(
    scope: OwnTokenScope, draft: AccessForm, *, status: int
) -> ResponseReturnValue:
    """Show the form again, filled in as it was sent, with its error."""
    slug, reason = request.form.get("service", ""), typed("reason")
    draft = replace(draft, service=slug, reason=reason[:ECHOED])
    if not htmx.wants_fragment():
        return scope.page(scope.overview(ListQuery()), status=status, draft=draft)
    alert: dict[str, Markup | str] = {htmx.ALERT: draft.error} if draft.error else {}
    return htmx.fragment(_panel(scope, draft), status=status, out_of_band=alert)


def _report(scope: OwnTokenScope, message: str) -> ResponseReturnValue:
    if not htmx.wants_fragment():
        return redirect_with_notice(scope.urls.url("tokens"), message)
    return htmx.fragment(_panel(scope), out_of_band={htmx.TOASTS: toast(message)})


def _decided_meanwhile(scope: OwnTokenScope) -> ResponseReturnValue:
    """Answer that an administrator has decided the request meanwhile.

    :raises Conflict: if the error handler can refresh the page by its panels.
    """
    if not (htmx.wants_fragment() and _is_form_alone()) or _lacks_tokens():
        raise Conflict
    # The user has access by now, but the page was rendered without the list of tokens
    # and has no panel for it. It is loaded again.
    leave_notice(Conflict().message)
    response = htmx.fragment(_panel(scope))
    back = htmx.page_asked_from() or scope.urls.url("tokens")
    response.headers["HX-Redirect"] = back
    return response


def _lacks_tokens() -> bool:
    """Whether the page, read anew, would still show no list of tokens."""
    scope = load_own_scope()
    return scope.visible(scope.overview(ListQuery())) is None


def _fresh_panels() -> dict[str, Markup]:
    scope = load_own_scope()
    tokens = {} if _is_form_alone() else scope.panels(ListQuery())
    return {**tokens, htmx.PANEL: _panel(scope)}


def _panel(scope: OwnTokenScope, draft: AccessForm | None = None) -> Markup:
    panel = scope.access_panel(alone=_is_form_alone(), draft=draft)
    return partial("asking", asking=panel)


def _is_form_alone() -> bool:
    """Whether the page shows the form in place of the list of tokens."""
    return request.form.get("alone") == "1"
