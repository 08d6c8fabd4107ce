"""A user's requests for access: made, and taken back."""

from __future__ import annotations

from flask import redirect
from flask import request
from flask.typing import ResponseReturnValue
from markupsafe import Markup

from flask_apitokens.domain import access_requests
from flask_apitokens.domain.token_list import ListQuery
from flask_apitokens.errors import Conflict
from flask_apitokens.errors import InvalidReason
from flask_apitokens.i18n import gettext as _
from flask_apitokens.web import htmx
from flask_apitokens.web.forms import ConfirmForm
from flask_apitokens.web.forms import StaleForm
from flask_apitokens.web.forms import stale
from flask_apitokens.web.pages import leave_notice
from flask_apitokens.web.pages import partial
from flask_apitokens.web.pages import store_change
from flask_apitokens.web.pages import toast
from flask_apitokens.web.presenters.access_requests import ALL
from flask_apitokens.web.presenters.access_requests import AccessForm
from flask_apitokens.web.presenters.generate_form import ECHOED
from flask_apitokens.web.scopes.own_tokens import OwnTokenScope
from flask_apitokens.web.scopes.own_tokens import load_own_scope
from flask_apitokens.web.stale_page import renew_with


def ask(scope: OwnTokenScope) -> ResponseReturnValue:
    """Ask for access to a service, to all of them, or to the API as a whole."""
    if request.method != "POST":
        # Somebody signed in again: the form stands on the list's page.
        return redirect(scope.urls.url("tokens"))
    if not ConfirmForm().is_genuine():
        return _again(scope, AccessForm(problem=stale()), 400)
    renew_with(_renewed)
    try:
        store_change(scope.ctx, lambda: _ask(scope))
    except InvalidReason as error:
        scope.ctx.session.rollback()
        return _again(scope, AccessForm(error=error.message), error.status)
    except Conflict:
        scope.ctx.session.rollback()
        if not _is_asked(scope):
            return _overtaken(scope)
    return _done(scope, _("Request sent"))


def _ask(scope: OwnTokenScope) -> None:
    ctx, user = scope.ctx, scope.user
    if ctx.callbacks.is_admin is None:
        raise Conflict
    for slug in _wanted(scope):
        reason = request.form.get("reason", "")
        access_requests.request(ctx, user, slug, reason, actor=scope.actor)


def _wanted(scope: OwnTokenScope) -> list[str]:
    """What the form asks for; all services are those not asked for yet."""
    slug = request.form.get("service", "")
    if slug != ALL:
        return [slug]
    waiting = _waiting(scope)
    lacking = access_requests.requestable(scope.ctx, scope.user)
    wanted = [each for each in lacking if each not in waiting]
    if not wanted:
        raise Conflict
    return wanted


def _is_asked(scope: OwnTokenScope) -> bool:
    """Whether what was asked for waits already: the form was sent twice."""
    waiting = _waiting(scope)
    slug = request.form.get("service", "")
    return slug in waiting or (slug == ALL and bool(waiting))


def _waiting(scope: OwnTokenScope) -> set[str]:
    made = access_requests.requests_of(scope.ctx, scope.user)
    return {slug for slug, row in made.items() if access_requests.is_waiting(row)}


def withdraw(scope: OwnTokenScope) -> ResponseReturnValue:
    """Take a request back."""
    if request.method != "POST":
        return redirect(scope.urls.url("tokens"))
    if not ConfirmForm().is_genuine():
        raise StaleForm
    renew_with(_renewed)
    slug = request.form.get("service", "")
    ctx, user, actor = scope.ctx, scope.user, scope.actor
    try:
        store_change(
            ctx, lambda: access_requests.withdraw(ctx, user, slug, actor=actor)
        )
    except Conflict:
        ctx.session.rollback()
        return _overtaken(scope)
    return _done(scope, _("Request withdrawn"))


# -- answers -------------------------------------------------------------------


def _again(scope: OwnTokenScope, draft: AccessForm, status: int) -> ResponseReturnValue:
    """The form as it was filled in, and what is wrong with it."""
    form = request.form
    typed = AccessForm(
        form.get("service", ""),
        form.get("reason", "")[:ECHOED],
        draft.error,
        draft.problem,
    )
    if not htmx.wants_fragment():
        return scope.page(scope.overview(ListQuery()), status=status, draft=typed)
    spoken: dict[str, Markup | str] = {htmx.ALERT: draft.error} if draft.error else {}
    return htmx.fragment(_panel(scope, typed), status=status, out_of_band=spoken)


def _done(scope: OwnTokenScope, message: str) -> ResponseReturnValue:
    if not htmx.wants_fragment():
        leave_notice(message)
        return redirect(scope.urls.url("tokens"), 303)
    return htmx.fragment(_panel(scope), out_of_band={htmx.TOASTS: toast(message)})


def _overtaken(scope: OwnTokenScope) -> ResponseReturnValue:
    """Say that it was decided meanwhile; a page that lacks the tokens is loaded anew.

    :raises Conflict: where the page can be brought up to date as it stands.
    """
    if not (htmx.wants_fragment() and _stood_alone()) or _is_alone(load_own_scope()):
        raise Conflict
    leave_notice(Conflict().message)
    response = htmx.fragment(_panel(scope))
    back = htmx.page_asked_from() or scope.urls.url("tokens")
    response.headers["HX-Redirect"] = back
    return response


def _renewed() -> dict[str, Markup]:
    scope = load_own_scope()
    tokens = {} if _stood_alone() else scope.panels(ListQuery())
    return {**tokens, htmx.PANEL: _panel(scope)}


def _panel(scope: OwnTokenScope, draft: AccessForm | None = None) -> Markup:
    asking = scope.access_panel(alone=_stood_alone(), draft=draft)
    return partial("asking", asking=asking)


def _stood_alone() -> bool:
    """Whether the form stood in the place of the tokens."""
    return request.form.get("alone") == "1"


def _is_alone(scope: OwnTokenScope) -> bool:
    return scope.visible(scope.overview(ListQuery())) is None
