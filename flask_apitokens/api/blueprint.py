"""The endpoints for scripts: their addresses, who gets in, how errors are said.

They take tokens and no cookie, so nothing here is a page and no form protection is due.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from flask import Blueprint
from flask.globals import request_ctx
from sqlalchemy.exc import InterfaceError
from sqlalchemy.exc import OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from werkzeug.exceptions import HTTPException

from flask_apitokens.catalog import ANY_SERVICE
from flask_apitokens.config import Settings
from flask_apitokens.guard import integration
from flask_apitokens.guard.authenticate import KINDS
from flask_apitokens.guard.blueprints import ENDPOINTS
from flask_apitokens.guard.blueprints import METHODS
from flask_apitokens.guard.blueprints import LazyModule
from flask_apitokens.guard.blueprints import check_csrf_ourselves
from flask_apitokens.guard.blueprints import have_the_last_word
from flask_apitokens.guard.blueprints import stray
from flask_apitokens.guard.decorator import token_required

if TYPE_CHECKING:
    from . import views
else:
    # Imported when an endpoint is first called: a process may only guard calls.
    views = LazyModule(f"{__package__}.views")


def build_endpoints(settings: Settings) -> Blueprint:
    """The endpoints, for one application.

    :param settings: name the prefix.
    """
    endpoints = Blueprint(ENDPOINTS, __name__, url_prefix=settings.endpoint_url_prefix)
    add = endpoints.add_url_rule
    log_in = token_required(service=ANY_SERVICE, kinds="access")
    add("/login", "login", log_in(views.login), methods=["POST"])
    add("/introspect", "introspect", views.introspect, methods=["POST"])
    add("/revoke", "revoke", views.revoke, methods=["POST"])
    itself = token_required(service=ANY_SERVICE, kinds=KINDS)
    add("/self", "self", itself(views.itself), methods=["GET"])
    add("/<path:rest>", "stray", stray, methods=METHODS)
    endpoints.url_value_preprocessor(check_csrf_ourselves)
    endpoints.before_request(_forget_cookie)
    endpoints.register_error_handler(HTTPException, views.refuse)
    for error in (OperationalError, InterfaceError, PoolTimeoutError):
        endpoints.register_error_handler(error, views.database_failed)
    endpoints.record_once(have_the_last_word)
    return endpoints


def _forget_cookie() -> None:
    """Let the cookie's session have no part in anything here, nor in its answer."""
    integration.drop_session(request_ctx._get_current_object())  # type: ignore[attr-defined]
