"""Hash a token anew after the host raised the cost of bcrypt."""

from __future__ import annotations

import logging

from sqlalchemy import Update
from sqlalchemy import update

from flask_apitokens.crypto import tokens as crypto_tokens
from flask_apitokens.crypto.plaintext import Plaintext
from flask_apitokens.db.engines import without_values
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

    def rehash() -> None:
        try:
            change = _change(state, current, token)
            with engine.begin() as connection:
                connection.execute(change)
        except Exception as error:
            log.warning(
                "token %s could not be re-hashed",
                current.id,
                exc_info=without_values(error),
            )

    call_watch.after_response(rehash)


def _change(state: State, current: CurrentToken, token: Plaintext) -> Update:
    model, stored = state.models.Token, current.found.secret_hash
    fresh = crypto_tokens.run_blocking(
        crypto_tokens.hash_token, token.ascii, state.settings.bcrypt_rounds
    )
    return (
        update(model)
        .where(model.id == current.id, model.secret_hash == stored)
        .values(secret_hash=fresh)
    )
