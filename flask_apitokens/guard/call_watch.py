"""Record a guarded call when it ends, with its status and duration.

A request costs one object and one append to a buffer. Everything else happens after the
response, unless the host sets ``APITOKENS_USAGE = "sync"``.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from time import perf_counter
from typing import TYPE_CHECKING

from flask import Flask
from flask import Request
from flask import after_this_request
from flask import got_request_exception
from flask import request_tearing_down
from flask.globals import request_ctx
from flask.wrappers import Response

from flask_apitokens.usage.recorder import Recorder
from flask_apitokens.usage.rows import Call

from . import answers
from .current_token import ATTRIBUTE
from .current_token import CurrentToken

if TYPE_CHECKING:
    from flask.ctx import RequestContext

#: the key in the WSGI environment of a request that a guard has looked at: the headers
#: that may have had the token, as ``Vary`` lists them
GUARDED = "flask_apitokens.guarded"
#: the key of the record in the WSGI environment of its request
_KEY = "flask_apitokens.watch"


def mark_guarded(context: RequestContext, looked_at: str) -> None:
    """Note that a guard looks for the token of this request in these headers."""
    # The environment is in no variable: it has the header with the token.
    noted = context.request.environ.setdefault(GUARDED, looked_at)
    if noted is not looked_at:
        both = [*noted.split(", "), *looked_at.split(", ")]
        context.request.environ[GUARDED] = ", ".join(dict.fromkeys(both))


class CallRecord:
    """One guarded call with a genuine token, until it ends and is recorded.

    :param begun: ``perf_counter()`` when the guard began, in seconds.
    :param code: the code of the refusal; None for an accepted call.
    """

    # The request itself is not kept: it refers to this record, and the reference cycle
    # would keep both alive after the request.
    __slots__ = ("_begun", "_current", "_recorder", "code")

    def __init__(
        self,
        recorder: Recorder,
        current: CurrentToken,
        *,
        begun: float,
        code: str | None = None,
    ) -> None:
        self._recorder: Recorder | None = recorder
        self._current = current
        self._begun = begun
        self.code = code

    def answer(self, request: Request, response: Response) -> None:
        """Record the call with *response*; a stream is recorded at its end."""
        recorder = self._recorder
        if recorder is None or recorder.sync or not _goes_on(response):
            self.end(request, response.status_code)
        else:
            recorder.prepare()
            # From here on only the end of the stream records the call: a failure before
            # it must not.
            del request.environ[_KEY]
            response.call_on_close(partial(self.end, request, response.status_code))

    def end(self, request: Request, status: int) -> None:
        """Record the call; a second call does nothing."""
        recorder = self._recorder
        if recorder is None:
            return
        self._recorder = None
        current, environ = self._current, request.environ
        found, rule = current.found, request.url_rule
        recorder.record(
            Call(
                current.id,
                current.accepted_at,
                environ.get("REMOTE_ADDR"),
                self.code is None,
                found.name,
                found.account_id,
                found.service,
                found.owner_id,
                request.method,
                "" if rule is None else rule.rule,
                current.cut_from(
                    environ.get("SCRIPT_NAME", "") + environ.get("PATH_INFO", "")
                ),
                status,
                self.code,
                perf_counter() - self._begun,
                current.cut_from(environ.get("HTTP_USER_AGENT", "")),
            )
        )


def _goes_on(response: Response) -> bool:
    """Return whether *response* is still being generated after the view has returned.

    Flask's response to an exception looks like a stream, but is complete. A file that
    the server sends directly never closes its response, so its end is never seen.
    """
    if not response.is_streamed or response.direct_passthrough:
        return False
    return response.status_code < 400 or response.content_length is None


def after_response(function: Callable[[], object]) -> None:
    """Call *function* once this request's response is closed.

    There is no application context then: *function* brings what it needs.
    """

    @after_this_request
    def register(response: Response) -> Response:
        response.call_on_close(function)
        return response


def attach(record: CallRecord, context: RequestContext) -> None:
    """Keep *record* with this request, so that it is recorded when it ends."""
    context.request.environ[_KEY] = record


def mark_refused(context: RequestContext, code: str) -> None:
    """Note that a second guard refused the request that a first one accepted."""
    record: CallRecord | None = context.request.environ.get(_KEY)
    if record is not None:
        record.code = code


def abort() -> None:
    """Record this request as failed (500): no response will be made of it."""
    request = request_ctx.request
    record: CallRecord | None = request.environ.get(_KEY)
    if record is not None:
        record.end(request, 500)


def on_teardown(error: BaseException | None) -> None:
    """Record a request that ended with an exception and without a response."""
    if error is not None:
        abort()


def install(app: Flask) -> None:
    """Register what ends the records of *app*."""
    app.after_request(_answered)
    got_request_exception.connect(_failed, app)


def move_to_end(app: Flask) -> None:
    """Move our function behind those of the host, which may change the response.

    Flask calls the ``after_request`` functions in reverse order of registration.
    """
    functions = app.after_request_funcs.get(None, [])
    if _answered in functions:
        functions.remove(_answered)
        functions.insert(0, _answered)


def _answered(response: Response) -> Response:
    # The object behind the proxy: each access through the proxy costs as much as the
    # rest of this function.
    context = request_ctx._get_current_object()  # type: ignore[attr-defined]
    request = context.request
    environ = request.environ
    if GUARDED not in environ:
        return response
    answers.keep_from_caches(
        response, accepted=ATTRIBUTE in vars(request), looked_at=environ[GUARDED]
    )
    record: CallRecord | None = environ.get(_KEY)
    if record is not None:
        record.answer(request, response)
    return response


def _failed(app: Flask, **_: object) -> None:
    """Record a failed view if Flask will not make a response of it, as in debugging."""
    propagate = app.config["PROPAGATE_EXCEPTIONS"]
    if propagate or (propagate is None and (app.testing or app.debug)):
        abort()
    elif _KEY in request_ctx.request.environ:
        _end_at_teardown(app)


def _end_at_teardown(app: Flask) -> None:
    """Record this request at teardown if the host's ``after_request`` functions fail.

    The receiver is connected for this request only, so that others do not pay for it.
    """
    context = request_ctx._get_current_object()  # type: ignore[attr-defined]

    def torn(_app: Flask, exc: BaseException | None = None, **_: object) -> None:
        if request_ctx._get_current_object() is context:  # type: ignore[attr-defined]
            request_tearing_down.disconnect(torn)
            on_teardown(exc)

    request_tearing_down.connect(torn, app, weak=False)
