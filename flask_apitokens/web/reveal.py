"""The one response that shows the plaintext of a new token."""

from __future__ import annotations

import functools
import logging
import re
from collections.abc import Callable
from collections.abc import Mapping
from dataclasses import dataclass
from operator import itemgetter
from urllib.parse import quote

from flask import Flask
from flask import current_app
from flask import request
from flask.typing import ResponseReturnValue
from markupsafe import Markup
from werkzeug.routing import Rule

from flask_apitokens.catalog import ANY_SERVICE
from flask_apitokens.crypto.places import BASIC_USER
from flask_apitokens.crypto.places import Places
from flask_apitokens.crypto.plaintext import Plaintext
from flask_apitokens.db.models import Token
from flask_apitokens.domain import tokens
from flask_apitokens.guard import registry
from flask_apitokens.guard.blueprints import ENDPOINTS
from flask_apitokens.guard.blueprints import HOST
from flask_apitokens.guard.policy import Policy
from flask_apitokens.i18n import gettext as _
from flask_apitokens.state import current_apitokens
from flask_apitokens.state import state_of
from flask_apitokens.web.presenters.tokens import Example
from flask_apitokens.web.presenters.tokens import NewToken
from flask_apitokens.web.scopes.token_scope import TokenScope

from . import htmx
from .pages import page
from .pages import partial

log = logging.getLogger("flask_apitokens")

#: the endpoint that exchanges an access token for a session token
LOGIN = f"{ENDPOINTS}.login"

_CURL = """\
curl {url} \\
  {token}
"""
_PYTHON = """\
import os
import requests

response = requests.get(
    {url},
    {token},
    timeout=30,
)
response.raise_for_status()
print(response.text)
"""
_JAVASCRIPT = """\
const response = await fetch({url}, {{
  headers: {{ {token} }},
}});
console.log(response.status, await response.text());
"""
_LOGIN = """\
SESSION=$(curl -X POST {login} \\
  {token} | jq -r .access_token)
curl {url} \\
  {session}
"""
_PLAIN = re.compile(r"[A-Za-z0-9_.:/@+-]*")
_HOST = re.compile(r"[A-Za-z0-9.-]+(:[0-9]+)?|\[[0-9A-Fa-f:.]+\](:[0-9]+)?")
#: The characters of a path that mean nothing to a shell. The start of a path may come
#: from a header of a proxy, and users paste the lines into a shell.
_SAFE = "/-._~:@+,="


def reveal_token(
    scope: TokenScope,
    made: Token,
    *,
    plaintext: Plaintext,
    panels: Callable[[], Mapping[str, Markup]],
    back: str = "",
    toast: str = "",
    old: str = "",
) -> ResponseReturnValue:
    """Answer with the plaintext of a new token, in a dialog or on a page.

    :param panels: returns the panels behind the dialog that have changed.
    :param back: the address that the page leads to; by default the list's.
    :param toast: the notification after the dialog is closed.
    :param old: a sentence about the token that this one replaces.
    """
    dialog = htmx.wants_fragment()
    service = scope.ctx.catalog.services.get(made.service or "")
    new_token = NewToken(
        row=scope.row(made, fresh=True),
        plaintext=plaintext,
        account_id=scope.account_id,
        lines=_lines_before(scope.account_id, made.id),
        download=_download(scope.account_id, made.id, plaintext=plaintext),
        examples=_examples(made),
        docs_url=(service.docs_url or "") if service else "",
        dialog=dialog,
        back=back or scope.urls.url("tokens"),
        toast=toast or _("Token “%(name)s” generated", name=made.name),
        old=old,
    )
    if dialog:
        shown = partial("reveal_dialog", reveal=new_token)
        response = htmx.fragment(shown, status=201, out_of_band=panels())
    else:
        response = page(
            "apitokens/generated.html",
            title=_("Token generated"),
            status=201,
            reveal=new_token,
        )
    app = current_apitokens.app
    response.call_on_close(functools.partial(_mark_shown, app, made.id))
    return response


def _download(account_id: str, token_id: str, *, plaintext: Plaintext) -> Plaintext:
    """Return a ``data:`` link with the whole file.

    A link to the server would need the server to keep the secret until it is followed.
    """
    opening = quote(_lines_before(account_id, token_id), safe="")
    # A token has no character that a link would need quoted.
    return Plaintext(f"data:text/plain;charset=utf-8,{opening}{plaintext.reveal()}%0A")


def _lines_before(account_id: str, token_id: str) -> str:
    """Return the lines of a ``.env`` file up to the plaintext, which is not in them."""
    account = f"API_ACCOUNT_ID={_dotenv_value(account_id)}\n" if account_id else ""
    return f"{account}API_TOKEN_ID={token_id}\nAPI_TOKEN="


def _dotenv_value(text: str) -> str:
    if _PLAIN.fullmatch(text):
        return text
    escaped = re.sub(r'([\\"$`])', r"\\\1", text).replace("\n", "\\n")
    return f'"{escaped}"'


def _examples(token: Token) -> list[Example]:
    """Return lines of code that call the API with the token.

    They read the token from the environment, so that pasted code holds no secret.
    """
    if token.kind == "access":
        login = _Address.of(next(current_app.url_map.iter_rules(LOGIN)))
        rule = _fitting_rule(token, "session")
        text = _LOGIN.format(
            login=login.in_shell,
            token=_Way(current_apitokens.places).in_shell("API_TOKEN"),
            url=_Address.of(rule).in_shell,
            session=_Way(_places_at(rule)).in_shell("SESSION"),
        )
        return [Example(_("curl"), text)]
    rule = _fitting_rule(token, token.kind)
    url, way = _Address.of(rule), _Way(_places_at(rule))
    curl = _CURL.format(url=url.in_shell, token=way.in_shell("API_TOKEN"))
    python = _PYTHON.format(url=url.in_python, token=way.in_python)
    script = _JAVASCRIPT.format(url=url.in_javascript, token=way.in_javascript)
    return [
        Example(_("curl"), curl),
        Example(_("Python (requests)"), python),
        Example(_("JavaScript (fetch)"), script),
    ]


