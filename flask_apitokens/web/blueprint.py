"""The blueprints of the pages: address tables, static files, error handlers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from flask import Blueprint
from flask import Flask
from flask import current_app
from flask import request
from flask import send_from_directory
from flask.blueprints import BlueprintSetupState
from flask.typing import ResponseReturnValue
from flask.wrappers import Response
from jinja2 import BaseLoader
from markupsafe import Markup
from sqlalchemy.exc import InterfaceError
from sqlalchemy.exc import InternalError
from sqlalchemy.exc import OperationalError
from sqlalchemy.exc import ProgrammingError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.orm.exc import ObjectDeletedError
from sqlalchemy.orm.exc import StaleDataError
from werkzeug.exceptions import HTTPException
from werkzeug.exceptions import NotFound
from werkzeug.routing import BaseConverter
from werkzeug.utils import cached_property

from flask_apitokens.config import Settings
from flask_apitokens.db.pagination import MAX_ID
from flask_apitokens.errors import AlreadyGenerated
from flask_apitokens.errors import Conflict
from flask_apitokens.errors import TokenNotFound
from flask_apitokens.guard.blueprints import ADMIN
from flask_apitokens.guard.blueprints import METHODS
from flask_apitokens.guard.blueprints import NAME
from flask_apitokens.guard.blueprints import STATIC
from flask_apitokens.guard.blueprints import OwnBlueprint
from flask_apitokens.guard.blueprints import check_csrf_ourselves
from flask_apitokens.guard.blueprints import not_found_or_method
from flask_apitokens.guard.blueprints import register_final_headers

from . import templating
from .lazy_views import admin
from .lazy_views import scopes
from .lazy_views import views
from .lazy_views import web
from .templating import has_login

#: a year in seconds; the address of a file changes with its content
_STATIC_SECONDS = 31_536_000
_ONE = "/<string(length=12):token_id>"
#: the methods of a form, or of a question, and of its answer
_FORM = ("GET", "POST")
#: a primary key, up to the largest that every database can compare
_NUMBER = f"<int(max={MAX_ID}):number>"
#: the name of :class:`UserKey` in a rule
USER_KEY = "apitokens_user_key"
#: how it writes characters that have a meaning in an address, in reverse order: the
#: escape character itself is written first and read last
_WRITTEN = ((".", "~2"), ("/", "~1"), ("~", "~0"))
_View = Callable[..., ResponseReturnValue]
#: loads the scope that a view is given
_LoadScope = Callable[..., Any]


class UserKey(BaseConverter):
    """Converts a user's primary key to one segment of an address, and back.

    A key may be any text. A slash in it would begin another segment, and browsers
    resolve a segment of one or two dots.
    """

    def to_python(self, value: str) -> str:
        """Return the key."""
        for plain, written in _WRITTEN:
            value = value.replace(written, plain)
        return value

    def to_url(self, value: Any) -> str:
        """Return the segment of an address."""
        text = str(value)
        for plain, written in reversed(_WRITTEN):
            if plain != "." or not text.strip("."):
                text = text.replace(plain, written)
        return super().to_url(text)


class _Pages(OwnBlueprint):
    """A blueprint with templates that an application can override and extend."""

    def __init__(self, settings: Settings) -> None:
        super().__init__(NAME, __name__, url_prefix=settings.url_prefix)
        self._templates = templating.ShippedTemplates(settings)

    @cached_property
    def jinja_loader(self) -> BaseLoader:
        """Our templates. Flask looks into the application's own folder first."""
        return self._templates


def build_blueprint(settings: Settings) -> Blueprint:
    """Build the users' pages for one application.

    :param settings: have the URL prefix and the layout.
    """
    pages, own = _Pages(settings), scopes.own_tokens.load_own_scope
    requests = views.access_requests
    _add_list(pages, "", prefix="", load=own, generate="/")
    _add_token(pages, _ONE, prefix="", load=own)
    _add(pages, "/replace", "replace", views.single_token.replace, *_FORM, load=own)
    _add(pages, "/request", "ask", requests.ask, *_FORM, load=own)
    _add(pages, "/request/withdraw", "withdraw", requests.withdraw, *_FORM, load=own)
    _add(pages, "/static/<version>/<path:filename>", "static", _static, "GET")
    _protect_pages(pages, web.access.admit)
    return pages


