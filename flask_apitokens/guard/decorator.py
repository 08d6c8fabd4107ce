"""``@token_required`` and ``protect``: what a host writes, and what follows for it."""

from __future__ import annotations

import functools
import logging
from collections.abc import Callable
from collections.abc import Iterable
from datetime import datetime
from inspect import iscoroutinefunction
from time import perf_counter
from typing import TYPE_CHECKING
from typing import Any
from typing import TypeVar
from typing import cast
from typing import overload

from flask import Blueprint
from flask import after_this_request
from flask import current_app
from flask import make_response
from flask.globals import request_ctx
from flask.typing import ResponseReturnValue
from flask.wrappers import Response
from werkzeug.local import LocalProxy

from flask_apitokens import errors
from flask_apitokens import refusals
from flask_apitokens import signals
from flask_apitokens.catalog import AnyService
from flask_apitokens.core.utc import rfc3339
from flask_apitokens.state import KEY
from flask_apitokens.state import Protection
from flask_apitokens.state import State
from flask_apitokens.state import state_of

from . import call_watch
from . import integration
from . import registry
from .authenticate import authenticate_request
from .call_watch import CallRecord
from .current_token import CurrentToken
from .policy import Policy

if TYPE_CHECKING:
    from flask.ctx import RequestContext

log = logging.getLogger("flask_apitokens")

#: refusals of tokens that another one may have taken the place of
_ENDED = (refusals.TokenExpired, refusals.TokenRevoked)

View = TypeVar("View", bound=Callable[..., Any])

#: The token of this request; false outside a guarded route.
current_token = cast("CurrentToken", LocalProxy(integration.accepted))


def _accept(
    state: State, context: RequestContext, current: CurrentToken, begun: float
) -> None:
    """Make the token the identity of this request, and the cookie nobody's."""
    integration.set_identity(context, current)
    if state.recorder.on:
        call_watch.attach(CallRecord(state.recorder, current, begun), context)
    if signals.token_authenticated.receivers:
        signals.token_authenticated.send(state.app, token=current)
    expires_at = current.expires_at
    if expires_at is not None:
        after_this_request(functools.partial(_set_expires_header, expires_at))


def _set_expires_header(expires_at: datetime, response: Response) -> Response:
    response.headers["Apitokens-Expires"] = rfc3339(expires_at)
    return response


def _check_late_use(state: State, ended: CurrentToken, context: RequestContext) -> None:
    """Have it found out, after the answer, whether a rotated token is still in use."""
    # The end of a session is not that of its access token.
    if ended.id in state.late_use_checked or ended.kind == "session":
        return
    from .late_use import schedule_check  # a call that is accepted has no use for it

    schedule_check(state, ended.id, context.request.environ.get("REMOTE_ADDR"))


def refused(state: State, refusal: refusals.Refusal) -> Response:
    """The answer to a refusal, logged and told by its signal."""
    refusal.realm = state.settings.realm
    log.info(
        "refused: %s, token %s, %s",
        refusal.problem,
        refusal.token_id or "-",
        refusal.instance,
    )
    if signals.token_rejected.receivers:
        signals.token_rejected.send(state.app, refusal=refusal)
    handler = state.extension.refusal_handler
    if handler is None:
        return refusal.get_response()
    response = make_response(handler(refusal))
    response.status_code = refusal.code
    response.headers.update(refusal.protocol_headers())
    return response


def check(policy: Policy) -> Response | None:
    """Admit this request or answer why not."""
    # Once, and the object itself: each look through a proxy costs as much as a check.
    context: RequestContext = request_ctx._get_current_object()  # type: ignore[attr-defined]
    state: State = context.app.extensions.get(KEY) or state_of(context.app)
    known: CurrentToken | None = context.request.environ.get(integration.ENVIRON_KEY)
    begun = perf_counter()
    try:
        current = authenticate_request(state, policy, context.request, known)
    except refusals.Refusal as refusal:
        if known is not None:
            refusal.token_id = known.id
            call_watch.mark_refused(context, refusal.problem)
        elif refusal.token is not None and state.recorder.on:
            seen = CallRecord(state.recorder, refusal.token, begun, refusal.problem)
            call_watch.attach(seen, context)
        integration.discard_session(context)
        if isinstance(refusal, _ENDED) and refusal.token is not None:
            _check_late_use(state, refusal.token, context)
        return refused(state, refusal)
    if current is not None and current is not known:
        _accept(state, context, current, begun)
    if policy.query_parameter is not None:
        # The address itself is a credential: no cache, no Referer.
        after_this_request(_keep_address_private)
    return None


def _keep_address_private(response: Response) -> Response:
    response.headers["Cache-Control"] = "no-store"
    response.headers["Referrer-Policy"] = "no-referrer"
    return response


@overload
def token_required(view: View, /) -> View: ...


@overload
def token_required(
    *,
    service: str | AnyService | None = None,
    scopes: str | Iterable[str] = (),
    kinds: Iterable[str] = ("api", "session"),
    query_parameter: str | None = None,
    optional: bool = False,
) -> Callable[[View], View]: ...


def token_required(
    view: Any = None,
    /,
    *,
    service: str | AnyService | None = None,
    scopes: str | Iterable[str] = (),
    kinds: Iterable[str] = ("api", "session"),
    query_parameter: str | None = None,
    optional: bool = False,
) -> Any:
    """Let a view run only for a request that carries a fitting token (RFC 6750).

    Stands below ``@app.route``, bare or called; the view may be sync or async.

    :param service: the slug the token must be bound to; omitted, only tokens bound to
        no service pass; :data:`ANY_SERVICE`, any.
    :param scopes: what the token must be allowed: a string, or all of an iterable.
    :param kinds: the kinds of token this route takes.
    :param query_parameter: the name of a query parameter that may carry the token, for
        clients that cannot send a header.
    :param optional: run the view without a token too; a bad one is still refused.
    :raises ConfigurationError: for a word in the place of the view.
    """
    if isinstance(view, str):
        raise errors.ConfigurationError(
            f"token_required({view!r}) names no view; write "
            f"token_required(service={view!r})"
        )
    policy = Policy.of(
        service=service,
        scopes=scopes,
        kinds=kinds,
        query_parameter=query_parameter,
        optional=optional,
    )

    def guard(inner: View) -> View:
        run: Callable[..., ResponseReturnValue] = inner
        if iscoroutinefunction(inner):

            def run(*args: Any, **kwargs: Any) -> ResponseReturnValue:
                result: ResponseReturnValue = current_app.ensure_sync(inner)(
                    *args, **kwargs
                )
                return result

        @functools.wraps(inner)
        def guarded(*args: Any, **kwargs: Any) -> ResponseReturnValue:
            refused = check(policy)
            if refused is not None:
                return refused
            try:
                return run(*args, **kwargs)
            except Exception:
                raise
            except BaseException:  # of these Flask makes no answer
                call_watch.abort()
                raise

        registry.mark(guarded, inner, policy)
        return cast("View", guarded)

    return guard if view is None else guard(view)


def protection(
    blueprint: Blueprint, policy: Policy, *, exempt: Iterable[str] = ()
) -> Protection:
    """Guard every view of *blueprint* and of those nested in it.

    :param exempt: names of views, as in their endpoints below the blueprint's name.
    """
    open_views = frozenset(exempt)

    def before() -> Response | None:
        return None if registry.is_open(blueprint, open_views) else check(policy)

    blueprint.before_request(before)
    # Of what is no Exception, as ends a worker, Flask makes no answer.
    blueprint.teardown_request(call_watch.on_teardown)
    return Protection(blueprint, policy, open_views)
