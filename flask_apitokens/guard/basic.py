"""A token in HTTP Basic (RFC 7617): as the password or as the user name.

Loaded only if ``APITOKENS_SCHEMES`` or a route has ``Basic``.
"""

from __future__ import annotations

import binascii
from base64 import b64decode
from contextlib import suppress

from flask import Request

from flask_apitokens import refusals
from flask_apitokens.crypto.plaintext import Plaintext
from flask_apitokens.state import State

#: more than two tokens and what is between them; longer text is not decoded
_LONGEST = 4096
_SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS", "TRACE"})
#: the headers that browsers, and scripts in pages, send
_OF_BROWSERS = (
    "HTTP_SEC_FETCH_SITE",
    "HTTP_SEC_FETCH_MODE",
    "HTTP_ORIGIN",
    "HTTP_HX_REQUEST",
    "HTTP_X_REQUESTED_WITH",
)
#: what is sent as the password beside a token as the user name
_FILLERS = frozenset({"x-oauth-basic", "api_token", "api-token", "apitoken"})


def halves_of(encoded: Plaintext) -> tuple[Plaintext, ...] | None:
    """Return what is not empty of password and user name, in this order.

    :returns: None if the text is not what RFC 7617 describes.
    """
    # An exception would have the text in its frames, so none leaves this function.
    with suppress(binascii.Error, ValueError):
        return _split(encoded)
    return None


def _split(encoded: Plaintext) -> tuple[Plaintext, ...] | None:
    text = encoded.ascii
    if not text or len(text) > _LONGEST:
        return None
    bare = text.rstrip(b"=")  # Some clients leave the padding out.
    decoded = b64decode(bare + b"=" * (-len(bare) % 4), validate=True)
    # A token is ASCII. The other half may have any characters, in any encoding.
    user, colon, password = decoded.decode("latin-1").partition(":")
    if not colon:
        return None
    halves = [Plaintext(half).trimmed() for half in (password, user)]
    return tuple(half for half in halves if half.reveal())


def tokens_in(state: State, halves: tuple[Plaintext, ...]) -> list[Plaintext]:
    """Return which of *halves* can be the token, the likelier first.

    A native token is known by its form. An imported one has none, so there may be two
    candidates.

    :raises MalformedRequest: if both are native tokens.
    """
    native = [half for half in halves if _is_native(state, half)]
    if len(native) > 1:
        raise refusals.MalformedRequest("The token was sent in two places.")
    if native or state.pepper_set is None:
        return native
    from flask_apitokens.crypto.foreign_digests import (
        can_be_imported,  # for hosts that imported tokens alone
    )

    return [
        half
        for half in halves
        if half.reveal() not in _FILLERS and can_be_imported(half.reveal())
    ]


def _is_native(state: State, half: Plaintext) -> bool:
    is_session = half.ascii.startswith(state.session_prefix)
    return is_session or state.parse(half.ascii) is not None


def check_origin(request: Request) -> None:
    """Refuse a change that the page of another site asks for.

    A browser adds the credentials of Basic to every request for a site where it knows
    them, as it adds cookies. So a form elsewhere could act in the name of the user.

    :raises MalformedRequest: if a browser says that the request comes from elsewhere.
    """
    if request.method in _SAFE_METHODS:
        return
    site = request.environ.get("HTTP_SEC_FETCH_SITE")
    if site is None:
        # Browsers leave it out over plain HTTP. What is no browser sends neither.
        origin = request.environ.get("HTTP_ORIGIN")
        ours = origin is None or origin.partition("://")[2].lower() == request.host
    else:
        ours = site in {"same-origin", "none"}
    if not ours:
        raise refusals.MalformedRequest(
            "A browser sent the token as Basic, and the page is of another origin. "
            "Send it in another way."
        )


def is_asked_for(request: Request) -> bool:
    """Return whether to challenge the client of *request* with Basic.

    A browser would open a window for a user name and a password, and send what is
    entered there with each later request.
    """
    environ_has = request.environ.__contains__
    agent = request.environ.get("HTTP_USER_AGENT", "")
    return not any(map(environ_has, _OF_BROWSERS)) and not agent.startswith("Mozilla/")
