"""The refusal of a call whose token could not be read from the database."""

from __future__ import annotations

import logging

from flask_apitokens import refusals
from flask_apitokens.db import schema_check
from flask_apitokens.lookup.connections import LookupFailed
from flask_apitokens.lookup.connections import UnreadableRow
from flask_apitokens.state import State

log = logging.getLogger("flask_apitokens")


def refusal_of(
    state: State, error: LookupFailed, *, token_id: str = ""
) -> refusals.Refusal:
    """Log why a look-up failed, and return the refusal of its call.

    :param token_id: the id that was looked up; empty for a token of another system.
    """
    if isinstance(error, UnreadableRow):
        return _damaged(state, error, token_id=token_id)
    cause, tables = error.__cause__ or error, state.models.needed_tables
    state.outage.add(cause)
    advice = schema_check.report_once(cause, state.engine, tables=tables)
    if advice:
        log.error("%s", advice)
    return refusals.TemporarilyUnavailable()


def _damaged(state: State, error: UnreadableRow, *, token_id: str) -> refusals.Refusal:
    """Refuse the one token: the database has answered, so it is no outage."""
    if state.outage.is_on:
        state.outage.end()
    # The value is not logged, because it may be a secret in the wrong column.
    if state.warns_once(f"row {token_id}"):
        log.error(
            "the row of token %s is stored damaged, so it is refused: %s does not fit "
            "its column",
            token_id or "of another system",
            error,
        )
    return refusals.InvalidToken()
