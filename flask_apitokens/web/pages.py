"""What all pages have in common: who is signed in, their frame, their refusals."""

from __future__ import annotations

import logging
from collections.abc import Callable
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from typing import TypeVar
from typing import cast

from flask import Response
from flask import after_this_request
from flask import current_app
from flask import make_response
from flask import redirect
from flask import render_template
from flask import request
from flask import session
from flask import url_for
from flask.typing import ResponseReturnValue
from flask_login import LoginManager
from flask_login import current_user
from flask_login.utils import login_url
from markupsafe import Markup
from sqlalchemy import inspect
from sqlalchemy.exc import SQLAlchemyError
from werkzeug.exceptions import HTTPException

from flask_apitokens.core.actor import Actor
from flask_apitokens.core.context import Context
from flask_apitokens.errors import AccessDenied
from flask_apitokens.errors import ConfigurationError
from flask_apitokens.errors import DomainError
from flask_apitokens.guard import integration
from flask_apitokens.i18n import gettext as _
from flask_apitokens.state import commit
from flask_apitokens.state import commit_change
from flask_apitokens.state import current_apitokens
from flask_apitokens.web import htmx
from flask_apitokens.web.forms import CsrfField

_Made = TypeVar("_Made")

log = logging.getLogger("flask_apitokens")

#: what is to be said on the next page, after a form that was sent without htmx
_NOTICE = "_apitokens_notice"
#: set in a request's environment before its change is committed
_STORING = "flask_apitokens.storing"
#: our blueprints
OURS = frozenset({"apitokens", "apitokens_admin"})
_SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS", "TRACE"})


@dataclass(frozen=True)
class Frame:
    """What stands around every page.

    :param sign_in: where the host's log-in is, coming back to this page.
    :param notice: what was done on the page before.
    """

    sign_in: str
    notice: str = ""


# -- who is there --------------------------------------------------------------


def login_manager() -> LoginManager:
    """The host's Flask-Login.

    :raises ConfigurationError: if it has none.
    """
    manager = getattr(current_app, "login_manager", None)
    if manager is None:
        raise ConfigurationError(
            "the pages of flask_apitokens need Flask-Login on this application: "
            "LoginManager(app) with a user_loader"
        )
    return cast("LoginManager", manager)


def signed_in() -> Any | None:
    """The user of this browser's session, or nobody.

    Only the session counts: a request loader of the host may know users by a header
    or a token, and no token opens these pages (nor does ``LOGIN_DISABLED``).
    """
    login_manager()
    user = current_user._get_current_object()
    if (
        user is None
        or not user.is_authenticated
        or not getattr(user, "is_active", True)
    ):
        return None
    # Looking at current_user has restored a remembered log-in to the session by now.
    return user if session.get("_user_id") == user.get_id() else None


def admit() -> ResponseReturnValue | None:
    """Let a request in, before its view: from our own pages, by who is signed in."""
    unsafe = request.method not in _SAFE_METHODS
    if unsafe and request.headers.get("Sec-Fetch-Site") == "cross-site":
        raise AccessDenied
    if signed_in() is None:
        return _turn_away()
    integration.warn_of_peppers(current_apitokens)
    return None


def _turn_away() -> ResponseReturnValue:
    if not htmx.wants_fragment():
        return _to_log_in()
    ours = url_for("apitokens.tokens")
    back = htmx.page_asked_from() or ours
    if back.startswith((ours, url_for("apitokens_admin.start"))):
        # A search at most, and somebody may have searched for a token.
        back = back.partition("?")[0]
    dialog = partial("signed_out", sign_in=sign_in_url(back))
    return htmx.fragment(dialog, status=401, target=htmx.DIALOG)


def _to_log_in() -> ResponseReturnValue:
    """The host's own answer, but with no query in what it comes back to."""
    manager = login_manager()
    if request.query_string and manager.login_view:
        return redirect(sign_in_url(request.script_root + request.path))
    return cast("ResponseReturnValue", manager.unauthorized())


def sign_in_url(back: str) -> str:
    """Where the host's log-in page is, told to come *back*.

    A host that has none gets the page itself: asked for anew, it shows its own way in.
    """
    manager = login_manager()
    views = getattr(manager, "blueprint_login_views", {})
    view = views.get(request.blueprint) or manager.login_view
    return login_url(view, next_url=back) if view else back


def actor_of(ctx: Context, user: Any) -> Actor:
    """The signed-in user as the audit log names them."""
    ip = (request.remote_addr or "")[:45] or None
    return Actor(ctx.user_label(user), ctx.key_text(user), ip)


# -- pages ---------------------------------------------------------------------


def frame() -> Frame:
    """The frame of the page that is rendered now."""
    here = request.script_root + request.path
    ours = request.blueprint in OURS
    if request.method not in _SAFE_METHODS:
        here = url_for("apitokens.tokens")
    elif request.query_string and not ours:
        # Ours is a search at most, and somebody may have searched for a token.
        here += f"?{request.query_string.decode('latin-1')}"
    return Frame(sign_in_url(here), session.pop(_NOTICE, ""))


