"""Refusals of what a page no longer shows as it is, and the page brought up to date."""

from __future__ import annotations

from flask.typing import ResponseReturnValue
from sqlalchemy.exc import SQLAlchemyError

from flask_apitokens import htmx
from flask_apitokens.errors import DomainError
from flask_apitokens.state import current_apitokens
from flask_apitokens.views import database_failed
from flask_apitokens.views import refuse
from flask_apitokens.views.visit import asked_query
from flask_apitokens.views.visit import begun_again


def refuse_and_refresh(error: DomainError) -> ResponseReturnValue:
    """Answer that a token is gone or changed, with the list as it is now."""
    if not htmx.wants_fragment():
        return refuse(error)
    try:
        # The transaction of this request may see what was there when it began.
        current_apitokens.db.session.rollback()
        visit = begun_again()
        now = {} if visit is None else visit.panels(asked_query())
    except DomainError:
        # What the list belonged to is gone as well.
        return refuse(error)
    except SQLAlchemyError as failure:
        return database_failed(failure)
    return refuse(error, out_of_band=now)
