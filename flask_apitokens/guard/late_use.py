"""Tokens that are presented past their end: whether they were rotated, and who is told.

The refusal itself costs what it always does. Once its answer is out, one look at the
database tells whether another token took the place of this one; only then anything is
written. A process looks once for each token.
"""

from __future__ import annotations

import functools
import logging

from flask import Flask
from flask import after_this_request
from flask.wrappers import Response
from sqlalchemy import Engine
from sqlalchemy import select

from flask_apitokens.state import State
from flask_apitokens.state import commit
from flask_apitokens.state import state_of
from flask_apitokens.usage.writer import shares_connection

log = logging.getLogger("flask_apitokens")

#: the ids a process remembers to have looked into, before it forgets them all
CHECKED_LIMIT = 10_000


def schedule_check(state: State, token_id: str, address: str | None) -> None:
    """Look into the use of an ended token as soon as its refusal is answered.

    :param token_id: of a token whose genuine plaintext was presented.
    :param address: where it came from.
    """
    check = functools.partial(_check, state.app, token_id, address)

    @after_this_request
    def at_close(response: Response) -> Response:
        response.call_on_close(check)
        return response


def _check(app: Flask, token_id: str, address: str | None) -> None:
    """On a session of its own, since the request's is over; a failure fails nothing.

    Not where there is but one connection, as in-memory SQLite has it and tests that
    undo everything: somebody may be in the middle of a transaction on it.
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
                if rotation.note_late_use(ctx, token_id, ip=address):
                    commit(ctx)
    except Exception:
        log.warning("token %s: its use was not looked into", token_id, exc_info=True)
        return
    if len(state.late_use_checked) >= CHECKED_LIMIT:
        state.late_use_checked.clear()
    state.late_use_checked.add(token_id)


def _was_rotated(state: State, engine: Engine, token_id: str) -> bool:
    model = state.models.Token
    query = select(model.successor_id).where(model.id == token_id)
    with engine.connect() as connection:
        return connection.scalar(query) is not None