def page(template: str, *, status: int = 200, **context: Any) -> Response:
    """Answer with a whole page in the host's layout."""
    body = render_template(template, frame=frame(), csrf=CsrfField.fresh(), **context)
    return make_response(body, status)


def partial(name: str, *, folder: str = "", **context: Any) -> Markup:
    """Render a fragment; *name* is its file without underscore and ending.

    :param folder: "admin" for what only administrators see.
    """
    template = f"apitokens/{folder and folder + '/'}partials/_{name}.html"
    body = render_template(template, csrf=CsrfField.fresh(), **context)
    return Markup(body)  # noqa: S704  # Jinja has escaped it


def no_store() -> None:
    """Keep the answer to this request, whosever view it is, out of every cache."""

    @after_this_request
    def keep_out(response: Response) -> Response:
        response.headers["Cache-Control"] = "no-store"
        return response


def toast(message: str, *, bad: bool = False) -> Markup:
    """Render a notification: its first sentence is what is read first."""
    strong, text = _halves(message)
    return partial("toast", strong=strong, text=text, bad=bad)


def leave_notice(message: str) -> None:
    """Say *message* on the next page this session sees; never a secret."""
    session[_NOTICE] = message


def _halves(message: str) -> tuple[str, str]:
    strong, dot, text = message.partition(". ")
    return (f"{strong}.", text) if dot else (message, "")


# -- changes -------------------------------------------------------------------


def store(ctx: Context) -> None:
    """Commit what this request changed, and tell whom it concerns."""
    _note_commit()
    commit(ctx)


def stored(ctx: Context, change: Callable[[], _Made]) -> _Made:
    """Make a change and commit it, again where the database gave way to another.

    :param change: calls domain functions; it is called again after a deadlock.
    """
    return commit_change(ctx, change, before_commit=_note_commit)


def _note_commit() -> None:
    # From here on an answer that fails must not say that nothing was changed: a commit
    # whose own answer is lost may have been carried out.
    request.environ[_STORING] = True


# -- refusals ------------------------------------------------------------------


def _sentence(status: int) -> str:
    """What is said of an error that brings no sentence of its own."""
    if status == 404:
        return _("This page does not exist.")
    if status in {401, 403, 405}:
        return _("You are not allowed to do that.")
    if _STORING not in request.environ:
        return _("Something went wrong. Nothing was changed. Try again.")
    if htmx.wants_fragment():
        return _(
            "Something went wrong. It may have been saved all the same. Reload to see."
        )
    # To load this page again would send the form again.
    return _(
        "Something went wrong. It may have been saved all the same. "
        "Look at your tokens before you try again."
    )


def refuse(
    error: HTTPException, *, out_of_band: Mapping[str, Markup] | None = None
) -> ResponseReturnValue:
    """Answer an error as a notification, or as a page in the host's layout.

    :param out_of_band: the panels that come with a notification.
    """
    status = error.code or 500
    if error.response is not None or status < 400:
        return error.get_response()
    message = error.message if isinstance(error, DomainError) else _sentence(status)
    if isinstance(error, DomainError):
        current_apitokens.db.session.rollback()
    response = _message(message, status, out_of_band)
    for name, value in error.get_headers(request.environ):
        response.headers.setdefault(name, value)
    return response


def _message(
    message: str, status: int, out_of_band: Mapping[str, Markup] | None = None
) -> Response:
    if htmx.wants_fragment():
        note = toast(message, bad=True)
        return htmx.fragment(
            note, status=status, target=htmx.TOASTS, out_of_band=out_of_band
        )
    strong, text = _halves(message)
    return page("apitokens/problem.html", status=status, strong=strong, text=text)


def database_failed(error: SQLAlchemyError) -> ResponseReturnValue:
    """Answer while the database is away or busy.

    :raises ConfigurationError: if it is there and merely has not got our tables.
    """
    log.error("a page could not reach the database", exc_info=error)
    message = _sentence(503)
    try:
        current_apitokens.db.session.rollback()
        _insist_on_tables()
        return _message(message, 503)
    except SQLAlchemyError:
        # The host's layout asks the database too: say it without.
        return make_response(
            message, 503, {"Content-Type": "text/plain; charset=utf-8"}
        )


def _insist_on_tables() -> None:
    state = current_apitokens
    there = inspect(state.engine)
    missing = [
        table.fullname
        for table in state.models.tables
        if not there.has_table(table.name, schema=table.schema)
    ]
    if missing:
        raise ConfigurationError(
            f"the database has no {', '.join(missing)}: make the tables of "
            "flask_apitokens with db.create_all() or a migration (flask db migrate)"
        )
