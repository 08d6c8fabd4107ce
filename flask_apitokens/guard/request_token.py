"""Authenticate the token that a request carries."""

from __future__ import annotations

import logging

from flask import Request

from flask_apitokens import refusals
from flask_apitokens.core import networks
from flask_apitokens.crypto.places import Places
from flask_apitokens.crypto.plaintext import Plaintext
from flask_apitokens.state import State

from .authenticate import authenticate
from .authenticate import check_policy
from .current_token import CurrentToken
from .header import presented
from .policy import Policy

log = logging.getLogger("flask_apitokens")


def authenticate_request(
    state: State,
    policy: Policy,
    request: Request,
    *,
    places: Places,
    known: CurrentToken | None,
) -> CurrentToken | None:
    """Return the token of *request* if it satisfies *policy*.

    :param places: where *policy* looks for a token in this application.
    :param known: the token that another guard of this request accepted already.
    :returns: None if *policy* is optional and the request has no token.
    :raises refusals.Refusal: if the request is not accepted.
    """
    sent = presented(places, policy, request=request)
    if known is not None:
        check_policy(state, policy, known.found)
        return known
    if sent is None:
        if policy.optional:
            return None
        raise _missing(places)
    if sent.halves:
        current = _authenticate_basic(state, policy, halves=sent.halves)
    else:
        current = authenticate(state, policy, sent, in_query=sent.in_query)
    if current.found.networks:
        _check_network(current, request)
    return current


def _missing(places: Places) -> refusals.MissingToken:
    if places.is_usual:
        return refusals.MissingToken()
    return refusals.MissingToken(f"This address needs an API token {places.example}.")


def _authenticate_basic(
    state: State, policy: Policy, *, halves: tuple[Plaintext, ...]
) -> CurrentToken:
    """Return the token that one of the halves of Basic is.

    Credentials without a token in them are wrong, but not malformed: the client, such
    as git, asks its user for others.
    """
    from .basic import tokens_in

    refusal = refusals.InvalidToken()
    for text in tokens_in(state, halves):
        try:
            return authenticate(state, policy, text)
        except refusals.InvalidToken as invalid:
            refusal = invalid
    raise refusal


def texts_in(state: State, policy: Policy, request: Request) -> list[Plaintext]:
    """Return the text that *request* sends as its token; two if it may be either.

    :raises MalformedRequest: if it sends two tokens, or none that can be read.
    """
    sent = presented(policy.places(state.places), policy, request=request)
    if sent is None or not sent.halves:
        return [] if sent is None else [sent]
    from .basic import tokens_in

    return tokens_in(state, sent.halves)


def _check_network(current: CurrentToken, request: Request) -> None:
    address = request.environ.get("REMOTE_ADDR")
    try:
        allowed = networks.contain(current.found.networks or (), address)
    except ValueError:
        log.error("the networks of token %s are stored damaged", current.id)
        allowed = False
    if allowed:
        return
    if networks.client(address) is None:
        log.warning(
            "token %s is limited to networks, and REMOTE_ADDR is no address: %.80r",
            current.id,
            address,
        )
    refusal = refusals.NetworkNotAllowed()
    refusal.token_id, refusal.token = current.id, current
    raise refusal
