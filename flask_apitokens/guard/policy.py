"""The requirements of a route: which tokens pass its guard."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from flask_apitokens.catalog import ANY_SERVICE
from flask_apitokens.catalog import AnyService

#: the kinds of token that a route can accept
KINDS = frozenset({"api", "access", "session"})


@dataclass(frozen=True)
class Policy:
    """The requirements of a route.

    :param service: the slug that the token must be bound to; None for a token without
        a service.
    :param scopes: the scopes that the token must have, all of them.
    :param kinds: the kinds of token that pass.
    :param query_parameter: a query parameter that may carry the token as well.
    :param optional: whether a request without a token passes too.
    """

    service: str | AnyService | None = None
    scopes: frozenset[str] = frozenset()
    kinds: frozenset[str] = frozenset({"api", "session"})
    query_parameter: str | None = None
    optional: bool = False

    @classmethod
    def of(
        cls,
        *,
        service: str | AnyService | None,
        scopes: str | Iterable[str],
        kinds: Iterable[str],
        query_parameter: str | None,
        optional: bool,
    ) -> Policy:
        """Build a policy from the arguments of :func:`token_required`."""
        wanted = scopes.split() if isinstance(scopes, str) else scopes
        chosen = [kinds] if isinstance(kinds, str) else kinds
        return cls(
            service=service,
            scopes=frozenset(wanted),
            kinds=frozenset(chosen),
            query_parameter=query_parameter,
            optional=optional,
        )


#: passes every token that works at all
ANYTHING = Policy(service=ANY_SERVICE, kinds=KINDS)
