"""The endpoints for scripts: logging in with an access token."""

from __future__ import annotations

import logging
from datetime import timedelta

from flask import json
from flask.typing import ResponseReturnValue
from flask.wrappers import Response
from sqlalchemy.exc import SQLAlchemyError
from werkzeug.exceptions import HTTPException

from flask_apitokens import bearer
from flask_apitokens import sessions
from flask_apitokens.errors import TemporarilyUnavailable
from flask_apitokens.guard import current_token
from flask_apitokens.state import current_apitokens

log = logging.getLogger("flask_apitokens")


def login() -> ResponseReturnValue:
    """A session token for the access token that was presented (RFC 6749 section 5.1).

    It ends with the access token at the latest.
    """
    settings, now = current_apitokens.settings, current_token.accepted_at
    end = now + timedelta(seconds=settings.session_seconds)
    if current_token.expires_at is not None:
        end = min(end, current_token.expires_at)
    session = sessions.issue(
        settings.brand,
        sessions.keys_of(current_apitokens.app.config),
        token_id=current_token.id,
        check_digest=bearer.bound_to(current_token),
        expires_at=end,
    )
    answer = {
        "access_token": session,
        "token_type": "Bearer",
        "expires_in": int((end - now).total_seconds()),
        "token_id": current_token.id,
    }
    # What section 5.1 asks for besides Cache-Control, which every answer here has.
    return answer, {"Pragma": "no-cache"}


# -- refusals ------------------------------------------------------------------


def refuse(error: HTTPException) -> ResponseReturnValue:
    """Any other error as problem details (RFC 9457), like the guard's."""
    if error.response is not None:
        return error.get_response()
    body = {
        "type": "about:blank",
        "title": error.name,
        "status": error.code,
        "detail": error.description,
    }
    response = Response(
        f"{json.dumps(body)}\n", error.code, content_type="application/problem+json"
    )
    for name, value in error.get_headers():
        response.headers.setdefault(name, value)
    return response


def database_failed(error: SQLAlchemyError) -> ResponseReturnValue:
    """Answer while the database is away or busy."""
    log.error("an endpoint could not reach the database", exc_info=error)
    return TemporarilyUnavailable().get_response()