def _places_at(rule: Rule | None) -> Places:
    """Return the places where a route looks for a token; None is any route."""
    default = current_apitokens.places
    if rule is None:
        return default
    return next(registry.policies_at(rule.endpoint, "GET")).places(default)


@dataclass(frozen=True)
class _Way:
    """The first of the places for a token, as code of each language."""

    places: Places

    def in_shell(self, variable: str) -> str:
        """An option of curl.

        :param variable: the variable of the shell that has the token.
        """
        name, words = self._header
        if words == "Basic ":
            return f'-u "{BASIC_USER}:${variable}"'
        return f'-H "{name}: {words}${variable}"'

    @property
    def in_python(self) -> str:
        """An argument of requests."""
        name, words = self._header
        if words == "Basic ":
            return f'auth=("{BASIC_USER}", os.environ["API_TOKEN"])'
        if not words:
            return f'headers={{"{name}": os.environ["API_TOKEN"]}}'
        return f"""headers={{"{name}": f"{words}{{os.environ['API_TOKEN']}}"}}"""

    @property
    def in_javascript(self) -> str:
        """A header in the options of fetch."""
        name, words = self._header
        if words == "Basic ":
            user = f"{BASIC_USER}:${{process.env.API_TOKEN}}"
            return f"{name}: `Basic ${{btoa(`{user}`)}}`"
        if not words:
            return f'"{name}": process.env.API_TOKEN'
        return f"{name}: `{words}${{process.env.API_TOKEN}}`"

    @property
    def _header(self) -> tuple[str, str]:
        """The name of the header, and what it has before the token."""
        if self.places.schemes:
            return "Authorization", f"{self.places.schemes[0]} "
        return self.places.headers[0], ""


@dataclass(frozen=True)
class _Address:
    """The address of a route, as an expression of each language.

    :param origin: scheme and host; empty if the reader has to set ``API_URL``.
    """

    origin: str
    path: str

    @classmethod
    def of(cls, rule: Rule | None) -> _Address:
        """Return the address of a route without variable parts; None is ``/``."""
        path = request.script_root + ("/" if rule is None else rule.rule)
        return cls(_origin(rule), quote(path, safe=_SAFE))

    @property
    def in_shell(self) -> str:
        """A word of a shell."""
        return self.origin + self.path if self.origin else f'"$API_URL{self.path}"'

    @property
    def in_python(self) -> str:
        """An expression of Python."""
        url = f'"{self.origin}{self.path}"'
        return url if self.origin else f'os.environ["API_URL"] + {url}'

    @property
    def in_javascript(self) -> str:
        """An expression of JavaScript."""
        url = f'"{self.origin}{self.path}"'
        return url if self.origin else f"process.env.API_URL + {url}"


def _origin(rule: Rule | None) -> str:
    """Return scheme and host of a route; empty if only a header tells the host.

    Anyone who can forge the Host header, for example through a cache, would otherwise
    choose where the pasted lines send the token.
    """
    config = current_app.config
    name = config["SERVER_NAME"]
    if rule is not None and rule.host:
        host = rule.host
    elif name:
        host = f"{rule.subdomain}.{name}" if rule and rule.subdomain else name
    elif request.trusted_hosts:
        host = request.host
    else:
        host = ""
    if not _HOST.fullmatch(host):
        return ""
    https = request.is_secure or config["PREFERRED_URL_SCHEME"] == "https"
    return f"{'https' if https else 'http'}://{host}"


def _fitting_rule(token: Token, kind: str) -> Rule | None:
    """Return a route of the application that admits the token.

    Falls back to the endpoint that describes a token, and to None.

    :param kind: the kind of token that is sent; "session" for an access token.
    """
    fitting = []
    for rule in current_app.url_map.iter_rules():
        if rule.arguments - {HOST} or "GET" not in (rule.methods or ()):
            continue
        policies = list(registry.policies_at(rule.endpoint, "GET"))
        if policies and all(_fits(token, kind, policy=policy) for policy in policies):
            # A route of the token's service is a better example than one for any token,
            # and a route of the application is a better one than ours.
            ours = rule.endpoint.startswith(f"{ENDPOINTS}.")
            of_any = all(policy.service is ANY_SERVICE for policy in policies)
            fitting.append((ours, of_any, rule.rule, rule))
    return min(fitting, key=itemgetter(0, 1, 2))[-1] if fitting else None


def _fits(token: Token, kind: str, *, policy: Policy) -> bool:
    if policy.service not in {token.service, ANY_SERVICE}:
        return False
    return policy.scopes <= set(token.scopes) and kind in policy.kinds


def _mark_shown(app: Flask, token_id: str) -> None:
    """Record, after the response was sent, that the plaintext reached a browser.

    The session of the request is closed by then, so this opens its own. If it fails,
    the list marks the token "Never shown" by mistake, which does no harm.
    """
    try:
        with app.app_context():
            ctx = state_of(app).context()
            tokens.mark_shown(ctx, token_id)
            ctx.session.commit()
    except Exception:
        log.warning("token %s: not noted as shown", token_id, exc_info=True)
