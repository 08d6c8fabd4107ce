"""The blueprint of the endpoints: their addresses, guards and error responses.

The endpoints authenticate by token and ignore cookies, so they need no CSRF protection.
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
from flask_apitokens.guard.blueprints import ENDPOINTS
from flask_apitokens.guard.blueprints import METHODS
from flask_apitokens.guard.blueprints import LazyModules
from flask_apitokens.guard.blueprints import OwnBlueprint
from flask_apitokens.guard.blueprints import check_csrf_ourselves
from flask_apitokens.guard.blueprints import not_found_or_method
from flask_apitokens.guard.blueprints import register_final_headers
from flask_apitokens.guard.decorator import token_required
from flask_apitokens.guard.policy import KINDS

if TYPE_CHECKING:
    from . import introspect
    from . import login
    from . import own_token
    from . import revoke
    from . import shared
else:
    # Imported when an endpoint is first called: a process may only guard calls.
    _modules = LazyModules(__package__)
    introspect, login, own_token, revoke, shared = (
        *(_modules.introspect, _modules.login, _modules.own_token),
        *(_modules.revoke, _modules.shared),
    )


def build_endpoints(settings: Settings) -> Blueprint:
    """Return the blueprint of the endpoints.

    :param settings: which have its URL prefix.
    """
    endpoints = OwnBlueprint(
        ENDPOINTS, __name__, url_prefix=settings.endpoint_url_prefix
    )
    add = endpoints.add_url_rule
    access_only = token_required(service=ANY_SERVICE, kinds="access")
    any_kind = token_required(service=ANY_SERVICE, kinds=KINDS)
    add("/login", "login", access_only(login.login), methods=["POST"])
    # These two take the token from the form, where token_required does not look.
    add("/introspect", "introspect", introspect.introspect, methods=["POST"])
    add("/revoke", "revoke", revoke.revoke, methods=["POST"])
    add("/self", "self", any_kind(own_token.own_token), methods=["GET"])
    # Without this rule, the application's own 404 page would answer a script.
    add("/<path:rest>", "stray", not_found_or_method, methods=METHODS)
    endpoints.url_value_preprocessor(check_csrf_ourselves)
    endpoints.before_request(_discard_session)
    endpoints.register_error_handler(HTTPException, shared.problem_response)
    for error in (OperationalError, InterfaceError, PoolTimeoutError):
        endpoints.register_error_handler(error, shared.database_error_response)
    endpoints.record_once(register_final_headers)
    return endpoints


def _discard_session() -> None:
    """Discard the cookie session: it authorizes nothing here and is not sent back."""
    integration.discard_session(request_ctx._get_current_object())  # type: ignore[attr-defined]
