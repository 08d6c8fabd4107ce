"""``POST /introspect``: whether a token works now, and what it is (RFC 7662)."""

from __future__ import annotations

from typing import Any
from typing import Final

from flask import request
from flask.typing import ResponseReturnValue

from flask_apitokens.catalog import INTROSPECT
from flask_apitokens.crypto.plaintext import Plaintext
from flask_apitokens.errors import InvalidToken
from flask_apitokens.errors import Refusal
from flask_apitokens.errors import TemporarilyUnavailable
from flask_apitokens.guard import authenticate
from flask_apitokens.guard import decorator
from flask_apitokens.guard.current_token import CurrentToken
from flask_apitokens.guard.decorator import current_token
from flask_apitokens.guard.policy import ANYTHING
from flask_apitokens.guard.request_token import texts_in
from flask_apitokens.state import State
from flask_apitokens.state import current_apitokens

from .shared import owner_label
from .shared import token_from_form
from .shared import token_row

#: RFC 7662 section 2.2: an unknown and an unusable token get the same response
_INACTIVE: Final[dict[str, Any]] = {"active": False}


def introspect() -> ResponseReturnValue:
    """Return whether the token in the form is usable, and its properties.

    A token may ask about itself. A token with the scope ``apitokens:introspect`` may
    ask about any token of its account.
    """
    state, subject = current_apitokens, token_from_form()
    try:
        decorator.check(ANYTHING)
    except Refusal as refusal:
        # A caller that asks about its own, unusable token learns no more than another
        # caller that asks about it.
        if refusal.code in {401, 403} and _is_presented(state, subject):
            return _INACTIVE
        raise
    try:
        return _properties(_authorized_subject(state, subject))
    except TemporarilyUnavailable:
        raise
    except Refusal:
        return _INACTIVE


def _is_presented(state: State, subject: Plaintext) -> bool:
    """Return whether the request sends *subject* as its own token."""
    sent = texts_in(state, ANYTHING, request)
    return any(text.reveal() == subject.reveal() for text in sent)


def _authorized_subject(state: State, subject: Plaintext) -> CurrentToken:
    """Return the token with the plaintext *subject*.

    :raises Refusal: if it is unusable, or the caller may not ask about it.
    """
    is_own = _is_presented(state, subject)
    if is_own and len(texts_in(state, ANYTHING, request)) == 1:
        return current_token
    # Of the two texts in Basic it may be the one that is not the token.
    may = is_own or (
        INTROSPECT in current_token.scopes and current_token.kind != "access"
    )
    token = authenticate.authenticate(state, ANYTHING, subject) if may else None
    if token is None or token.account_id != current_token.account_id:
        raise InvalidToken
    return token


def _properties(token: CurrentToken) -> dict[str, Any]:
    """Return the members of RFC 7662 section 2.2, and four of our own."""
    row = token_row(token.id)
    properties = {
        "active": True,
        "token_type": current_apitokens.places.token_type,
        "jti": token.id,
        "scope": " ".join(sorted(token.scopes)),
        "username": owner_label(token),
        "sub": None if token.is_userless else str(token.owner_id),
        "iat": int(row.created_at.timestamp()),
        "exp": int(token.expires_at.timestamp()) if token.expires_at else None,
        "name": token.name,
        "kind": token.kind,
        "service": token.service,
        "account_id": token.account_id,
    }
    return {name: value for name, value in properties.items() if value is not None}
