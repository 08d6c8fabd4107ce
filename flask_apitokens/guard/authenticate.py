"""Authenticate and authorize the text of a token.

The steps go from cheap to expensive: the checksum, one SELECT, the check digest, the
state of the row, the route's policy, and bcrypt when this process sees the token for
the first time. A made-up token therefore costs no query and no bcrypt.
"""

from __future__ import annotations

import hmac
import logging
from collections.abc import Callable
from typing import TYPE_CHECKING
from typing import Any
from typing import NamedTuple

from sqlalchemy.exc import SQLAlchemyError

from flask_apitokens import refusals
from flask_apitokens.catalog import ANY_SERVICE
from flask_apitokens.crypto import tokens as crypto_tokens
from flask_apitokens.crypto.plaintext import Plaintext
from flask_apitokens.crypto.verification_cache import QueueFull
from flask_apitokens.domain import email_binding
from flask_apitokens.lookup.connections import LookupFailed
from flask_apitokens.lookup.native import TokenRow
from flask_apitokens.state import State

from . import lookup_failure
from .current_token import CurrentToken
from .header import check_readable
from .policy import Policy

if TYPE_CHECKING:
    from flask_apitokens.crypto.session_tokens import Claim

    from .authenticate_imported import ImportedCandidate as Imported

log = logging.getLogger("flask_apitokens")

#: the refusal of a token that was stopped
_WHY_STOPPED = {
    "revoked": refusals.TokenRevoked,
    "deactivated": refusals.TokenDeactivated,
}

#: the detail of an expiry, if generating another token would not help
_WHY_EXPIRED = {"session": "The session has ended. Log in again."}


def authenticate(
    state: State, policy: Policy, text: Plaintext, *, in_query: bool = False
) -> CurrentToken:
    """Return the token that *text* is, if it works and satisfies *policy*.

    :param in_query: whether *text* comes from a query parameter.
    :raises refusals.Refusal: if it does not. The refusal has the token unless its
        secret is wrong.
    """
    candidate = identify(state, text, in_query=in_query)
    current = candidate.current
    try:
        _check_row(state, current)
        check_policy(state, policy, current.found)
        _check_secret(state, candidate)
    except refusals.Refusal as refusal:
        refusal.token_id = current.id
        if not isinstance(refusal, refusals.InvalidToken):
            refusal.token = current
        raise
    return current


def authenticate_any_state(state: State, text: Plaintext) -> CurrentToken:
    """Return the token that *text* is, also if it is revoked, expired or deactivated.

    :raises refusals.Refusal: if it is not a token, or a session that has ended.
    """
    candidate = identify(state, text)
    current = candidate.current
    _check_secret(state, candidate)
    ended = (current.expires_at or current.accepted_at) <= current.accepted_at
    if candidate.claim is not None and ended:
        raise refusals.TokenExpired
    return current


class Candidate(NamedTuple):
    """A token in a request, identified and not authenticated yet.

    :param token: the presented text.
    :param claim: the claim of a session token; its signature proves it.
    :param imported: for a token of another system, how it is stored.
    """

    current: CurrentToken
    token: Plaintext
    claim: Claim | None = None
    imported: Imported | None = None


def identify(state: State, text: Plaintext, *, in_query: bool = False) -> Candidate:
    """Return the token that *text* names, found by its id and check digest.

    The state of the row and the bcrypt hash are not checked yet.

    :param in_query: whether *text* comes from a query parameter.
    :raises refusals.Refusal: if there is no such token.
    """
    token = text.trimmed() if in_query else text
    token_id = state.parse(token.ascii)
    if token_id is not None:
        found = _find(state, token_id)
        if found is None or not _has_digest(found, token):
            raise refusals.InvalidToken
        return Candidate(CurrentToken(state, token_id, found), token)
    if token.ascii.startswith(state.session_prefix):
        return _session_in(state, token)
    if state.pepper_set is not None:
        return _imported_in(state, text, in_query=in_query)
    check_readable(token)
    raise refusals.InvalidToken


def _has_digest(found: TokenRow, token: Plaintext) -> bool:
    digest = crypto_tokens.check_digest(token.ascii)
    try:
        return hmac.compare_digest(bytes(found.check_digest), digest)
    except TypeError:
        return False  # SQLite stores text and numbers in a column of bytes too


def _session_in(state: State, token: Plaintext) -> Candidate:
    from flask_apitokens.crypto import (
        session_tokens,  # a host without access tokens never needs it
    )

    claim = session_tokens.read(
        token.ascii,
        brand=state.settings.brand,
        keys=session_tokens.keys_of(state.app.config),
    )
    if claim is None:
        check_readable(token)
        raise refusals.InvalidToken
    found = _find(state, claim.token_id)
    if found is None or found.kind != "access" or not claim.fits(found.check_digest):
        raise refusals.InvalidToken
    end = min(filter(None, (found.expires_at, claim.expires_at)))
    session = found._replace(kind="session", expires_at=end)
    return Candidate(CurrentToken(state, claim.token_id, session), token, claim)


