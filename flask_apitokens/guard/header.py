"""Where a request carries a token, and the text found there.

This module alone knows the headers and parameters: another header that carries a token
is added here, and its setting in :mod:`flask_apitokens.config`.
"""

from __future__ import annotations

import re

from flask import Request

from flask_apitokens import refusals
from flask_apitokens.crypto.plaintext import Plaintext
from flask_apitokens.crypto.plaintext import pasted

from .policy import Policy

#: RFC 6750 section 2.1, with "=" allowed inside: imported tokens have it there
_B64TOKEN = re.compile(r"[A-Za-z0-9._~+/=-]{1,512}")
#: what begins like a bearer token; after a comma it may be a parameter of this name
_CLAIM = re.compile(r"bearer(?![\w-]*\s*=)", re.IGNORECASE)
#: RFC 9110 section 5.6.4; a quote that is never closed reaches to the end, so that a
#: long header of quotes takes no longer to read than any other
_QUOTED = re.compile(r'"(?:[^"\\]|\\.?)*+(?:"|\Z)', re.DOTALL)


def bears_token(policy: Policy, request: Request) -> bool:
    """Return whether *request* has anything where *policy* looks for a token."""
    try:
        return presented(policy, request) is not None
    except refusals.MalformedRequest:
        return True


def presented(policy: Policy, request: Request) -> Plaintext | None:
    """Return the text in the token's place; None if there is no token.

    An empty header or parameter is no token: proxies and forms make them. Nor is one of
    another scheme, such as Digest.

    :raises MalformedRequest: if there are two tokens, or a header that begins like a
        bearer token (RFC 6750 section 2.1) and is not one.
    """
    header = _of_header(request.environ.get("HTTP_AUTHORIZATION") or "")
    if policy.query_parameter is not None:
        values = _of_query(policy.query_parameter, request)
        if len(values) + (header is not None) > 1:
            raise refusals.MalformedRequest("The token was sent in two places.")
        if values:
            return Plaintext(values[0])
    return None if header is None else Plaintext(header)


def _of_header(header: str) -> str | None:
    scheme, _space, rest = header.partition(" ")
    if "," in header or scheme.lower() != "bearer":
        return _of_unusual_header(header)
    return rest.strip(" ")


def _of_unusual_header(header: str) -> str | None:
    """Return the token in a header that has a comma or another scheme.

    A server joins two headers by a comma, also an empty one with another. Other schemes
    have commas between their parameters, and commas in quoted values.
    """
    parts = [part.strip(" ") for part in _QUOTED.sub('""', header).split(",")]
    parts = [part for part in parts if part]
    if not any(map(_CLAIM.match, parts)):
        return None
    scheme, _space, rest = parts[0].partition(" ")
    if len(parts) > 1 or scheme.lower() != "bearer" or '"' in rest:
        # Which of two tokens is meant is not to be guessed.
        raise refusals.MalformedRequest
    return rest.strip(" ")


def _of_query(name: str, request: Request) -> list[str]:
    return [value for value in request.args.getlist(name) if pasted(value)]


def is_in_query(policy: Policy, request: Request) -> bool:
    """Return whether the token that :func:`presented` found is in the query string."""
    name = policy.query_parameter
    return name is not None and bool(_of_query(name, request))


def check_readable(text: Plaintext) -> None:
    """Check the characters of a text that is not a token.

    :raises MalformedRequest: if no token can have them, or it is too long for one.
    """
    if not _B64TOKEN.fullmatch(text.reveal()):
        raise refusals.MalformedRequest(
            "The token has characters that no token has, or too many."
        )
