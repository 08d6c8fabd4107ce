"""From a guarded request to a recorded call: when it ends, and with which answer.

What the request pays is this object and one append; nothing is cut, counted or written
before the answer is out, unless the host wants it so (``APITOKENS_USAGE = "sync"``).
"""

from __future__ import annotations

from functools import partial
from time import perf_counter
from typing import TYPE_CHECKING

from flask import Flask
from flask import Request
from flask import got_request_exception
from flask import request_tearing_down
from flask.globals import request_ctx
from flask.wrappers import Response

from flask_apitokens.usage.recorder import Recorder
from flask_apitokens.usage.rows import Call

from .current_token import CurrentToken

if TYPE_CHECKING:
    from flask.ctx import RequestContext

#: where a request keeps what watches it
_KEY = "flask_apitokens.watch"


class CallRecord:
    """One guarded call with a genuine token, on its way to its end.

    :param begun: ``perf_counter()`` when the guard began.
    :param code: why the guard refused it; None while it has not.
    """

    # Not the request, which leads here: it would outlive its end, in a circle.
    __slots__ = ("_begun", "_current", "_recorder", "code")

    def __init__(
        self,
        recorder: Recorder,
        current: CurrentToken,
        begun: float,
        code: str | None = None,
    ) -> None:
        self._recorder: Recorder | None = recorder
        self._current = current
        self._begun = begun
        self.code = code

    def answer(self, request: Request, response: Response) -> None:
        """*response* is what is sent; where it is a stream, wait for its last chunk."""
        recorder = self._recorder
        if recorder is None or recorder.sync or not _goes_on(response):
            self.end(request, response.status_code)
        else:
            recorder.prepare()
            # From here on the call ends with its stream, whatever fails before.
            del request.environ[_KEY]
            response.call_on_close(partial(self.end, request, response.status_code))

    def end(self, request: Request, status: int) -> None:
        """Record the call, once."""
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
                environ.get("SCRIPT_NAME", "") + environ.get("PATH_INFO", ""),
                status,
                self.code,
                perf_counter() - self._begun,
                environ.get("HTTP_USER_AGENT"),
            )
        )


def _goes_on(response: Response) -> bool:
    """Whether *response* is still being made when the view is done.

    What Flask makes of an exception looks like a stream, but it has been made. A file
    that the server sends by itself never tells of its end: nothing closes its response.
    """
    if not response.is_streamed or response.direct_passthrough:
        return False
    return response.status_code < 400 or response.content_length is None


def attach(record: CallRecord, context: RequestContext) -> None:
    """Let *record* see the end of this request."""
    context.request.environ[_KEY] = record


def mark_refused(context: RequestContext, code: str) -> None:
    """A second guard refuses what a first one has accepted."""
    record: CallRecord | None = context.request.environ.get(_KEY)
    if record is not None:
        record.code = code


def abort() -> None:
    """The process or its worker is stopped in the middle of this request."""
    request = request_ctx.request
    record: CallRecord | None = request.environ.get(_KEY)
    if record is not None:
        record.end(request, 500)


def on_teardown(error: BaseException | None) -> None:
    """The request is over; what failed may have kept an answer from being made."""
    if error is not None:
        abort()


def install(app: Flask) -> None:
    """See to it that every record on *app* learns of its end."""
    app.after_request(_answered)
    got_request_exception.connect(_failed, app)


def move_to_end(app: Flask) -> None:
    """Let what the host does to an answer be done before we look at it."""
    functions = app.after_request_funcs.get(None, [])
    if _answered in functions:  # the last one registered is the first one called
        functions.remove(_answered)
        functions.insert(0, _answered)


def _answered(response: Response) -> Response:
    # The object itself, once: each look through the proxy costs as much as the rest.
    context = request_ctx._get_current_object()  # type: ignore[attr-defined]
    request = context.request
    record: CallRecord | None = request.environ.get(_KEY)
    if record is not None:
        record.answer(request, response)
    return response


def _failed(app: Flask, **_: object) -> None:
    """A view failed: if nobody makes an answer of it, as in debugging, it ends here."""
    propagate = app.config["PROPAGATE_EXCEPTIONS"]
    if propagate or (propagate is None and (app.testing or app.debug)):
        abort()
    elif _KEY in request_ctx.request.environ:
        _end_at_teardown(app)


def _end_at_teardown(app: Flask) -> None:
    """See to it that this request ends even if what the host does to answers fails.

    Only for the rest of this request: others are not to pay for it.
    """
    context = request_ctx._get_current_object()  # type: ignore[attr-defined]

    def torn(_app: Flask, exc: BaseException | None = None, **_: object) -> None:
        if request_ctx._get_current_object() is context:  # type: ignore[attr-defined]
            request_tearing_down.disconnect(torn)
            on_teardown(exc)

    request_tearing_down.connect(torn, app, weak=False)
