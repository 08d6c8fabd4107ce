"""The refusals of the guard: problem details (RFC 9457) with a bearer challenge.

The challenge is that of RFC 6750, section 3. A host imports the names from
:mod:`flask_apitokens.errors`.
"""

from __future__ import annotations

import json
import os
import re
from functools import lru_cache
from typing import TYPE_CHECKING
from typing import Any
from typing import ClassVar

from flask.wrappers import Response
from werkzeug.exceptions import HTTPException

if TYPE_CHECKING:
    from collections.abc import Iterable

#: RFC 6750 section 3: what ``error_description`` may be made of.
_NOT_IN_DESCRIPTION = re.compile(r"[^\x20\x21\x23-\x5b\x5d-\x7e]")


class Refusal(HTTPException):
    """A guarded route says no: status, machine code, challenge and problem body.

    :param detail: one sentence for the person who reads the log of a script.
    :param scope: the scopes that would be enough (RFC 6750 section 3.1).
    :param retry_after: seconds after which to try again.
    """

    code: int = 401
    #: the word a script branches on; part of the public contract
    problem: ClassVar[str] = "invalid_token"
    title: ClassVar[str] = "Unauthorized"
    #: the ``error`` attribute of the challenge, or none (RFC 6750 section 3)
    error: ClassVar[str | None] = "invalid_token"
    detail: ClassVar[str] = "The token is not valid."

    def __init__(
        self,
        detail: str | None = None,
        *,
        scope: Iterable[str] = (),
        retry_after: int | None = None,
    ) -> None:
        super().__init__(description=detail or type(self).detail)
        self.scope = " ".join(scope)
        self.retry_after = retry_after
        self.realm = "api"
        self.token_id: str | None = None
        #: the refused token itself, where it is a genuine one
        self.token: Any = None
        # A fresh name for each refusal: what the caller quotes is what the log has.
        self.instance = _random_urn()

    @property
    def challenge(self) -> str:
        """The value of ``WWW-Authenticate``."""
        return _challenge(self.realm, self.error, self.description or "", self.scope)

    @property
    def body(self) -> dict[str, object]:
        """The problem details (RFC 9457 section 3.1), ready for JSON."""
        body: dict[str, object] = json.loads(self._json)
        return body

    @property
    def _json(self) -> str:
        detail = self.description or ""
        opening = _opening(self.problem, self.title, self.code, detail)
        return f'{opening}, "instance": "{self.instance}"}}'

    def protocol_headers(self) -> dict[str, str]:
        """The headers no replacement body may lose."""
        headers = {"Cache-Control": "no-store"}
        if self.code in {400, 401, 403}:
            headers["WWW-Authenticate"] = self.challenge
        if self.retry_after is not None:
            headers["Retry-After"] = str(self.retry_after)
        return headers

    def get_response(self, environ: object = None, scope: object = None) -> Response:
        """The whole answer, whatever ``Accept`` says."""
        # The last line of a file, and a prompt below it, want a line's end.
        response = Response(
            f"{self._json}\n",
            status=self.code,
            content_type="application/problem+json",
        )
        # One by one takes half as long as all at once.
        for name, value in self.protocol_headers().items():
            response.headers[name] = value
        return response


# A refusal should cost a host no more than an acceptance does, whoever asks for it how
# often: so what is the same each time is made once.


@lru_cache(maxsize=256)
def _opening(problem: str, title: str, status: int, detail: str) -> str:
    """The body of a problem up to its instance."""
    body = {
        "type": f"urn:flask-apitokens:{problem}",
        "title": title,
        "status": status,
        "detail": detail,
        "code": problem,
    }
    return json.dumps(body).removesuffix("}")


@lru_cache(maxsize=256)
def _challenge(realm: str, error: str | None, description: str, scope: str) -> str:
    parts = [f'realm="{quote(realm)}"']
    if error:
        parts.append(f'error="{error}"')
        parts.append(f'error_description="{quote(description)}"')
    if scope:
        parts.append(f'scope="{quote(scope)}"')
    return "Bearer " + ", ".join(parts)


def _random_urn() -> str:
    """A random UUID (RFC 9562 section 5.4), without the object around it."""
    digits = os.urandom(16).hex()
    return (
        f"urn:uuid:{digits[:8]}-{digits[8:12]}-4{digits[13:16]}"
        f"-a{digits[17:20]}-{digits[20:]}"
    )


def quote(text: str) -> str:
    """Make *text* safe inside a quoted string of a challenge (RFC 6750 section 3)."""
    return _NOT_IN_DESCRIPTION.sub("'", text)


class MissingToken(Refusal):
    """No credentials were sent; RFC 6750 asks for a challenge without an error."""

    problem = "missing_token"
    error = None
    detail = "This address needs an API token in the Authorization header."


class MalformedRequest(Refusal):
    """The credentials cannot be read, or were sent twice."""

    code = 400
    problem = "malformed_request"
    title = "Bad Request"
    error = "invalid_request"
    detail = "Send exactly one Authorization header: Bearer and one token."


class InvalidToken(Refusal):
    """Unknown, wrong or damaged: one answer for all, so that nothing is told."""


class TokenExpired(Refusal):
    """The genuine token is past its end."""

    problem = "token_expired"
    detail = "The token has expired. Generate a new one."


class TokenRevoked(Refusal):
    """The genuine token was revoked."""

    problem = "token_revoked"
    detail = "The token was revoked. Generate a new one."


class TokenDeactivated(Refusal):
    """The genuine token was deactivated by an administrator."""

    problem = "token_deactivated"
    detail = "The token was deactivated by an administrator."


class OwnerInactive(Refusal):
    """The genuine token's owner is disabled or gone."""

    problem = "owner_inactive"
    detail = "The owner of the token is not active."


class OwnerEmailChanged(Refusal):
    """The genuine token's owner has another email address than when it was made."""

    problem = "owner_email_changed"
    detail = "The owner of the token has another email address now. Generate a new one."


class Forbidden(Refusal):
    """The token is good, but not for this; base of the 403 answers."""

    code = 403
    title = "Forbidden"
    error = "insufficient_scope"


class WrongKind(Forbidden):
    """A kind of token that this route does not take."""

    problem = "wrong_kind"
    detail = "This kind of token is not accepted here."


class WrongService(Forbidden):
    """A token of another service."""

    problem = "wrong_service"
    detail = "The token is for another service."


class InsufficientScope(Forbidden):
    """The token lacks a scope that the route asks for."""

    problem = "insufficient_scope"
    detail = "The token lacks a scope that this address needs."


class ServiceInactive(Forbidden):
    """The owner's subscription or the whole service is switched off."""

    problem = "service_inactive"
    detail = "Access to this service is switched off."


class ApiAccessDenied(Forbidden):
    """The genuine token's owner may not use the API (``can_use_api``)."""

    problem = "api_access_denied"
    detail = "The owner of the token may not use the API."


class NetworkNotAllowed(Forbidden):
    """The genuine token is pinned to networks, and the call came from elsewhere."""

    problem = "network_not_allowed"
    detail = "The token may not be used from this address."


class TemporarilyUnavailable(Refusal):
    """The token could not be checked now; says nothing about the token."""

    code = 503
    problem = "temporarily_unavailable"
    title = "Service Unavailable"
    error = None
    detail = "The token cannot be checked at the moment. Try again shortly."

    def __init__(self, *, retry_after: int = 2) -> None:
        super().__init__(retry_after=retry_after)
