"""What all pages share: their frame, rendered fragments, notices, the commit."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from types import SimpleNamespace
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
from werkzeug.exceptions import Unauthorized

from flask_apitokens.core.context import Context
from flask_apitokens.state import commit_change
from flask_apitokens.web.forms import CsrfField

from . import htmx
from .login import sign_in_url
from .login import signed_in

_Made = TypeVar("_Made")


#: the key in the session of the notice that the next page shows
_NOTICE = "_apitokens_notice"
#: set in a request's environment before its change is committed
STORING = "flask_apitokens.storing"
#: our blueprints
OURS = frozenset({"apitokens", "apitokens_admin"})
SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS", "TRACE"})


@dataclass(frozen=True)
class Frame:
    """What every page has around its content.

    :param sign_in: the address of the log-in page, which comes back to this page.
    :param notice: what the form on the page before has changed.
    """

    sign_in: str
    notice: str = ""


# -- pages ---------------------------------------------------------------------


def frame() -> Frame:
    """Return the frame of the page that is rendered now."""
    here = request.script_root + request.path
    ours = request.blueprint in OURS
    if request.method not in SAFE_METHODS:
        here = url_for("apitokens.tokens")
    elif request.query_string and not ours:
        # The query of our pages is a search at most, and the search may be for a whole
        # token: it must not get into the address of the log-in page.
        here += f"?{request.query_string.decode('latin-1')}"
    return Frame(sign_in_url(here), session.pop(_NOTICE, ""))


def page(template: str, *, title: str, status: int = 200, **context: Any) -> Response:
    """Answer with a whole page in the application's layout.

    The layout has the same variables as the page, and a name of ours would win over
    the application's own. So there are two: ``apitokens``, which has all the page is
    given, and ``title``.
    """
    csrf = CsrfField.fresh()
    ours = SimpleNamespace(title=title, frame=frame(), csrf=csrf, **context)
    body = render_template(template, apitokens=ours, title=title)
    return make_response(body, status)


def partial(name: str, *, folder: str = "", **context: Any) -> Markup:
    """Render a fragment.

    :param name: the name of its file, without underscore and ending.
    :param folder: "admin" for a fragment of administrators' pages.
    """
    template = f"apitokens/{folder and folder + '/'}partials/_{name}.html"
    body = render_template(template, csrf=CsrfField.fresh(), **context)
    return Markup(body)  # noqa: S704  # Jinja has escaped it


def dialog_or_page(
    name: str, template: str, *, title: str, status: int = 200, **context: Any
) -> Response:
    """Answer with a dialog, or with a whole page without htmx.

    :param name: the fragment of the dialog, as for :func:`partial`.
    :param template: the template of the page.
    :param title: of the page.
    """
    if htmx.wants_fragment():
        return htmx.fragment(partial(name, **context), status=status)
    return page(template, title=title, status=status, **context)


def no_store() -> None:
    """Keep the response to this request out of every cache.

    It may be the response of a view of the application.
    """

    @after_this_request
    def keep_out(response: Response) -> Response:
        response.headers["Cache-Control"] = "no-store"
        return response


def toast(message: str, *, bad: bool = False) -> Markup:
    """Render a notification; its first sentence is emphasized."""
    strong, text = split_message(message)
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


def split_message(message: str) -> tuple[str, str]:
    """Return the first sentence of *message*, and the rest."""
    strong, dot, text = message.partition(". ")
    return (f"{strong}.", text) if dot else (message, "")


# -- changes -------------------------------------------------------------------


def store_change(ctx: Context, change: Callable[[], _Made]) -> _Made:
    """Make a change and commit it; repeat both after a deadlock.

    :param change: calls domain functions. It may be called more than once, so it must
        read the rows that it changes.
    :returns: what *change* returned.
    :raises Unauthorized: if the user was deleted meanwhile; the error page signs out.
    """
    made = commit_change(ctx, change, before_commit=_note_commit)
    _check_signed_in()
    return made


def roll_back(ctx: Context) -> None:
    """Undo the changes of this request, so that its form can be shown again.

    :raises Unauthorized: as for :func:`store_change`.
    """
    ctx.session.rollback()
    _check_signed_in()


def _check_signed_in() -> None:
    # The end of a transaction expires the user's row. It is read again here, because an
    # error in the layout would come too late.
    if signed_in() is None:
        raise Unauthorized


def _note_commit() -> None:
    # From here on an error page must not say that nothing was changed. If the
    # connection breaks during a commit, the database may have carried it out.
    request.environ[STORING] = True