def _imported_in(state: State, text: Plaintext, *, in_query: bool) -> Candidate:
    from . import authenticate_imported  # for hosts that imported tokens alone

    try:
        known = authenticate_imported.identify(state, text, in_query=in_query)
    except LookupFailed as error:
        raise lookup_failure.refusal_of(state, error) from None
    if state.outage.is_on:
        state.outage.end()
    text = known.token
    current = CurrentToken(state, known.token_id, known.found, imported=text)
    return Candidate(current, text, imported=known)


def _find(state: State, token_id: str) -> TokenRow | None:
    try:
        found = state.finder.find(token_id)
    except LookupFailed as error:
        raise lookup_failure.refusal_of(state, error, token_id=token_id) from None
    if state.outage.is_on:
        state.outage.end()
    return found


def bound_to(current: CurrentToken) -> bytes:
    """Return the check digest of the row, which a session of *current* is bound to."""
    return bytes(current.found.check_digest)


def _check_secret(state: State, candidate: Candidate) -> None:
    """Verify the bcrypt hash unless a session signature already proved the token."""
    if candidate.claim is not None:
        return
    if candidate.imported is None:
        _check_bcrypt(state, candidate)
        return
    from . import authenticate_imported

    authenticate_imported.check_bcrypt(state, candidate.imported)


def _check_row(state: State, current: CurrentToken) -> None:
    found = current.found
    if found.stopped is not None:
        raise _WHY_STOPPED[found.stopped]
    if found.expires_at is not None and found.expires_at <= current.accepted_at:
        raise refusals.TokenExpired(_WHY_EXPIRED.get(found.kind))
    if not found.userless:
        _check_owner(state, current)


def _check_owner(state: State, current: CurrentToken) -> None:
    found = current.found
    if found.owner_key is None or not found.owner_active:
        raise refusals.OwnerInactive
    if state.asks_user and not _ask(state, current, lambda user: user.is_active):
        raise refusals.OwnerInactive
    callbacks = state.callbacks
    if callbacks.has_accounts:
        if callbacks.account_column is None:
            account = _ask(state, current, callbacks.account_of)
        else:
            # It may be too long to be stored. No token was generated in such an
            # account, so the comparison fails.
            account = "" if found.owner_account is None else str(found.owner_account)
        if account != found.account_id:
            raise refusals.OwnerInactive("The owner of the token has left its account.")
    if callbacks.can_use_api is not None:
        allowed = found.owner_permitted
        if callbacks.permission_column is None:
            allowed = _ask(state, current, callbacks.can_use_api)
        if not allowed:
            raise refusals.ApiAccessDenied
    if found.email_digest is not None:
        _check_email(state, current)


def _check_email(state: State, current: CurrentToken) -> None:
    callbacks = state.callbacks
    found = current.found
    email = found.owner_email
    if callbacks.email_column is None:
        email = _ask(state, current, callbacks.email_of)
    if not email_binding.is_of(current.id, found.email_digest, email=email):
        raise refusals.OwnerEmailChanged


def _ask(state: State, current: CurrentToken, question: Callable[[Any], Any]) -> Any:
    """Return the answer of *question* to the owner; None, which means no, if it raises.

    :raises refusals.TemporarilyUnavailable: if the owner could not be loaded: that says
        nothing about the token.
    """
    try:
        return question(current.owner)
    except refusals.Refusal:
        raise
    except SQLAlchemyError as error:
        state.owner_outage.add(error)
        raise refusals.TemporarilyUnavailable from None
    except Exception:
        log.exception("the owner of token %s cannot be asked", current.id)
        return None


def check_policy(state: State, policy: Policy, found: TokenRow) -> None:
    """Check that the token of a row satisfies *policy*.

    :raises refusals.Refusal: if it does not.
    """
    if found.kind not in policy.kinds:
        raise refusals.WrongKind
    if policy.service is not ANY_SERVICE and found.service != policy.service:
        raise refusals.WrongService(scope=sorted(policy.scopes))
    if policy.scopes and not policy.scopes.issubset(found.scopes or ()):
        raise refusals.InsufficientScope(scope=sorted(policy.scopes))
    if found.service is None:
        return
    service = state.catalog.services.get(found.service)
    active = found.subscription_active
    if active is None and service is not None:
        active = found.userless or service.default_active
    switched_off = found.service_active is not None and not found.service_active
    if service is None or not active or switched_off:
        raise refusals.ServiceInactive
    services_for = state.callbacks.services_for
    if services_for is not None and found.service not in services_for(found.account_id):
        raise refusals.ServiceInactive


def _check_bcrypt(state: State, candidate: Candidate) -> None:
    current, found = candidate.current, candidate.current.found
    try:
        genuine = state.verifier.verify(
            current.id, candidate.token.ascii, stored=found.secret_hash
        )
    except QueueFull:
        raise refusals.TemporarilyUnavailable from None
    if not genuine:
        raise refusals.InvalidToken
    if crypto_tokens.rounds_of(found.secret_hash) < state.settings.bcrypt_rounds:
        from .rehash import schedule_rehash  # only after the host raised the cost

        schedule_rehash(state, current, candidate.token)
