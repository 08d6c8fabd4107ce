"""Names, lazy views and headers that the blueprints of pages and endpoints share."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import TYPE_CHECKING
from typing import Any
from typing import cast

from flask import Blueprint
from flask import current_app
from flask import has_request_context
from flask import request
from flask.blueprints import BlueprintSetupState
from flask.sansio.app import App
from flask.typing import ResponseReturnValue
from flask.wrappers import Response
from werkzeug.exceptions import MethodNotAllowed
from werkzeug.exceptions import NotFound

from flask_apitokens.errors import ConfigurationError
from flask_apitokens.state import KEY
from flask_apitokens.state import current_apitokens

if TYPE_CHECKING:
    from werkzeug.routing import MapAdapter

NAME = "apitokens"
ADMIN = "apitokens_admin"
ENDPOINTS = "apitokens_endpoints"
OURS = frozenset({NAME, ADMIN, ENDPOINTS})
#: the part of a rule that is the host name, where our rules are for any
HOST = "apitokens_host"
METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")
#: the endpoint of the static files, which need no log-in and may be cached
STATIC = f"{NAME}.static"


class OwnBlueprint(Blueprint):
    """A blueprint of ours, which is not in the specification of the application."""

    #: APIFlask asks each blueprint that has a function before its requests
    enable_openapi = False

    def __init__(self, name: str, import_name: str, *, url_prefix: str) -> None:
        super().__init__(name, import_name, url_prefix=url_prefix)
        self.url_value_preprocessor(_forget_host)
        self.url_defaults(_set_host)

    def make_setup_state(
        self, app: App, options: dict[str, Any], first_registration: bool = False
    ) -> BlueprintSetupState:
        """Add the rules for the host name or the subdomain of ``APITOKENS_HOST``.

        :raises ConfigurationError: if the application tells neither apart.
        """
        host: str | None = app.extensions[KEY].settings.host
        if app.url_map.host_matching:
            return _OfHost(self, app, options, first_registration)
        if host and not app.subdomain_matching:
            raise ConfigurationError(
                f"APITOKENS_HOST is {host!r}; it needs an application with "
                "host_matching or subdomain_matching"
            )
        options = {**options, "subdomain": host}
        return super().make_setup_state(app, options, first_registration)


class _OfHost(BlueprintSetupState):
    """Adds rules for one host name, or for any: a rule without one matches none."""

    def add_url_rule(self, *rule_and_view: Any, **options: Any) -> None:
        options["host"] = self.app.extensions[KEY].settings.host or f"<{HOST}>"
        super().add_url_rule(*rule_and_view, **options)


def _forget_host(endpoint: str | None, values: dict[str, Any] | None) -> None:
    if values is not None:
        values.pop(HOST, None)


def _set_host(endpoint: str, values: dict[str, Any]) -> None:
    url_map = current_app.url_map
    if url_map.host_matching and url_map.is_endpoint_expecting(endpoint, HOST):
        here = request.host if has_request_context() else None
        values[HOST] = here or current_app.config["SERVER_NAME"]


def keep_out_of_specification(blueprint: Blueprint) -> None:
    """Let APIFlask pass over a blueprint of plain Flask, as it does without a guard."""
    if not hasattr(blueprint, "enable_openapi"):
        vars(blueprint)["enable_openapi"] = False


class LazyModules:
    """The modules of a package, each imported when a function of it is first called.

    A process that only guards API calls then never imports them, so they cost it
    neither memory nor start-up time. ``LazyModules("package").module.function`` is a
    function that imports ``package.module`` and calls the function of that name.

    A type checker does not look inside. Give it the real modules under
    ``TYPE_CHECKING``, so that it follows and checks each reference.

    :param package: the dotted name of the package.
    """

    def __init__(self, package: str) -> None:
        self._package = package

    def __getattr__(self, name: str) -> LazyModule:
        return LazyModule(f"{self._package}.{name}")


class LazyModule:
    """A module that is imported when a function of it is first called.

    :param name: the dotted name of the module.
    """

    def __init__(self, name: str) -> None:
        self._name = name

    def __getattr__(self, name: str) -> Callable[..., Any]:
        return lazy_view(self._name, name)


def lazy_view(module: str, name: str) -> Callable[..., Any]:
    """Return a function that imports *module* and calls its function *name*."""

    # A real function: Flask looks at attributes of a view function, such as `methods`.
    def call(*args: Any, **values: Any) -> Any:
        return getattr(import_module(module), name)(*args, **values)

    return call


def check_csrf_ourselves(endpoint: str | None, values: object) -> None:
    """Exempt our blueprints from CSRFProtect, because our forms check the token.

    CSRFProtect would answer first, with its own page where htmx expects a fragment.
    This runs at each request, since a host may set CSRFProtect up after the plugin.
    """
    csrf = current_app.extensions.get("csrf")
    if csrf is not None:
        for name in OURS & current_app.blueprints.keys():
            csrf.exempt(current_app.blueprints[name])


def not_found_or_method(rest: str = "") -> ResponseReturnValue:
    """Refuse any other address or method below our prefix in the look of our pages.

    :raises NotFound: if there is no such address.
    :raises MethodNotAllowed: if the address exists with another method.
    """
    adapter = cast("MapAdapter", current_app.create_url_adapter(request))
    allowed = []
    for method in METHODS:
        endpoint, _values = adapter.match(method=method)
        if endpoint != request.endpoint:
            allowed.append(method)
    raise MethodNotAllowed(allowed) if allowed else NotFound


def register_final_headers(setup: BlueprintSetupState) -> None:
    """Set security headers after the host's after_request functions."""
    # Flask runs the first function of the list last.
    after = setup.app.after_request_funcs.setdefault(None, [])
    if _set_security_headers not in after:
        after.insert(0, _set_security_headers)


def _set_security_headers(response: Response) -> Response:
    """Set the headers that every response of our blueprints has."""
    if request.blueprint not in OURS:
        return response
    headers = response.headers
    headers["X-Content-Type-Options"] = "nosniff"
    if request.endpoint == STATIC:
        return response
    headers["Cache-Control"] = "no-store"
    outage = current_apitokens.page_outage
    if outage.is_on and response.status_code < 500:
        outage.end()
    if request.blueprint == ENDPOINTS:
        return response
    headers["Referrer-Policy"] = "same-origin"
    response.vary.update(["HX-Request", "Cookie"])
    policies = headers.getlist("Content-Security-Policy")
    if not any("frame-ancestors" in policy for policy in policies):
        # A second policy does not weaken the host's: browsers enforce both.
        headers.add("Content-Security-Policy", "frame-ancestors 'none'")
        headers["X-Frame-Options"] = "DENY"
    return response