def build_admin_blueprint(settings: Settings) -> Blueprint:
    """Build the administrators' pages for one application.

    :param settings: have the URL prefix.
    """
    pages = OwnBlueprint(ADMIN, __name__, url_prefix=settings.admin_url_prefix)
    pages.record(_know_keys)
    _add(pages, "/", "start", web.admin_pages.start, "GET")
    _add(pages, "/", "stray", not_found_or_method, "POST")
    _add_services(pages)
    _add_all_tokens(pages)
    requests = admin.access_requests
    _add(pages, "/requests", "requests", requests.requests, "GET")
    _add(pages, f"/requests/{_NUMBER}", "decide", requests.decide, *_FORM)
    several = admin.answer_requests.decide_many
    _add(pages, "/requests/answer", "decide_many", several, *_FORM)
    _add(pages, "/usage", "usage", admin.usage.of_all, "GET")
    _add(pages, "/usage.csv", "usage_csv", admin.usage.of_all_csv, "GET")
    _add(pages, "/audit", "audit", admin.audit.log, "GET")
    _add(pages, "/audit.csv", "audit_csv", admin.audit.export, "GET")
    _protect_pages(pages, web.access.admit_admin)
    return pages


def _add_services(pages: Blueprint) -> None:
    """Add the addresses of services, their users, their tokens and their calls."""
    one, users = "/services/<slug>", "/services/<slug>/users"
    services, usage, tokens = admin.services, admin.usage, scopes.service_tokens
    _add(pages, "/services", "services", services.services, "GET")
    _add(pages, one, "service", services.service, "GET")
    _add(pages, f"{one}/switch", "switch", services.switch, *_FORM)
    _add(pages, users, "users", services.users, "GET")
    _add(pages, users, "save_users", services.save_users, "POST")
    user, load = f"{users}/<{USER_KEY}:key>", tokens.load_user_scope
    _add_list(pages, user, prefix="user_", load=load, generate=f"{user}/tokens")
    userless, load_userless = f"{one}/userless", tokens.load_userless_scope
    _add_list(pages, userless, prefix="userless_", load=load_userless)
    _add(pages, f"{one}/usage", "service_usage", usage.of_service, "GET")
    _add(pages, f"{one}/usage.csv", "service_usage_csv", usage.of_service_csv, "GET")


def _add_all_tokens(pages: Blueprint) -> None:
    """Add the addresses of the list of all tokens, and of each token in it."""
    load, one, stop = scopes.all_tokens.load_all_scope, f"/tokens{_ONE}", "deactivate"
    _add_list(pages, "/tokens", prefix="all_", load=load, owners=True)
    for rule, name, view in (
        (f"/tokens/{stop}", "all_deactivate_many", admin.deactivate.deactivate_many),
        (f"{one}/{stop}", "all_deactivate", admin.deactivate.deactivate),
        (f"{one}/activate", "all_activate", admin.deactivate.activate),
    ):
        _add(pages, rule, name, view, *_FORM, load=load)
    _add_token(pages, one, prefix="all_", load=load)
    _add(pages, "/tokens.csv", "all_csv", admin.tokens.export, "GET", load=load)


def _know_keys(setup: BlueprintSetupState) -> None:
    setup.app.url_map.converters[USER_KEY] = UserKey


def _protect_pages(pages: Blueprint, admit: Callable[[], Any]) -> None:
    """Add what both blueprints share: refusals, error handlers, headers.

    :param admit: runs before each view; it answers in its place to refuse the request.
    """
    pages.add_url_rule("/<path:rest>", "stray", not_found_or_method, methods=METHODS)
    pages.add_url_rule(
        "/", "stray", not_found_or_method, methods=["PUT", "PATCH", "DELETE"]
    )
    pages.url_value_preprocessor(check_csrf_ourselves)
    pages.before_request(_need_login)
    pages.before_request(_unless_open(admit))
    pages.register_error_handler(HTTPException, web.error_pages.refuse)
    for gone in (TokenNotFound, AlreadyGenerated, Conflict):
        pages.register_error_handler(gone, web.error_pages.refuse_and_refresh)
    for missing in (ObjectDeletedError, StaleDataError):
        pages.register_error_handler(missing, web.error_pages.row_deleted)
    for error in (
        *(OperationalError, InterfaceError, ProgrammingError, PoolTimeoutError),
        # PostgreSQL raises it after a failed statement of the application, whose
        # transaction was not rolled back.
        InternalError,
    ):
        pages.register_error_handler(error, web.error_pages.database_failed)
    pages.record_once(register_final_headers)


