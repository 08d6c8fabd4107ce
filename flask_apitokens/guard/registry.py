"""Which views are guarded, by which policies, and warnings about the others."""

from __future__ import annotations

import logging
import weakref
from collections.abc import Callable
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

from flask import Flask
from flask import current_app
from flask import request
from sqlalchemy.exc import SQLAlchemyError

from flask_apitokens.catalog import AnyService
from flask_apitokens.catalog import Catalog
from flask_apitokens.core.context import utcnow
from flask_apitokens.state import KEY
from flask_apitokens.state import Protection
from flask_apitokens.state import State

from .policy import KINDS
from .policy import Policy

log = logging.getLogger("flask_apitokens")

#: the attribute of a guarded view that has its policy; functools.wraps copies it to the
#: decorators above the guard
_MARK = "__apitokens__"
#: the functions behind guards, to find those that a route reaches directly
_inside: weakref.WeakSet[Any] = weakref.WeakSet()


def mark(
    guarded: Callable[..., Any], *, inner: Callable[..., Any], policy: Policy
) -> None:
    """Register *guarded* as the guard of *inner* with *policy*."""
    setattr(guarded, _MARK, policy)
    with suppress(TypeError):  # some callables cannot be referred to weakly
        _inside.add(inner)


def policy_of(view: Callable[..., Any] | None) -> Policy | None:
    """Return the policy of the guard on *view*; None if it has no guard of its own."""
    policy: Policy | None = getattr(view, _MARK, None)
    return policy


def is_open(blueprint: Any, open_views: frozenset[str]) -> bool:
    """Return whether this request needs no token although *blueprint* is protected."""
    rule = request.url_rule
    if request.method == "OPTIONS" and getattr(rule, "provide_automatic_options", None):
        # Flask answers it, for example a CORS preflight, without running a view.
        return True
    return _is_exempt(request.endpoint or "", blueprint, open_views=open_views)


def _is_exempt(endpoint: str, blueprint: Any, *, open_views: frozenset[str]) -> bool:
    names = [
        name
        for name in _blueprints_of(endpoint)
        if current_app.blueprints.get(name) is blueprint
    ]
    return any(endpoint.removeprefix(f"{name}.") in open_views for name in names)


def _blueprints_of(endpoint: str) -> list[str]:
    """Return the names of the blueprints that an endpoint is in, innermost first."""
    name, _dot, _view = endpoint.rpartition(".")
    return [name, *_blueprints_of(name)] if name else []


def policies_at(endpoint: str, method: str) -> Iterator[Policy]:
    """Yield the policies in front of a view: its own and those of its blueprints.

    :param method: the HTTP method, since a method of a class may have its own guard.
    """
    view = current_app.view_functions.get(endpoint)
    # A class is guarded through `decorators`, or one of its methods by its own guard.
    of_class = getattr(view, "view_class", None)
    for guarded in (view, getattr(of_class, method.lower(), None)):
        policy = policy_of(guarded)
        if policy is not None:
            yield policy
    state = current_app.extensions.get(KEY)
    protected: dict[Any, Protection] = state.protected if state else {}
    for name in _blueprints_of(endpoint):
        guard = protected.get(current_app.blueprints.get(name))
        if guard and not _is_exempt(
            endpoint, guard.blueprint, open_views=guard.open_views
        ):
            yield guard.policy


def warn_of_closed_routes(app: Flask) -> list[str]:
    """Log and return the endpoints whose policy no token of this host can satisfy."""
    catalog = app.extensions[KEY].catalog
    closed = []
    for endpoint, view in app.view_functions.items():
        policy = policy_of(view)
        unknown = policy and _undeclared(catalog, policy)
        if unknown:
            log.warning("no token can pass the guard of %r: %s", endpoint, unknown)
            closed.append(endpoint)
    return closed


def _undeclared(catalog: Catalog, policy: Policy) -> str:
    """Return a phrase about what *policy* needs and the host does not declare."""
    if not policy.kinds & KINDS:
        return f"the kinds are {', '.join(sorted(KINDS))}"
    if policy.service is None:
        return "it asks for scopes, but for no service" if policy.scopes else ""
    if isinstance(policy.service, AnyService):
        services = list(catalog.services.values())
    elif policy.service in catalog.services:
        services = [catalog.services[policy.service]]
    else:
        return f"the service {policy.service!r} is not declared"
    known = {scope for service in services for scope in service.scopes}
    lacking = sorted(policy.scopes - known)
    return f"no such scope is declared: {', '.join(lacking)}" if lacking else ""


def warn_of_open_routes(app: Flask) -> list[str]:
    """Log and return the endpoints whose guard is above ``@app.route``.

    Such a route reaches the function directly, so it is open.
    """
    blind = [
        endpoint for endpoint, view in app.view_functions.items() if view in _inside
    ]
    for endpoint in blind:
        log.warning(
            "the route of %r is open: token_required is above it; write it below, "
            "next to the function",
            endpoint,
        )
    return blind


def warn_of_peppers(state: State) -> None:
    """Log, once in a process, which peppers the imported tokens need and do not have.

    With peppers this runs at the first request. Without them it runs at the first
    request of a page, so that hosts without imported tokens pay no query in a call.
    """
    if state.settings.lookup == "session" or state.peppers_looked_at:
        return
    state.peppers_looked_at = True
    from flask_apitokens.importing.pepper_check import (
        complain,  # for hosts that imported tokens alone
    )

    try:
        with state.engine.connect() as connection:
            said = complain(connection, state.models, state.settings, now=utcnow())
    except SQLAlchemyError as error:
        log.warning("which peppers are needed could not be looked up: %s", error)
        return
    if said:
        log.critical("%s", said)
