"""The endpoints for scripts: logging in, and what holders may ask and do.

None of them tells a stranger whether a token exists: what nobody can prove to hold is
answered alike, unknown or not.
"""

from __future__ import annotations

import logging
from contextlib import suppress
from datetime import datetime
from datetime import timedelta
from typing import Any
from typing import Final

from flask import json
from flask import request
from flask.typing import ResponseReturnValue
from flask.wrappers import Response
from sqlalchemy.exc import SQLAlchemyError
from werkzeug.exceptions import HTTPException

from flask_apitokens.catalog import INTROSPECT
from flask_apitokens.core.actor import HOLDER
from flask_apitokens.core.actor import Actor
from flask_apitokens.core.utc import rfc3339
from flask_apitokens.crypto import session_tokens
from flask_apitokens.db.models import Token
from flask_apitokens.domain import tokens
from flask_apitokens.errors import InvalidToken
from flask_apitokens.errors import MalformedRequest
from flask_apitokens.errors import Refusal
from flask_apitokens.errors import TemporarilyUnavailable
from flask_apitokens.errors import TokenNotFound
from flask_apitokens.guard import authenticate
from flask_apitokens.guard import decorator
from flask_apitokens.guard.authenticate import CurrentToken
from flask_apitokens.guard.decorator import current_token
from flask_apitokens.state import State
from flask_apitokens.state import commit_change
from flask_apitokens.state import current_apitokens

log = logging.getLogger("flask_apitokens")

#: all that is said of a token that is not there, or no good (RFC 7662 section 2.2)
_INACTIVE: Final[dict[str, Any]] = {"active": False}


def login() -> ResponseReturnValue:
    """A session token for the access token that was presented (RFC 6749 section 5.1).

    It ends with the access token at the latest.
    """
    settings, now = current_apitokens.settings, current_token.accepted_at
    end = now + timedelta(seconds=settings.session_seconds)
    if current_token.expires_at is not None:
        end = min(end, current_token.expires_at)
    session = session_tokens.issue(
        settings.brand,
        session_tokens.keys_of(current_apitokens.app.config),
        token_id=current_token.id,
        check_digest=authenticate.bound_to(current_token),
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


# -- about tokens --------------------------------------------------------------


def itself() -> ResponseReturnValue:
    """The facts of the token that was presented."""
    token, row = current_token, _row_of(current_token.id)
    return {
        "id": token.id,
        "name": token.name,
        "kind": token.kind,
        "owner": _label_of(token),
        "account_id": token.account_id,
        "service": token.service,
        "scopes": sorted(token.scopes),
        "networks": list(row.networks or ()),
        "created_at": _moment(row.created_at),
        "expires_at": _moment(token.expires_at),
        "last_used_at": _moment(row.last_used_at),
    }


def introspect() -> ResponseReturnValue:
    """Whether a token works now, and what it is (RFC 7662).

    A token may ask about itself; one with the scope ``apitokens:introspect`` about any
    of its account.
    """
    state, asked = current_apitokens, _token_in_form()
    refused = decorator.check(authenticate.ANYTHING)
    if refused is None:
        try:
            return _facts(_subject(state, asked))
        except TemporarilyUnavailable:
            raise
        except Refusal:
            return _INACTIVE
    if refused.status_code not in {401, 403}:
        return refused
    # Who asks about itself is not to be told more than others are.
    alike = authenticate.presented(authenticate.ANYTHING, request) == asked
    return _INACTIVE if alike else refused


def _subject(state: State, asked: str) -> CurrentToken:
    """The token that is asked about, if it is usable and the caller's to ask about.

    :raises Refusal: if not.
    """
    if authenticate.presented(authenticate.ANYTHING, request) == asked:
        return current_token
    may = INTROSPECT in current_token.scopes and current_token.kind != "access"
    subject = authenticate.judge(state, authenticate.ANYTHING, asked) if may else None
    if subject is None or subject.account_id != current_token.account_id:
        raise InvalidToken
    return subject


def _facts(token: CurrentToken) -> dict[str, Any]:
    """What RFC 7662 section 2.2 has names for, and what it has not."""
    row = _row_of(token.id)
    facts = {
        "active": True,
        "token_type": "Bearer",
        "jti": token.id,
        "scope": " ".join(sorted(token.scopes)),
        "username": _label_of(token),
        "sub": None if token.is_userless else str(token.owner_id),
        "iat": int(row.created_at.timestamp()),
        "exp": int(token.expires_at.timestamp()) if token.expires_at else None,
        "name": token.name,
        "kind": token.kind,
        "service": token.service,
        "account_id": token.account_id,
    }
    return {name: value for name, value in facts.items() if value is not None}


def revoke() -> ResponseReturnValue:
    """Revoke what is presented, whoever presents it (RFC 7009).

    With a session its access token ends: a session is stored nowhere, so nothing less
    would end it.
    """
    state, text = current_apitokens, _token_in_form()
    try:
        held = authenticate.genuine(state, text)
    except TemporarilyUnavailable:
        raise
    except Refusal:
        return {}
    ctx = state.context()
    actor = Actor(HOLDER, ip=request.remote_addr)

    def end() -> None:
        tokens.end(ctx, tokens.find_any(ctx, held.id), actor=actor)

    with suppress(TokenNotFound):
        commit_change(ctx, end)
    return {}


def _token_in_form() -> str:
    """The parameter ``token`` (RFC 7009 section 2.1, RFC 7662 section 2.1).

    :raises MalformedRequest: if it is not there, or more than once.
    """
    sent = request.form.getlist("token")
    if len(sent) != 1 or not sent[0]:
        raise MalformedRequest("Send one token, as the form field named token.")
    return sent[0]


def _row_of(token_id: str) -> Token:
    """What the guard has no need to read.

    :raises InvalidToken: if the token was deleted a moment ago.
    """
    state = current_apitokens
    row = state.db.session.get(state.models.Token, token_id)
    if row is None:
        raise InvalidToken
    return row


def _label_of(token: CurrentToken) -> str | None:
    owner = token.owner
    return None if owner is None else current_apitokens.context().user_label(owner)


def _moment(at: datetime | None) -> str | None:
    return None if at is None else rfc3339(at)


# -- refusals ------------------------------------------------------------------


def refuse(error: HTTPException) -> ResponseReturnValue:
    """Any other error as problem details (RFC 9457), like the guard's."""
    if isinstance(error, Refusal):
        return decorator.refused(current_apitokens, error)
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
    current_apitokens.db.session.rollback()
    return decorator.refused(current_apitokens, TemporarilyUnavailable())
