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
from flask_apitokens.web.pages import stored
from flask_apitokens.web.pages import toast
from flask_apitokens.web.presenters.access_requests import ALL
from flask_apitokens.web.presenters.access_requests import AccessForm
from flask_apitokens.web.presenters.generate_form import ECHOED
from flask_apitokens.web.scopes.own_tokens import OwnTokens
from flask_apitokens.web.scopes.own_tokens import begin
from flask_apitokens.web.stale_page import renew_with


def ask(visit: OwnTokens) -> ResponseReturnValue:
    """Ask for access to a service, to all of them, or to the API as a whole."""
    if request.method != "POST":
        # Somebody signed in again: the form stands on the list's page.
        return redirect(visit.at.url("tokens"))
    if not ConfirmForm().is_genuine():
        return _again(visit, AccessForm(problem=stale()), 400)
    renew_with(_renewed)
    try:
        stored(visit.ctx, lambda: _ask(visit))
    except InvalidReason as error:
        visit.ctx.session.rollback()
        return _again(visit, AccessForm(error=error.message), error.status)
    except Conflict:
        visit.ctx.session.rollback()
        if not _is_asked(visit):
            return _overtaken(visit)
    return _done(visit, _("Request sent"))


def _ask(visit: OwnTokens) -> None:
    ctx, user = visit.ctx, visit.user
    if ctx.callbacks.is_admin is None:
        raise Conflict
    for slug in _wanted(visit):
        reason = request.form.get("reason", "")
        access_requests.request(ctx, user, slug, reason, actor=visit.actor)


def _wanted(visit: OwnTokens) -> list[str]:
    """What the form asks for; all services are those not asked for yet."""
    slug = request.form.get("service", "")
    if slug != ALL:
        return [slug]
    waiting = _waiting(visit)
    lacking = access_requests.requestable(visit.ctx, visit.user)
    wanted = [each for each in lacking if each not in waiting]
    if not wanted:
        raise Conflict
    return wanted


def _is_asked(visit: OwnTokens) -> bool:
    """Whether what was asked for waits already: the form was sent twice."""
    waiting = _waiting(visit)
    slug = request.form.get("service", "")
    return slug in waiting or (slug == ALL and bool(waiting))


def _waiting(visit: OwnTokens) -> set[str]:
    made = access_requests.requests_of(visit.ctx, visit.user)
    return {slug for slug, row in made.items() if access_requests.is_waiting(row)}


def withdraw(visit: OwnTokens) -> ResponseReturnValue:
    """Take a request back."""
    if request.method != "POST":
        return redirect(visit.at.url("tokens"))
    if not ConfirmForm().is_genuine():
        raise StaleForm
    renew_with(_renewed)
    slug = request.form.get("service", "")
    ctx, user, actor = visit.ctx, visit.user, visit.actor
    try:
        stored(ctx, lambda: access_requests.withdraw(ctx, user, slug, actor=actor))
    except Conflict:
        ctx.session.rollback()
        return _overtaken(visit)
    return _done(visit, _("Request withdrawn"))


# -- answers -------------------------------------------------------------------


def _again(visit: OwnTokens, draft: AccessForm, status: int) -> ResponseReturnValue:
    """The form as it was filled in, and what is wrong with it."""
    form = request.form
    typed = AccessForm(
        form.get("service", ""),
        form.get("reason", "")[:ECHOED],
        draft.error,
        draft.problem,
    )
    if not htmx.wants_fragment():
        return visit.page(visit.overview(ListQuery()), status=status, draft=typed)
    spoken: dict[str, Markup | str] = {htmx.ALERT: draft.error} if draft.error else {}
    return htmx.fragment(_panel(visit, typed), status=status, out_of_band=spoken)


def _done(visit: OwnTokens, message: str) -> ResponseReturnValue:
    if not htmx.wants_fragment():
        leave_notice(message)
        return redirect(visit.at.url("tokens"), 303)
    return htmx.fragment(_panel(visit), out_of_band={htmx.TOASTS: toast(message)})


def _overtaken(visit: OwnTokens) -> ResponseReturnValue:
    """Say that it was decided meanwhile; a page that lacks the tokens is loaded anew.

    :raises Conflict: where the page can be brought up to date as it stands.
    """
    if not (htmx.wants_fragment() and _stood_alone()) or _is_alone(begin()):
        raise Conflict
    leave_notice(Conflict().message)
    response = htmx.fragment(_panel(visit))
    back = htmx.page_asked_from() or visit.at.url("tokens")
    response.headers["HX-Redirect"] = back
    return response


def _renewed() -> dict[str, Markup]:
    visit = begin()
    tokens = {} if _stood_alone() else visit.panels(ListQuery())
    return {**tokens, htmx.PANEL: _panel(visit)}


def _panel(visit: OwnTokens, draft: AccessForm | None = None) -> Markup:
    asking = visit.asking(alone=_stood_alone(), draft=draft)
    return partial("asking", asking=asking)


def _stood_alone() -> bool:
    """Whether the form stood in the place of the tokens."""
    return request.form.get("alone") == "1"


def _is_alone(visit: OwnTokens) -> bool:
    return visit.shown(visit.overview(ListQuery())) is None
