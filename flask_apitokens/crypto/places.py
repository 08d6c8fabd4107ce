"""Where a request may carry a token: schemes of ``Authorization``, and other headers.

The names are those of ``APITOKENS_SCHEMES`` and ``APITOKENS_HEADERS``, or of a route.
"""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

#: the schemes of ``Authorization`` that can carry a token
SCHEMES = ("Bearer", "Token", "Api-Key", "Basic")
#: the user name that our examples send beside a token as the password of Basic
BASIC_USER = "__token__"

_SCHEME_OF = {scheme.lower(): scheme for scheme in SCHEMES}
# WSGI gives "X_Api_Key" and "X-Api-Key" the same name, so the first is no safe name.
_HEADER = re.compile(r"[A-Za-z][A-Za-z0-9-]{0,63}")
_MOST_HEADERS = 10
#: headers that mean something else to servers, browsers, proxies or this plugin
_TAKEN = re.compile(
    r"""
      (accept|access-control|cache|content|cross-origin|hx|if|proxy|sec|sec-websocket
        |x-csrf|x-forwarded)(-.*)?
    | (age|allow|apitokens-expires|authorization|connection|cookie2?|date|dnt|etag)
    | (expect|expires|forwarded|from|host|idempotency-key|keep-alive|last-modified)
    | (link|location|max-forwards|origin|pragma|prefer|priority|range|ratelimit.*)
    | (referer|referrer-policy|retry-after|server|set-cookie2?|te|trailer)
    | (traceparent|tracestate|transfer-encoding|upgrade(-.*)?|user-agent|vary|via)
    | (warning|www-authenticate|x-csrftoken|x-http-method.*|x-method-override)
    | (x-original-url|x-real-ip|x-request-id|x-requested-with|x-rewrite-url)
    | (x-sendfile|x-xsrf-token|x-xsrftoken)
    """,
    re.IGNORECASE | re.VERBOSE,
)


def checked_schemes(value: Any) -> tuple[str, ...]:
    """Return names of schemes, spelled as in :data:`SCHEMES`.

    :raises ValueError: saying what is allowed.
    """
    allowed = f"some of {', '.join(SCHEMES)}, each once, as a tuple"
    names = _names(value, allowed)
    found = [_SCHEME_OF.get(name.lower(), "") for name in names]
    if "" in found or len(set(found)) < len(found):
        raise ValueError(allowed)
    return tuple(found)


def checked_headers(value: Any) -> tuple[str, ...]:
    """Return names of headers that can carry a token.

    :raises ValueError: saying what is allowed.
    """
    allowed = (
        'names of headers such as "X-API-Key", each once, as a tuple: letters, digits '
        "and hyphens; none that has another meaning, such as Authorization, Cookie or "
        "Host"
    )
    names = _names(value, allowed)
    usable = [_HEADER.fullmatch(name) and not _TAKEN.fullmatch(name) for name in names]
    once = len({name.lower() for name in names}) == len(names)
    if not all(usable) or not once or len(names) > _MOST_HEADERS:
        raise ValueError(allowed)
    return tuple(names)


def _names(value: Any, allowed: str) -> list[str]:
    is_list = isinstance(value, Iterable) and not isinstance(value, str | bytes)
    names = list(value) if is_list else []
    if not is_list or not all(isinstance(name, str) for name in names):
        raise ValueError(allowed)
    return names


@dataclass(frozen=True)
class Places:
    """The places where a route looks for a token.

    :param schemes: of ``Authorization``, the first is the one that examples show.
    :param headers: others that have the token alone.
    :param words: the schemes in lower case, as RFC 9110 section 11.1 compares them.
    :param claim: matches what begins like a token of one of the schemes. After a comma
        it may be a parameter of this name instead.
    :param keys: the other headers in a WSGI environment.
    :param vary: the headers that an answer depends on, as ``Vary`` lists them.
    """

    schemes: tuple[str, ...]
    headers: tuple[str, ...]
    words: frozenset[str]
    claim: re.Pattern[str]
    keys: tuple[str, ...]
    vary: str

    @property
    def token_type(self) -> str:
        """The word that tells a client how a token is sent (RFC 6749, 5.1)."""
        if "Bearer" in self.schemes:
            return "Bearer"
        return (*self.schemes, *self.headers)[0]

    @property
    def example(self) -> str:
        """The first place, as a developer writes it."""
        if not self.schemes:
            return f"in the header {', '.join(self.headers[:1])}: <token>"
        sent = "<token>"
        if self.schemes[0] == "Basic":
            sent = "<base64 of any user name, a colon and the token>"
        return f"in the header Authorization: {self.schemes[0]} {sent}"

    @property
    def is_usual(self) -> bool:
        """Whether a token is accepted as RFC 6750 describes it, and nowhere else."""
        return self.schemes == ("Bearer",) and not self.headers

    def headers_for(self, plaintext: str) -> dict[str, str]:
        """Return the headers of a call with a token, sent in the first place."""
        if not self.schemes:
            return {self.headers[0]: plaintext}
        scheme, sent = self.schemes[0], plaintext
        if scheme == "Basic":
            sent = b64encode(f"{BASIC_USER}:{plaintext}".encode()).decode()
        return {"Authorization": f"{scheme} {sent}"}


@lru_cache(maxsize=256)
def places_of(schemes: tuple[str, ...], headers: tuple[str, ...]) -> Places:
    """Return the places with these names, which are checked already."""
    words = frozenset(scheme.lower() for scheme in schemes)
    either = "|".join(map(re.escape, sorted(words))) or r"(?!)"
    return Places(
        schemes=schemes,
        headers=headers,
        words=words,
        claim=re.compile(rf"(?:{either})(?![\w-]*\s*=)", re.IGNORECASE),
        keys=tuple(f"HTTP_{name.upper().replace('-', '_')}" for name in headers),
        vary=", ".join((*(["Authorization"] if schemes else []), *headers)),
    )
