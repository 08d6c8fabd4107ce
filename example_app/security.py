"""Security headers, the session cookie, proxies and the access log."""

import logging
import re

from flask import Flask
from flask import Response
from flask import current_app
from flask import request
from flask.sessions import SecureCookieSessionInterface
from werkzeug.middleware.proxy_fix import ProxyFix

POLICY = {
    "default-src": "'none'",
    "script-src": "'self'",
    "style-src": "'self'",
    "img-src": "'self'",
    "connect-src": "'self'",
    "font-src": "'self'",
    "form-action": "'self'",
    "base-uri": "'none'",
    "object-src": "'none'",
    "frame-ancestors": "'none'",
}
#: Bootstrap's stylesheet has its icons as `data:` URLs.
BOOTSTRAP_POLICY = POLICY | {"img-src": "'self' data:"}


def init_app(app: Flask) -> None:
    """Set up headers, session cookie, proxies and log filter."""
    app.session_interface = SchemeAwareSessions()
    app.after_request(add_headers)
    logging.getLogger("werkzeug").addFilter(_KEYS_HIDDEN)
    proxies = app.config["TRUSTED_PROXIES"]
    if proxies:
        app.wsgi_app = ProxyFix(  # type: ignore[method-assign]
            app.wsgi_app, proxies, proxies, proxies, x_prefix=proxies
        )


def add_headers(response: Response) -> Response:
    """Add the security headers to a response."""
    headers = response.headers
    bootstrap = current_app.config["EXAMPLE_TEMPLATES"]
    policy = BOOTSTRAP_POLICY if bootstrap else POLICY
    headers.setdefault(
        "Content-Security-Policy",
        "; ".join(f"{what} {where}" for what, where in policy.items()),
    )
    # Not no-referrer: over https, CSRFProtect checks the Referer of a form.
    headers.setdefault("Referrer-Policy", "same-origin")
    headers.setdefault("X-Content-Type-Options", "nosniff")
    if response.mimetype == "text/html":
        # After the log-out, the browser's Back button must not show a page again.
        headers.setdefault("Cache-Control", "no-store")
    return response


class SchemeAwareSessions(SecureCookieSessionInterface):
    """Flask's session cookie, with Secure exactly if the request came over https."""

    def get_cookie_secure(self, app: Flask) -> bool:
        """Return the setting or, if it is None, whether this request is https."""
        configured = app.config["SESSION_COOKIE_SECURE"]
        return request.is_secure if configured is None else bool(configured)


class HideKeys(logging.Filter):
    """Remove tokens from the URLs in the access log.

    One route takes a token as `key`. A user may also search for a token, so `q` is
    removed if its value looks like one.
    """

    _key = re.compile(
        r"([?&](?:key=|q=(?=[^&\s\"]*_[0-9a-z]{12}_[0-9A-Za-z]{38})))[^&\s\"]*"
    )

    def filter(self, record: logging.LogRecord) -> bool:
        """Replace tokens in the message; return True to log it."""
        message = record.getMessage()
        if "key=" in message or "q=" in message:
            record.msg = self._key.sub(r"\1…", message)
            record.args = ()
        return True


_KEYS_HIDDEN = HideKeys()
