"""The refusals of the guard: problem details (RFC 9457) with challenges.

The challenge of Bearer is that of RFC 6750, section 3. A host imports the names from
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

#: The challenge where none is for the client: a 401 must have one (RFC 9110 section
#: 15.5.2). No client knows this scheme, so that no browser opens a window for it.
NO_SCHEME = "ApiToken"
#: RFC 6750 section 3: what ``error_description`` may be made of.
_NOT_IN_DESCRIPTION = re.compile(r"[^\x20\x21\x23-\x5b\x5d-\x7e]")


class Refusal(HTTPException):
    """The answer of a guarded route that does not accept a call.

    It has a status, a machine code, a challenge (RFC 6750) and a body (RFC 9457).

    :param detail: one sentence for a developer; by default that of the class.
    :param scope: the scopes that would be enough (RFC 6750 section 3.1).
    :param retry_after: seconds after which the client may try again.
    """

    code: int = 401
    #: the code that a script compares; part of the public contract
    problem: ClassVar[str] = "invalid_token"
    title: ClassVar[str] = "Unauthorized"
    #: the ``error`` attribute of the challenge, if it has one (RFC 6750 section 3)
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
        #: the schemes that the guard accepts from this client; None if no guard told
        self.schemes: tuple[str, ...] | None = None
        self.token_id: str | None = None
        #: the refused token, if its secret was genuine
        self.token: Any = None
        #: whether it was logged
        self.is_told = False
        # Unique for each refusal, so that a caller can quote it and the log has it.
        self.instance = _random_urn()

    @property
    def challenge(self) -> str:
        """The challenges of ``WWW-Authenticate`` as one value, separated by commas."""
        return ", ".join(self.challenges)

    @property
    def challenges(self) -> list[str]:
        """The challenge of each scheme, which is a ``WWW-Authenticate`` of its own."""
        schemes = ("Bearer",) if self.schemes is None else self.schemes
        return [
            _challenge(
                scheme,
                realm=self.realm,
                error=self.error,
                description=self.description or "",
                scope=self.scope,
            )
            for scheme in schemes or (NO_SCHEME,)
        ]

    @property
    def body(self) -> dict[str, object]:
        """The problem details (RFC 9457 section 3.1), ready for JSON."""
        body: dict[str, object] = json.loads(self._json)
        return body

    @property
    def _json(self) -> str:
        detail = self.description or ""
        opening = _opening(
            self.problem, title=self.title, status=self.code, detail=detail
        )
        return f'{opening}, "instance": "{self.instance}"}}'

    def add_protocol_headers(self, response: Response) -> None:
        """Set the headers that the response has whatever its body is."""
        # Set one by one, headers take half the time of an update.
        headers = response.headers
        headers["Cache-Control"] = "no-store"
        if self.code in {400, 401, 403}:
            # One header each: many clients read no more than one challenge in a header.
            headers["WWW-Authenticate"], *others = self.challenges
            for challenge in others:
                headers.add("WWW-Authenticate", challenge)
        if self.retry_after is not None:
            headers["Retry-After"] = str(self.retry_after)

    def get_response(self, environ: object = None, scope: object = None) -> Response:
        """Return the response as problem details, whatever ``Accept`` says."""
        # A line end keeps a shell's prompt off the last line.
        response = Response(
            f"{self._json}\n",
            status=self.code,
            content_type="application/problem+json",
        )
        self.add_protocol_headers(response)
        return response


# A refusal must not cost a host more than an accepted call, or a client could load the
# host by sending bad tokens. So what is the same in each refusal is built once.


@lru_cache(maxsize=256)
def _opening(problem: str, *, title: str, status: int, detail: str) -> str:
    """Return the body of a problem up to its instance."""
    body = {
        "type": f"urn:flask-apitokens:{problem}",
        "title": title,
        "status": status,
        "detail": detail,
        "code": problem,
    }
    return json.dumps(body).removesuffix("}")


@lru_cache(maxsize=256)
def _challenge(
    scheme: str, *, realm: str, error: str | None, description: str, scope: str
) -> str:
    parts = [f'realm="{quote(realm)}"']
    if scheme == "Basic":
        # RFC 7617 section 2.1; clients do not expect the parameters of RFC 6750 here.
        return f'Basic {parts[0]}, charset="UTF-8"'
    if error:
        parts.append(f'error="{error}"')
        parts.append(f'error_description="{quote(description)}"')
    if scope:
        parts.append(f'scope="{quote(scope)}"')
    return f"{scheme} " + ", ".join(parts)


def _random_urn() -> str:
    """Return a random UUID (RFC 9562 section 5.4) as a URN, faster than uuid.uuid4."""
    digits = os.urandom(16).hex()
    return (
        f"urn:uuid:{digits[:8]}-{digits[8:12]}-4{digits[13:16]}"
        f"-a{digits[17:20]}-{digits[20:]}"
    )


def quote(text: str) -> str:
    """Return *text* safe for a quoted string of a challenge (RFC 6750 section 3)."""
    return _NOT_IN_DESCRIPTION.sub("'", text)


class MissingToken(Refusal):
    """No credentials were sent; RFC 6750 asks for a challenge without an error."""

    problem = "missing_token"
    error = None
    detail = (
        "This address needs an API token in the header Authorization: Bearer <token>."
    )


class MalformedRequest(Refusal):
    """The credentials cannot be read, or were sent twice."""

    code = 400
    problem = "malformed_request"
    title = "Bad Request"
    error = "invalid_request"
    detail = "Send exactly one Authorization header: Bearer and one token."


class InvalidToken(Refusal):
    """The token is unknown, wrong or damaged; the answer does not tell which."""


class TokenExpired(Refusal):
    """The genuine token has expired."""

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
    """The genuine token's owner has changed their email address."""

    problem = "owner_email_changed"
    detail = "The owner of the token has another email address now. Generate a new one."


class Forbidden(Refusal):
    """The token works, but not for this call; base of the answers with status 403."""

    code = 403
    title = "Forbidden"
    error = "insufficient_scope"


class WrongKind(Forbidden):
    """The route does not accept this kind of token."""

    problem = "wrong_kind"
    detail = "This kind of token is not accepted here."


class WrongService(Forbidden):
    """The token is bound to another service."""

    problem = "wrong_service"
    detail = "The token is for another service."


class InsufficientScope(Forbidden):
    """The token lacks a scope that the route requires."""

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
    """The genuine token is pinned to networks, and the call came from another one."""

    problem = "network_not_allowed"
    detail = "The token may not be used from this address."


class TemporarilyUnavailable(Refusal):
    """The token could not be checked now. It tells nothing about the token.

    :param retry_after: seconds after which the client may try again.
    """

    code = 503
    problem = "temporarily_unavailable"
    title = "Service Unavailable"
    error = None
    detail = "The token cannot be checked at the moment. Try again shortly."

    def __init__(self, *, retry_after: int = 2) -> None:
        super().__init__(retry_after=retry_after)
