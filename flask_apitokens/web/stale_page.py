"""Refusals of what a page no longer shows as it is, and the page brought up to date."""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Mapping

from flask import request
from flask.typing import ResponseReturnValue
from markupsafe import Markup
from sqlalchemy.exc import SQLAlchemyError

from flask_apitokens.errors import DomainError
from flask_apitokens.state import current_apitokens
from flask_apitokens.web.scopes.token_scope import reload_scope

from . import htmx
from .error_pages import database_failed
from .error_pages import refuse
from .query_args import asked_query

Panels = Callable[[], Mapping[str, Markup]]
#: how the panels of the page that asks are made anew
_PANELS = "flask_apitokens.panels"


def renew_with(panels: Panels) -> None:
    """Name what brings this request's page up to date, where it is no list of tokens.

    :param panels: called after the rollback: it reads everything anew.
    """
    request.environ[_PANELS] = panels


def refuse_and_refresh(error: DomainError) -> ResponseReturnValue:
    """Answer that something is gone or changed, with the list as it is now."""
    if not htmx.wants_fragment():
        return refuse(error)
    try:
        # The transaction of this request may see what was there when it began.
        current_apitokens.db.session.rollback()
        now = request.environ.get(_PANELS, _panels_of_tokens)()
    except DomainError:
        # What the list belonged to is gone as well.
        return refuse(error)
    except SQLAlchemyError as failure:
        return database_failed(failure)
    return refuse(error, out_of_band=now)


def _panels_of_tokens() -> Mapping[str, Markup]:
    scope = reload_scope()
    return {} if scope is None else scope.panels(asked_query())
