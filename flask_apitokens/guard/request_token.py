"""Authenticate the token that a request carries."""

from __future__ import annotations

import logging

from flask import Request

from flask_apitokens import refusals
from flask_apitokens.core import networks
from flask_apitokens.state import State

from .authenticate import authenticate
from .authenticate import check_policy
from .current_token import CurrentToken
from .header import is_in_query
from .header import presented
from .policy import Policy

log = logging.getLogger("flask_apitokens")


def authenticate_request(
    state: State, policy: Policy, request: Request, *, known: CurrentToken | None
) -> CurrentToken | None:
    """Return the token of *request* if it satisfies *policy*.

    :param known: the token that another guard of this request accepted already.
    :returns: None if *policy* is optional and the request has no token.
    :raises refusals.Refusal: if the request is not accepted.
    """
    text = presented(policy, request)
    if known is not None:
        check_policy(state, policy, known.found)
        return known
    if text is None:
        if policy.optional:
            return None
        raise refusals.MissingToken
    in_query = is_in_query(policy, request)
    current = authenticate(state, policy, text, in_query=in_query)
    if current.found.networks:
        _check_network(current, request)
    return current


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
