"""What all pages have in common: who is signed in, their frame, their refusals."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from typing import TypeVar

from flask import Response
from flask import after_this_request
from flask import make_response
from flask import redirect
from flask import render_template
from flask import request
from flask import session
from flask import url_for
from flask.typing import ResponseReturnValue
from markupsafe import Markup

from flask_apitokens.core.context import Context
from flask_apitokens.state import commit
from flask_apitokens.state import commit_change
from flask_apitokens.web.forms import CsrfField

from . import htmx
from .login import sign_in_url

_Made = TypeVar("_Made")


#: what is to be said on the next page, after a form that was sent without htmx
_NOTICE = "_apitokens_notice"
#: set in a request's environment before its change is committed
STORING = "flask_apitokens.storing"
#: our blueprints
OURS = frozenset({"apitokens", "apitokens_admin"})
SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS", "TRACE"})


@dataclass(frozen=True)
class Frame:
    """What stands around every page.

    :param sign_in: where the host's log-in is, coming back to this page.
    :param notice: what was done on the page before.
    """

    sign_in: str
    notice: str = ""


# -- pages ---------------------------------------------------------------------


def frame() -> Frame:
    """The frame of the page that is rendered now."""
    here = request.script_root + request.path
    ours = request.blueprint in OURS
    if request.method not in SAFE_METHODS:
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
    strong, text = halves(message)
    return partial("toast", strong=strong, text=text, bad=bad)


def leave_notice(message: str) -> None:
    """Show *message* on the next page of this session. It must hold no secret."""
    session[_NOTICE] = message


def redirect_with_notice(url: str, message: str) -> ResponseReturnValue:
    """Redirect after a form was sent, to a page that shows *message*."""
    leave_notice(message)
    return redirect(url, 303)


def navigate(url: str) -> ResponseReturnValue:
    """Answer a form with another page, also if the form is in a dialog."""
    if not htmx.wants_fragment():
        return redirect(url, 303)
    # htmx would swap a redirected page into the dialog.
    response = htmx.fragment(partial("closed"))
    response.headers["HX-Redirect"] = url
    return response


def halves(message: str) -> tuple[str, str]:
    strong, dot, text = message.partition(". ")
    return (f"{strong}.", text) if dot else (message, "")


# -- changes -------------------------------------------------------------------


def store(ctx: Context) -> None:
    """Commit what this request changed, and tell whom it concerns."""
    _note_commit()
    commit(ctx)


def store_change(ctx: Context, change: Callable[[], _Made]) -> _Made:
    """Make a change and commit it, again where the database gave way to another.

    :param change: calls domain functions; it is called again after a deadlock.
    """
    return commit_change(ctx, change, before_commit=_note_commit)


def _note_commit() -> None:
    # From here on an answer that fails must not say that nothing was changed: a commit
    # whose own answer is lost may have been carried out.
    request.environ[STORING] = True
