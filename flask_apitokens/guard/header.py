"""Where a request carries a token, and the text found there.

This module alone reads headers and parameters for a token; their names are in
:mod:`flask_apitokens.crypto.places`.
"""

from __future__ import annotations

import re

from flask import Request

from flask_apitokens import refusals
from flask_apitokens.crypto.places import Places
from flask_apitokens.crypto.plaintext import Plaintext
from flask_apitokens.crypto.plaintext import pasted

from .policy import Policy

#: RFC 6750 section 2.1, with "=" allowed inside: imported tokens have it there
_B64TOKEN = re.compile(r"[A-Za-z0-9._~+/=-]{1,512}")
#: RFC 9110 section 5.6.4; a quote that is never closed reaches to the end, so that a
#: long header of quotes takes no longer to read than any other
_QUOTED = re.compile(r'"(?:[^"\\]|\\.?)*+(?:"|\Z)', re.DOTALL)


class Sent(Plaintext):
    """The text that a request sends as its token."""

    __slots__ = ()
    #: whether it is in the query string
    in_query = False
    #: for Basic, the password and the user name, without empty ones
    halves: tuple[Plaintext, ...] = ()


class _SentInQuery(Sent):
    __slots__ = ()
    in_query = True


class _SentInBasic(Sent):
    __slots__ = ("halves",)

    def __init__(self, halves: tuple[Plaintext, ...]) -> None:
        super().__init__(halves[0].reveal())
        self.halves = halves


#: begins like a token of an accepted scheme, and is not one
_UNREADABLE = Sent("")


def bears_token(places: Places, policy: Policy, *, request: Request) -> bool:
    """Return whether *request* has anything where *policy* looks for a token."""
    try:
        return presented(places, policy, request=request) is not None
    except refusals.MalformedRequest:
        return True


def presented(places: Places, policy: Policy, *, request: Request) -> Sent | None:
    """Return the text in the token's place; None if there is no token.

    An empty header or parameter is no token: proxies and forms make them. Nor is one of
    another scheme, such as Digest.

    :raises MalformedRequest: if there are two tokens, or a header that begins like a
        token of an accepted scheme (RFC 6750 section 2.1) and is not one.
    """
    # No variable has the text of a header: a collector of errors would send it.
    sent = _in_authorization(places, request.environ.get("HTTP_AUTHORIZATION") or "")
    if sent is _UNREADABLE:
        raise _unreadable(places)
    if places.keys or policy.query_parameter is not None:
        found = [*_in_headers(places, request), *_in_query(policy, request)]
        if len(found) + (sent is not None) > 1:
            raise refusals.MalformedRequest("The token was sent in two places.")
        if found:
            return found[0]
    if sent is not None and sent.halves:
        from .basic import check_origin

        check_origin(request)
    return sent


def _unreadable(places: Places) -> refusals.MalformedRequest:
    if places.is_usual:
        return refusals.MalformedRequest()
    return refusals.MalformedRequest(f"Send exactly one token, {places.example}.")


def _in_authorization(places: Places, header: str) -> Sent | None:
    scheme, _space, rest = header.partition(" ")
    word = scheme.lower()
    if "," not in header and word in places.words:
        if word == "basic":
            return _in_basic(Plaintext(rest.strip(" ")))
        return Sent(rest.strip(" "))
    return _in_unusual_header(places, header)


def _in_unusual_header(places: Places, header: str) -> Sent | None:
    """Return the token in a header that has a comma or another scheme.

    A server joins two headers by a comma, also an empty one with another. Other schemes
    have commas between their parameters, and commas in quoted values.
    """
    parts = [part.strip(" ") for part in _QUOTED.sub('""', header).split(",")]
    parts = [part for part in parts if part]
    if not any(map(places.claim.match, parts)):
        return None
    scheme, _space, rest = parts[0].partition(" ")
    if len(parts) > 1 or scheme.lower() not in places.words or '"' in rest:
        return _UNREADABLE  # Which of two tokens is meant is not to be guessed.
    return _in_authorization(places, parts[0])


def _in_basic(encoded: Plaintext) -> Sent | None:
    from .basic import halves_of  # most hosts do not accept Basic

    halves = halves_of(encoded)
    if halves is None:
        return _UNREADABLE
    return _SentInBasic(halves) if halves else None


def _in_headers(places: Places, request: Request) -> list[Sent]:
    """Return the texts in the named headers; a server joins repeated ones by commas."""
    values = [request.environ.get(key) or "" for key in places.keys]
    parts = [part.strip(" \t") for value in values for part in value.split(",")]
    return [Sent(part) for part in parts if part]


def _in_query(policy: Policy, request: Request) -> list[Sent]:
    if policy.query_parameter is None:
        return []
    values = request.args.getlist(policy.query_parameter)
    return [_SentInQuery(value) for value in values if pasted(value)]


def check_readable(text: Plaintext) -> None:
    """Check the characters of a text that is not a token.

    :raises MalformedRequest: if no token can have them, or it is too long for one.
    """
    if not _B64TOKEN.fullmatch(text.reveal()):
        raise refusals.MalformedRequest(
            "The token has characters that no token has, or too many."
        )