def _add_list(
    pages: Blueprint,
    path: str,
    *,
    prefix: str,
    load: _LoadScope,
    generate: str = "",
    owners: bool = False,
) -> None:
    """Add the addresses of a list of tokens and of its actions.

    :param path: the address of the list; empty for the blueprint's own.
    :param prefix: the start of the names of its endpoints, see :class:`.UrlSet`.
    :param load: loads the scope of the list.
    :param generate: the address that generates a token, if it is not the list's.
    :param owners: whether the tokens are of several owners. Then they are neither
        generated nor renamed there, and several at once are deactivated, not revoked.
    """

    def add(rule: str, name: str, view: _View, *methods: str) -> None:
        _add(pages, rule, prefix + name, view, *methods, load=load)

    one, actions = f"{path}{_ONE}", views.token_actions
    add(path or "/", "tokens", views.tokens.tokens, "GET")
    if not owners:
        add(generate or path, "generate", views.tokens.generate, "POST")
        add(f"{path}/new", "new", views.tokens.new, "GET")
        add(f"{path}/new/scopes", "new_scopes", views.tokens.new_scopes, "GET")
        add(f"{path}/revoke", "revoke_many", actions.revoke_many, *_FORM)
        add(f"{one}/rename", "rename", actions.rename, *_FORM)
    add(f"{one}/revoke", "revoke", actions.revoke, *_FORM)
    add(f"{one}/delete", "delete", actions.delete, *_FORM)
    add(f"{one}/rotate", "rotate", views.rotate.rotate, *_FORM)


def _add_token(pages: Blueprint, path: str, *, prefix: str, load: _LoadScope) -> None:
    """Add the addresses of the page of one token, and of its usage history.

    :param path: the address of the page.
    :param prefix: the start of the names of its endpoints.
    :param load: loads the scope of the token.
    """
    usage, csv = views.usage.of_token, views.usage.of_token_csv
    _add(pages, path, f"{prefix}token", views.tokens.token, "GET", load=load)
    _add(pages, f"{path}/usage", f"{prefix}usage", usage, "GET", load=load)
    _add(pages, f"{path}/usage.csv", f"{prefix}usage_csv", csv, "GET", load=load)


def _add(
    pages: Blueprint,
    rule: str,
    name: str,
    view: _View,
    *methods: str,
    load: _LoadScope | None = None,
) -> None:
    """Add one address.

    :param load: loads the scope that *view* is called with; None for other views.
    """
    answer = view if load is None else _scoped(load, view)
    pages.add_url_rule(rule, name, answer, methods=methods)


def _scoped(load: _LoadScope, view: _View) -> _View:
    """Return a view function that loads a scope and calls *view* with it."""
    dispatch = scopes.token_scope.dispatch

    def call(**values: Any) -> Any:
        return dispatch(view, values, load_scope=load)

    return call


def install_pages(app: Flask, settings: Settings) -> None:
    """Register the pages, and the functions that templates call.

    Where the pages are left out, the application's templates show nothing of them.
    """
    if not settings.pages:
        app.jinja_env.globals.update(apitokens_panel=Markup, apitokens_admin_links=list)
        return
    for build in (build_blueprint, build_admin_blueprint):
        app.register_blueprint(build(settings))
    templating.install_globals(
        app,
        apitokens_panel=views.tokens.panel,
        apitokens_admin_links=web.admin_pages.links,
        at_admin_links=web.admin_pages.own_links,
    )


def _need_login() -> None:
    """Answer as the application does at an address that it does not have.

    :raises NotFound: if the application does not use Flask-Login. It may be added after
        the plugin, so the addresses are there in any case.
    """
    if not has_login(current_app):
        # The error is the application's to handle, not that of our pages.
        request.url_rule = None
        raise NotFound


def _unless_open(admit: Callable[[], Any]) -> Callable[[], Any]:
    def before() -> Any:
        return None if request.endpoint == STATIC else admit()

    return before


def _static(version: str, filename: str) -> Response:
    # During a deployment, a page of the old version may ask for the old address. The
    # present file serves it for now, but must not be cached under that address.
    current = version == templating.static_version()
    response = send_from_directory(
        templating.STATIC, filename, max_age=_STATIC_SECONDS if current else 0
    )
    if current:
        response.cache_control.public = True
        response.cache_control.immutable = True
    return response
