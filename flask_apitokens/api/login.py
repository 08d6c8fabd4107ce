"""``POST /login``: exchange an access token for a session token."""

from __future__ import annotations

from datetime import timedelta

from flask.typing import ResponseReturnValue

from flask_apitokens.crypto import session_tokens
from flask_apitokens.guard import authenticate
from flask_apitokens.guard.decorator import current_token
from flask_apitokens.state import current_apitokens


def login() -> ResponseReturnValue:
    """Return a session token for the access token of the request (RFC 6749, 5.1).

    The session token expires with the access token at the latest.
    """
    settings, now = current_apitokens.settings, current_token.accepted_at
    expires_at = now + timedelta(seconds=settings.session_seconds)
    if current_token.expires_at is not None:
        expires_at = min(expires_at, current_token.expires_at)
    session = session_tokens.issue(
        settings.brand,
        session_tokens.keys_of(current_apitokens.app.config),
        token_id=current_token.id,
        check_digest=authenticate.bound_to(current_token),
        expires_at=expires_at,
    )
    answer = {
        "access_token": session,
        "token_type": current_apitokens.places.token_type,
        "expires_in": int((expires_at - now).total_seconds()),
        "token_id": current_token.id,
    }
    # RFC 6749 section 5.1 requires this header besides Cache-Control: no-store, which
    # every response of the endpoints has.
    return answer, {"Pragma": "no-cache"}
