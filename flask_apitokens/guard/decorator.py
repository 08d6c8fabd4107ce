"""``@token_required`` and ``protect``: views that run only with a token."""

from __future__ import annotations

import functools
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

from . import answers
from . import call_watch
from . import integration
from . import registry
from .blueprints import keep_out_of_specification
from .call_watch import CallRecord
from .current_token import ATTRIBUTE
from .current_token import CurrentToken
from .policy import Policy
from .request_token import authenticate_request

if TYPE_CHECKING:
    from flask.ctx import RequestContext

#: refusals of tokens that another token may have replaced
_ENDED = (refusals.TokenExpired, refusals.TokenRevoked)

View = TypeVar("View", bound=Callable[..., Any])

#: The token of this request; false outside a guarded route.
current_token = cast("CurrentToken", LocalProxy(integration.accepted))


def _accept(
    state: State, context: RequestContext, current: CurrentToken, *, begun: float
) -> None:
    """Set the token as this request's identity and discard the cookie session."""
    integration.set_identity(context, current)
    if state.recorder.on:
        call_watch.attach(CallRecord(state.recorder, current, begun=begun), context)
    if signals.token_authenticated.receivers:
        signals.token_authenticated.send(state.app, token=current)
    expires_at = current.expires_at
    if expires_at is not None:
        after_this_request(functools.partial(_set_expires_header, expires_at))


def _set_expires_header(expires_at: datetime, response: Response) -> Response:
    response.headers["Apitokens-Expires"] = rfc3339(expires_at)
    return response


def _check_late_use(state: State, ended: CurrentToken, context: RequestContext) -> None:
    """Check after the response whether the ended token had been rotated."""
    # A session ends before its access token does: its end tells nothing of the token.
    if ended.id in state.late_use_checked or ended.kind == "session":
        return
    from .late_use import schedule_check  # an accepted call does not need it

    schedule_check(state, ended.id, context.request.environ.get("REMOTE_ADDR"))


def check(policy: Policy) -> None:
    """Authenticate this request.

    :raises refusals.Refusal: if it is not accepted; it is logged already.
    """
    # The object behind the proxy: each access through the proxy costs as much as a
    # check does.
    context: RequestContext = request_ctx._get_current_object()  # type: ignore[attr-defined]
    state: State = context.app.extensions.get(KEY) or state_of(context.app)
    places = policy.places(state.places)
    call_watch.mark_guarded(context, places.vary)
    known: CurrentToken | None = vars(context.request).get(ATTRIBUTE)
    if policy.query_parameter is not None:
        # The URL itself is a credential, so no cache and no Referer may have it.
        after_this_request(_keep_address_private)
    begun = perf_counter()
    try:
        current = authenticate_request(
            state, policy, context.request, places=places, known=known
        )
    except refusals.Refusal as refusal:
        refusal.schemes = answers.challenged(places, context.request)
        _note_refusal(state, context, refusal=refusal, known=known, begun=begun)
        raise
    if current is not None and current is not known:
        _accept(state, context, current, begun=begun)


def _note_refusal(
    state: State,
    context: RequestContext,
    *,
    refusal: refusals.Refusal,
    known: CurrentToken | None,
    begun: float,
) -> None:
    """Log and record a refusal, and discard the cookie session."""
    if known is not None:
        refusal.token_id = known.id
        call_watch.mark_refused(context, refusal.problem)
    elif refusal.token is not None and state.recorder.on:
        record = CallRecord(
            state.recorder, refusal.token, begun=begun, code=refusal.problem
        )
        call_watch.attach(record, context)
    integration.discard_session(context)
    if isinstance(refusal, _ENDED) and refusal.token is not None:
        _check_late_use(state, refusal.token, context)
    answers.tell(state, refusal)


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
    schemes: str | Iterable[str] | None = None,
    headers: str | Iterable[str] | None = None,
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
    schemes: str | Iterable[str] | None = None,
    headers: str | Iterable[str] | None = None,
    optional: bool = False,
) -> Any:
    """Let a view run only for a request that carries a fitting token (RFC 6750).

    Write it below ``@app.route``, bare or called; the view may be sync or async.

    :param service: the slug that the token must be bound to. Without it only a token
        bound to no service passes; with :data:`ANY_SERVICE` any does.
    :param scopes: the scopes that the token must have: a string, or all of an iterable.
    :param kinds: the kinds of token that this route accepts.
    :param query_parameter: the name of a query parameter that may carry the token, for
        clients that cannot send a header.
    :param schemes: the schemes of ``Authorization`` that carry a token here: a string,
        or several of "Bearer", "Token", "Api-Key" and "Basic". By default those of
        ``APITOKENS_SCHEMES``.
    :param headers: other headers that carry a token here: a string, or several. By
        default those of ``APITOKENS_HEADERS``.
    :param optional: run the view without a token too; a bad one is still refused.
    :raises ConfigurationError: if a string is passed instead of a view, or a scheme or
        header cannot carry a token.
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
        schemes=schemes,
        headers=headers,
        optional=optional,
    )
    guard = functools.partial(_guard_view, policy)
    return guard if view is None else guard(view)


def _guard_view(policy: Policy, view: View) -> View:
    run: Callable[..., ResponseReturnValue] = view
    if iscoroutinefunction(view):

        def run(*args: Any, **kwargs: Any) -> ResponseReturnValue:
            result: ResponseReturnValue = current_app.ensure_sync(view)(*args, **kwargs)
            return result

    @functools.wraps(view)
    def guarded(*args: Any, **kwargs: Any) -> ResponseReturnValue:
        check(policy)
        try:
            return run(*args, **kwargs)
        except Exception:
            raise
        except BaseException:
            # Flask makes no response of what is not an Exception, such as a worker's
            # end, so no after_request function would record the call.
            call_watch.abort()
            raise

    registry.mark(guarded, inner=view, policy=policy)
    return cast("View", guarded)


def protection(
    blueprint: Blueprint, policy: Policy, *, exempt: Iterable[str] = ()
) -> Protection:
    """Guard every view of *blueprint* and of the blueprints nested in it.

    :param exempt: the names of open views: their endpoints without the blueprint's
        name.
    """
    open_views = frozenset(exempt)

    def before() -> None:
        if not registry.is_open(blueprint, open_views):
            check(policy)

    blueprint.before_request(before)
    keep_out_of_specification(blueprint)
    # Flask makes no response of what is not an Exception, such as a worker's end, so no
    # after_request function would record the call.
    blueprint.teardown_request(call_watch.on_teardown)
    return Protection(blueprint, policy, open_views)
