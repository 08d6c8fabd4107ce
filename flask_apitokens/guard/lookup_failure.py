"""The refusal of a call whose token could not be read from the database."""

from __future__ import annotations

import logging

from flask_apitokens import refusals
from flask_apitokens.db import schema_check
from flask_apitokens.lookup.connections import Unavailable
from flask_apitokens.state import State

log = logging.getLogger("flask_apitokens")


def refusal_of(state: State, error: Unavailable) -> refusals.Refusal:
    """Log why a look-up failed, and return the refusal of its call."""
    cause, tables = error.__cause__ or error, state.models.needed_tables
    state.outage.add(cause)
    advice = schema_check.report_once(cause, state.engine, tables=tables)
    if advice:
        log.error("%s", advice)
    return refusals.TemporarilyUnavailable()
