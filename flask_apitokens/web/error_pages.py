"""Refusals and failures, as a notification or as a page."""

from __future__ import annotations

import logging
from collections.abc import Callable
from collections.abc import Mapping

from flask import Response
from flask import make_response
from flask import request
from flask import url_for
from flask.typing import ResponseReturnValue
from markupsafe import Markup
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm.exc import ObjectDeletedError
from werkzeug.exceptions import HTTPException

from flask_apitokens.db import engines
from flask_apitokens.db import schema_check
from flask_apitokens.errors import ConfigurationError
from flask_apitokens.errors import Conflict
from flask_apitokens.errors import DomainError
from flask_apitokens.guard.blueprints import ADMIN
from flask_apitokens.i18n import gettext as _
from flask_apitokens.state import current_apitokens

from . import access
from . import htmx
from .pages import STORING
from .pages import page
from .pages import split_message
from .pages import toast
from .query_args import asked_query
from .scopes.token_scope import reload_scope

log = logging.getLogger("flask_apitokens")

Panels = Callable[[], Mapping[str, Markup]]
#: the key in a request's environment of what refreshes its page
_PANELS = "flask_apitokens.panels"


def _sentence(status: int) -> str:
    """Return the message of an error that has none for the user."""
    if status == 404:
        return _("This page does not exist.")
    if status in {401, 403, 405}:
        return _("You are not allowed to do that.")
    if STORING not in request.environ:
        return _("Something went wrong. Nothing was changed. Try again.")
    if htmx.wants_fragment():
        return _(
            "Something went wrong. Your change may have been saved. Reload to see."
        )
    # Without htmx the browser shows the response to the form. To reload it would send
    # the form again.
    return _(
        "Something went wrong. Your change may have been saved. "
        "Look at your tokens before you try again."
    )


def refuse(
    error: HTTPException, *, out_of_band: Mapping[str, Markup] | None = None
) -> ResponseReturnValue:
    """Answer an error as a notification, or as a page in the application's layout.

    :param out_of_band: the panels that a notification refreshes.
    """
    status = error.code or 500
    if error.response is not None or status < 400:
        return error.get_response()
    if isinstance(error, DomainError) or status == 401 or status >= 500:
        signed_out = _if_vanished()
        if signed_out is not None:
            return signed_out
    message = error.message if isinstance(error, DomainError) else _sentence(status)
    response = _message(message, status, out_of_band=out_of_band)
    for name, value in error.get_headers(request.environ):
        response.headers.setdefault(name, value)
    return response


def _if_vanished() -> ResponseReturnValue | None:
    """Roll back, and answer a user who is gone since the request began; else None.

    The layout reads the user's row, so an error page would be an error itself.
    """
    try:
        return access.sign_out() if access.has_vanished() else None
    except HTTPException:
        # The application has no log-in page.
        return _message(_sentence(401), 401)
    except SQLAlchemyError:
        # The database cannot be reached, so nothing is known about the user.
        return None


def _message(
    message: str, status: int, *, out_of_band: Mapping[str, Markup] | None = None
) -> Response:
    try:
        return _rendered(message, status, out_of_band=out_of_band)
    except ConfigurationError:
        raise
    except Exception:
        # The application's layout may need what has just failed, such as the database.
        # So the message goes out without it.
        if not current_apitokens.page_outage.is_on:  # then it is logged already
            log.exception("an error page could not be rendered in the host's layout")
        return _bare(message, status)


def _bare(message: str, status: int) -> Response:
    return make_response(message, status, {"Content-Type": "text/plain; charset=utf-8"})


def _rendered(
    message: str, status: int, *, out_of_band: Mapping[str, Markup] | None
) -> Response:
    if htmx.wants_fragment():
        note = toast(message, bad=True)
        return htmx.fragment(
            note, status=status, target=htmx.TOASTS, out_of_band=out_of_band
        )
    strong, text = split_message(message)
    back = _way_back(status)
    return page(
        "apitokens/problem.html", title=strong, status=status, text=text, back=back
    )


def _way_back(status: int) -> tuple[str, str]:
    """Return the label and the address of the page that a problem leads back to.

    Whether the user is an administrator is not asked: in an outage that would fail too.
    """
    if request.blueprint == ADMIN and status != 403:
        return _("Back to the services"), url_for(f"{ADMIN}.services")
    return _("Back to your tokens"), url_for("apitokens.tokens")


def database_failed(error: SQLAlchemyError) -> ResponseReturnValue:
    """Answer while the database cannot be reached or is busy.

    :raises ConfigurationError: if it lacks tables or columns, of ours or of the users.
    """
    if engines.gave_way(error) and STORING not in request.environ:
        return refuse(Conflict())
    current_apitokens.page_outage.add(error, with_traceback=True)
    message = _sentence(503)
    try:
        current_apitokens.db.session.rollback()
        _check_tables()
        return _message(message, 503)
    except SQLAlchemyError:
        return _bare(message, 503)


def row_deleted(error: SQLAlchemyError) -> ResponseReturnValue:
    """Answer if a row was deleted after this request had read it."""
    log.info("a row was deleted while a page was made: %s", error)
    return refuse_and_refresh(Conflict())


def _check_tables() -> None:
    state = current_apitokens
    missing = schema_check.missing_in(state.engine, state.models.needed_tables)
    if missing:
        raise ConfigurationError(schema_check.advice(missing))


# -- out of date pages ---------------------------------------------------------


def refresh_with(panels: Panels) -> None:
    """Set what refreshes the page of this request after a refusal.

    A page of a list of tokens needs no call: its panels are refreshed by default.

    :param panels: returns panels by their element ids. It is called after a rollback
        and must read everything again.
    """
    request.environ[_PANELS] = panels


def refuse_and_refresh(error: DomainError) -> ResponseReturnValue:
    """Answer that something is gone or has changed, and refresh the page."""
    # This rolls back: on MariaDB a transaction keeps reading the rows as they were when
    # it began.
    signed_out = _if_vanished()
    if signed_out is not None:
        return signed_out
    if not htmx.wants_fragment():
        return refuse(error)
    try:
        panels = request.environ.get(_PANELS, _list_panels)()
    except (DomainError, ObjectDeletedError):
        # What the page was about is gone too, such as the user of a list.
        return refuse(error)
    except SQLAlchemyError as failure:
        return database_failed(failure)
    return refuse(error, out_of_band=panels)


def _list_panels() -> Mapping[str, Markup]:
    scope = reload_scope()
    return {} if scope is None else scope.panels(asked_query())
