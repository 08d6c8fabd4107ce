"""Check whether a token that was presented after its end had been rotated.

The refusal costs no more than any other. After the response one query reads whether
another token replaced this one; only then is anything written. A process checks each
token once.
"""

from __future__ import annotations

import functools
import logging

from flask import Flask
from sqlalchemy import Engine
from sqlalchemy import select

from flask_apitokens.db.engines import shares_connection
from flask_apitokens.state import State
from flask_apitokens.state import state_of

from . import call_watch

log = logging.getLogger("flask_apitokens")

#: how many checked ids a process keeps before it starts again
CHECKED_LIMIT = 10_000


def schedule_check(state: State, token_id: str, address: str | None) -> None:
    """Check the use of an ended token as soon as its refusal is sent.

    :param token_id: of a token whose genuine plaintext was presented.
    :param address: the client's address.
    """
    call_watch.after_response(functools.partial(_check, state.app, token_id, address))


def _check(app: Flask, token_id: str, address: str | None) -> None:
    """Check on a session of its own, since the request's is over; log a failure.

    An engine with one shared connection, such as in-memory SQLite, is left alone: the
    host may be in a transaction on it.
    """
    state = state_of(app)
    try:
        with app.app_context():
            engine: object = state.engine
            if not isinstance(engine, Engine) or shares_connection(engine):
                return
            if _was_rotated(state, engine, token_id):
                from flask_apitokens.domain import (
                    rotation,  # most ended tokens need none of it
                )

                ctx = state.context()
                try:
                    if rotation.note_late_use(ctx, token_id, ip=address):
                        ctx.session.commit()
                except Exception:
                    # Closing a session after a failed commit does not roll back: the
                    # next user of the connection would commit the change.
                    ctx.session.rollback()
                    raise
    except Exception:
        log.warning("token %s: its use was not checked", token_id, exc_info=True)
        return
    if len(state.late_use_checked) >= CHECKED_LIMIT:
        state.late_use_checked.clear()
    state.late_use_checked.add(token_id)


def _was_rotated(state: State, engine: Engine, token_id: str) -> bool:
    model = state.models.Token
    query = select(model.successor_id).where(model.id == token_id)
    with engine.connect() as connection:
        return connection.scalar(query) is not None
