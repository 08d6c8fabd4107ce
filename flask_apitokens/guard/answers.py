"""The answers of guarded views: those of refusals, and what caches may do with all.

A refusal is an exception, so that a guard fails closed wherever the guarded function is
called: below a decorator that shapes what views return, in a task, in the handler of a
socket. It is answered here, whatever error handlers the application has.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from functools import partial
from typing import Any

from flask import Flask
from flask import Request
from flask import make_response
from flask import request
from flask.wrappers import Response
from werkzeug.datastructures import HeaderSet
from werkzeug.http import parse_set_header

from flask_apitokens import refusals
from flask_apitokens import signals
from flask_apitokens.crypto.places import Places
from flask_apitokens.state import State
from flask_apitokens.state import current_apitokens

log = logging.getLogger("flask_apitokens")


def tell(state: State, refusal: refusals.Refusal) -> None:
    """Log a refusal and send ``token_rejected``, once."""
    refusal.realm = state.settings.realm
    if refusal.schemes is None:
        refusal.schemes = challenged(state.places, request)
    if refusal.is_told:
        return
    refusal.is_told = True
    log.info(
        "refused: %s, token %s, %s",
        refusal.problem,
        refusal.token_id or "-",
        refusal.instance,
    )
    if signals.token_rejected.receivers:
        signals.token_rejected.send(state.app, refusal=refusal)


def refused(refusal: refusals.Refusal) -> Response:
    """Return the response to *refusal*; its body may be the application's."""
    state = current_apitokens
    tell(state, refusal)
    handler = state.extension.refusal_handler
    if handler is None:
        return refusal.get_response()
    try:
        response = make_response(state.app.ensure_sync(handler)(refusal))
    except Exception:
        log.exception("the application's error_handler failed at %s", refusal.instance)
        return refusal.get_response()
    response.status_code = refusal.code
    refusal.add_protocol_headers(response)
    return response


def challenged(places: Places, request: Request) -> tuple[str, ...]:
    """Return the schemes to challenge the client of *request* with."""
    if "Basic" not in places.schemes:
        return places.schemes
    from .basic import is_asked_for  # most hosts do not accept Basic

    if is_asked_for(request):
        return places.schemes
    return tuple(scheme for scheme in places.schemes if scheme != "Basic")


def claim_refusals(app: Flask) -> None:
    """Answer refusals ahead of all handlers of the application and its extensions.

    A handler of the application for all HTTP errors, or for ``Refusal``, would replace
    our answer. Flask-RESTX and Flask-RESTful replace the application's method and ask
    no handlers, so this is called again when all extensions are registered.
    """
    handle: Callable[..., Any] = app.handle_user_exception
    if isinstance(handle, partial) and handle.func is _refuse_first:
        return
    app.handle_user_exception = partial(  # type: ignore[method-assign]
        _refuse_first, handle
    )


def _refuse_first(handle: Callable[..., Any], *context_and_error: Any) -> Any:
    error = context_and_error[-1]
    if isinstance(error, refusals.Refusal):
        return refused(error)
    return handle(*context_and_error)


def keep_from_caches(response: Response, *, accepted: bool, looked_at: str) -> None:
    """Make caches tell callers apart, unless the view said what they may do.

    :param accepted: whether the request was accepted with a token.
    :param looked_at: the headers that may have the token, as ``Vary`` lists them.
    """
    headers = response.headers
    # One pass over the few headers: each look-up of one that is not there would raise.
    present = {name.lower() for name, value in headers if value}
    if "vary" not in present:
        headers.add("Vary", looked_at)
    elif "*" not in (vary := _listed(response, "Vary")):
        vary.update(looked_at.split(", "))
        headers["Vary"] = vary.to_header()
    if "cache-control" not in present:
        headers.add("Cache-Control", "private, no-cache")
    elif headers.get("Cache-Control") == "no-cache":
        # Flask's send_file sets it if the view does not say how long a file is kept.
        headers["Cache-Control"] = "private, no-cache"
    elif accepted and "public" in _listed(response, "Cache-Control"):
        endpoint = request.endpoint or ""
        if current_apitokens.warns_once(endpoint):
            log.warning(
                "the view of %r needs a token and answers with Cache-Control: public, "
                "so a cache may give the answer to callers without one",
                endpoint,
            )


def _listed(response: Response, name: str) -> HeaderSet:
    """Return what all headers of a name list; Werkzeug's properties read the first."""
    return parse_set_header(", ".join(response.headers.getlist(name)))
