"""Headers, cookies and logs of the host."""

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
#: Bootstrap's stylesheet draws its icons from `data:` addresses
BOOTSTRAP_POLICY = POLICY | {"img-src": "'self' data:"}


def init_app(app: Flask) -> None:
    """Set the headers, the session cookie, the proxies and the log filter."""
    app.session_interface = SchemeAwareSessions()
    app.after_request(add_headers)
    logging.getLogger("werkzeug").addFilter(_KEYS_HIDDEN)
    proxies = app.config["TRUSTED_PROXIES"]
    if proxies:
        app.wsgi_app = ProxyFix(  # type: ignore[method-assign]
            app.wsgi_app, proxies, proxies, proxies, x_prefix=proxies
        )


def add_headers(response: Response) -> Response:
    """Add the security headers every answer carries."""
    headers = response.headers
    bootstrap = current_app.config["EXAMPLE_TEMPLATES"]
    policy = BOOTSTRAP_POLICY if bootstrap else POLICY
    headers.setdefault(
        "Content-Security-Policy",
        "; ".join(f"{what} {where}" for what, where in policy.items()),
    )
    # Not no-referrer: over https CSRFProtect wants to see where a form came from.
    headers.setdefault("Referrer-Policy", "same-origin")
    headers.setdefault("X-Content-Type-Options", "nosniff")
    if response.mimetype == "text/html":
        # Back after signing out shows nothing of the account.
        headers.setdefault("Cache-Control", "no-store")
    return response


class SchemeAwareSessions(SecureCookieSessionInterface):
    """Flask's sessions, Secure exactly where the page came over https."""

    def get_cookie_secure(self, app: Flask) -> bool:
        """Return the setting or, where it is None, whether this request is https."""
        configured = app.config["SESSION_COOKIE_SECURE"]
        return request.is_secure if configured is None else bool(configured)


class HideKeys(logging.Filter):
    """Keep tokens out of the access log: one route takes them in its URL.

    And somebody may search for one: `q` is blanked where it holds what looks like it.
    """

    _key = re.compile(
        r"([?&](?:key=|q=(?=[^&\s\"]*_[0-9a-z]{12}_[0-9A-Za-z]{38})))[^&\s\"]*"
    )

    def filter(self, record: logging.LogRecord) -> bool:
        """Blank what may be a token; let each record pass."""
        message = record.getMessage()
        if "key=" in message or "q=" in message:
            record.msg = self._key.sub(r"\1…", message)
            record.args = ()
        return True


_KEYS_HIDDEN = HideKeys()
