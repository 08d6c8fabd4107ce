"""Hash a token anew after the host raised the cost of bcrypt."""

from __future__ import annotations

import logging

from sqlalchemy import update

from flask_apitokens.crypto import tokens as crypto_tokens
from flask_apitokens.crypto.plaintext import Plaintext
from flask_apitokens.state import State

from . import call_watch
from .current_token import CurrentToken

log = logging.getLogger("flask_apitokens")


def schedule_rehash(state: State, current: CurrentToken, token: Plaintext) -> None:
    """Store *token* under the raised cost once the response is sent."""
    if state.recorder.shares_connection:
        return
    # Read now: after the response there is no application context to find it by.
    engine = state.engine
    token_id, stored = current.id, current.found.secret_hash

    def rehash() -> None:
        model, rounds = state.models.Token, state.settings.bcrypt_rounds
        fresh = crypto_tokens.run_blocking(
            crypto_tokens.hash_token, token.ascii, rounds
        )
        change = update(model).where(model.id == token_id, model.secret_hash == stored)
        try:
            with engine.begin() as connection:
                connection.execute(change.values(secret_hash=fresh))
        except Exception:
            log.warning("token %s could not be re-hashed", token_id, exc_info=True)

    call_watch.after_response(rehash)
