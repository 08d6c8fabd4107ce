"""Where a request carries a token, and the text found there."""

from __future__ import annotations

import re

from flask import Request

from flask_apitokens import refusals

from .policy import Policy

#: RFC 6750 section 2.1, with "=" allowed inside: imported tokens have it there
_B64TOKEN = re.compile(r"[A-Za-z0-9._~+/=-]{1,512}")


def bears_token(policy: Policy, request: Request) -> bool:
    """Whether *request* carries something where *policy* looks for a token."""
    try:
        return presented(policy, request) is not None
    except refusals.MalformedRequest:
        return True


def presented(policy: Policy, request: Request) -> str | None:
    """The text in the token's place, or none.

    :raises MalformedRequest: for what nobody should have to guess at.
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
        # Two headers arrive joined by a comma; no token and no Bearer header has one.
        raise refusals.MalformedRequest
    scheme, _space, rest = header.partition(" ")
    if scheme.lower() != "bearer":
        if not header.strip() or scheme.lower().startswith("bearer"):
            raise refusals.MalformedRequest
        return None
    return rest.strip(" ")


def check_readable(text: str) -> None:
    if not _B64TOKEN.fullmatch(text):
        raise refusals.MalformedRequest(
            "The token has characters that no token has, or too many."
        )
