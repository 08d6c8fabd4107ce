"""What a route asks of a token."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from flask_apitokens.catalog import ANY_SERVICE
from flask_apitokens.catalog import AnyService

#: the kinds of token a route can take
KINDS = frozenset({"api", "access", "session"})


@dataclass(frozen=True)
class Policy:
    """What a route asks of a token."""

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
        """Read the arguments of :func:`token_required`."""
        wanted = scopes.split() if isinstance(scopes, str) else scopes
        chosen = [kinds] if isinstance(kinds, str) else kinds
        return cls(
            service, frozenset(wanted), frozenset(chosen), query_parameter, optional
        )


#: what any token that works at all is good for
ANYTHING = Policy(service=ANY_SERVICE, kinds=KINDS)
