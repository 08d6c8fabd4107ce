"""From a guarded request to a recorded call: when it ends, and with which answer.

What the request pays is this object and one append; nothing is cut, counted or written
before the answer is out, unless the host wants it so (``APITOKENS_USAGE = "sync"``).
"""

from __future__ import annotations

from time import perf_counter
from typing import TYPE_CHECKING

from flask import after_this_request
from flask.globals import request_ctx
from flask.wrappers import Response

from .bearer import CurrentToken
from .usage import Recorder
from .usage_rows import Call

if TYPE_CHECKING:
    from flask.ctx import RequestContext

#: where a request keeps what watches it
_KEY = "flask_apitokens.watch"


class Watch:
    """One guarded call with a genuine token, on its way to its end.

    :param begun: ``perf_counter()`` when the guard began.
    :param code: why the guard refused it; None while it has not.
    """

    __slots__ = ("_begun", "_current", "_recorder", "_request", "_response", "code")

    def __init__(
        self,
        recorder: Recorder,
        context: RequestContext,
        current: CurrentToken,
        begun: float,
        code: str | None = None,
    ) -> None:
        self._recorder: Recorder | None = recorder
        self._request = context.request
        self._current = current
        self._begun = begun
        self._response: Response | None = None
        self.code = code

    def attach(self, response: Response) -> Response:
        """Wait for the end of *response*: its last chunk, where it is a stream."""
        self._response = response
        recorder = self._recorder
        if recorder is None or not _goes_on(response):
            return response
        if recorder.sync:
            self.end()
        else:
            recorder.prepare()
            response.call_on_close(self.end)
        return response

    def tear_down(self, error: BaseException | None) -> None:
        """The view is done; a stream goes on until it is closed."""
        response = self._response
        if response is None:
            # Nobody made an answer of it: debugging, or a worker that is stopped.
            if error is not None:
                self.end(500)
        elif not _goes_on(response):
            self.end()

    def end(self, status: int | None = None) -> None:
        """Record the call, once."""
        recorder, response = self._recorder, self._response
        if recorder is None:
            return
        self._recorder = None
        if status is None:
            status = 500 if response is None else response.status_code
        current, request = self._current, self._request
        environ, rule = request.environ, request.url_rule
        recorder.record(
            Call(
                current.id,
                current.accepted_at,
                environ.get("REMOTE_ADDR"),
                self.code is None,
                current.name,
                current.account_id,
                current.service,
                current.owner_id,
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

    What Flask makes of an exception looks like a stream, but it has been made.
    """
    made = response.status_code >= 400 and response.content_length is not None
    return response.is_streamed and not made


def begin(watch: Watch, context: RequestContext) -> None:
    """Let *watch* see the end of this request."""
    context.request.environ[_KEY] = watch
    after_this_request(watch.attach)


def refuse(context: RequestContext, code: str) -> None:
    """A second guard refuses what a first one has accepted."""
    watch: Watch | None = context.request.environ.get(_KEY)
    if watch is not None:
        watch.code = code


def tear_down(error: BaseException | None) -> None:
    """End the watch over this request, if there is one."""
    watch: Watch | None = request_ctx.request.environ.get(_KEY)
    if watch is not None:
        watch.tear_down(error)
