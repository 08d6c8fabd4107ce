"""Where a request carries a token, and the text found there.

This module alone knows the headers and parameters: another header that carries a token
is added here, and its setting in :mod:`flask_apitokens.config`.
"""

from __future__ import annotations

import re

from flask import Request

from flask_apitokens import refusals

from .policy import Policy

#: RFC 6750 section 2.1, with "=" allowed inside: imported tokens have it there
_B64TOKEN = re.compile(r"[A-Za-z0-9._~+/=-]{1,512}")


def bears_token(policy: Policy, request: Request) -> bool:
    """Return whether *request* has anything where *policy* looks for a token."""
    try:
        return presented(policy, request) is not None
    except refusals.MalformedRequest:
        return True


def presented(policy: Policy, request: Request) -> str | None:
    """Return the text in the token's place; None if there is no token.

    :raises MalformedRequest: if there are two tokens, or a header that begins like a
        bearer token (RFC 6750 section 2.1) and is not one.
    """
    header: str | None = request.environ.get("HTTP_AUTHORIZATION")
    if policy.query_parameter is not None:
        values = request.args.getlist(policy.query_parameter)
        if len(values) > 1 or (values and header is not None):
            raise refusals.MalformedRequest("The token was sent in two places.")
        if values:
            return str(values[0])
    if header is None:
        return None
    if "," in header:
        # A server joins two headers by a comma, and no token has one: which of the two
        # is meant is not to be guessed.
        raise refusals.MalformedRequest
    scheme, _space, rest = header.partition(" ")
    if scheme.lower() != "bearer":
        if not header.strip() or scheme.lower().startswith("bearer"):
            raise refusals.MalformedRequest
        return None
    return rest.strip(" ")


def is_in_query(policy: Policy, request: Request) -> bool:
    """Return whether the token that :func:`presented` found is in the query string."""
    name = policy.query_parameter
    return name is not None and name in request.args


def check_readable(text: str) -> None:
    """Check the characters of a text that is not a token.

    :raises MalformedRequest: if no token can have them, or it is too long for one.
    """
    if not _B64TOKEN.fullmatch(text):
        raise refusals.MalformedRequest(
            "The token has characters that no token has, or too many."
        )
