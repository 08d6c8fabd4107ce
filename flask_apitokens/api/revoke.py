"""``POST /revoke``: the holder of a token revokes it (RFC 7009)."""

from __future__ import annotations

from contextlib import suppress

from flask import request
from flask.typing import ResponseReturnValue

from flask_apitokens.core.actor import HOLDER
from flask_apitokens.core.actor import Actor
from flask_apitokens.domain import tokens
from flask_apitokens.errors import Refusal
from flask_apitokens.errors import TemporarilyUnavailable
from flask_apitokens.errors import TokenNotFound
from flask_apitokens.guard import authenticate
from flask_apitokens.state import commit_change
from flask_apitokens.state import current_apitokens

from .shared import token_from_form


def revoke() -> ResponseReturnValue:
    """Revoke the token in the form; the response to an unknown token is the same.

    The plaintext is the proof: no other credential is asked for. A session token is
    stored nowhere, so it is revoked together with its access token.
    """
    state, text = current_apitokens, token_from_form()
    try:
        held = authenticate.authenticate_any_state(state, text)
    except TemporarilyUnavailable:
        raise
    except Refusal:
        return {}
    ctx = state.context()
    actor = Actor(HOLDER, ip=request.remote_addr)

    def end() -> None:
        tokens.end(ctx, tokens.find_token(ctx, held.id), actor=actor)

    # The token may have been deleted since it was authenticated.
    with suppress(TokenNotFound):
        commit_change(ctx, end)
    return {}
