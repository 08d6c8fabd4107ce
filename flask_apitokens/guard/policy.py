"""The requirements of a route: which tokens pass its guard."""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from flask_apitokens.catalog import ANY_SERVICE
from flask_apitokens.catalog import AnyService
from flask_apitokens.crypto.places import Places
from flask_apitokens.crypto.places import checked_headers
from flask_apitokens.crypto.places import checked_schemes
from flask_apitokens.crypto.places import places_of
from flask_apitokens.errors import ConfigurationError

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
    :param schemes: the schemes of ``Authorization`` that carry a token; None for those
        of the application.
    :param headers: other headers that carry one; None for those of the application.
    """

    service: str | AnyService | None = None
    scopes: frozenset[str] = frozenset()
    kinds: frozenset[str] = frozenset({"api", "session"})
    query_parameter: str | None = None
    optional: bool = False
    schemes: tuple[str, ...] | None = None
    headers: tuple[str, ...] | None = None

    @classmethod
    def of(
        cls,
        *,
        service: str | AnyService | None,
        scopes: str | Iterable[str],
        kinds: Iterable[str],
        query_parameter: str | None,
        optional: bool,
        schemes: str | Iterable[str] | None,
        headers: str | Iterable[str] | None,
    ) -> Policy:
        """Build a policy from the arguments of :func:`token_required`.

        :raises ConfigurationError: if a scheme or a header cannot carry a token.
        """
        wanted = scopes.split() if isinstance(scopes, str) else scopes
        chosen = [kinds] if isinstance(kinds, str) else kinds
        if schemes is not None and not schemes and not headers:
            raise ConfigurationError(
                f"schemes of a guard is {schemes!r}; allowed is an empty tuple only if "
                "its headers has a header"
            )
        return cls(
            service=service,
            scopes=frozenset(wanted),
            kinds=frozenset(chosen),
            query_parameter=query_parameter,
            optional=optional,
            schemes=_checked("schemes", schemes, check=checked_schemes),
            headers=_checked("headers", headers, check=checked_headers),
        )

    def places(self, default: Places) -> Places:
        """Return the places where the route looks for a token.

        There may be none, if the names of a route do not fit those of the application.

        :param default: those of the application.
        """
        schemes, headers = self.schemes, self.headers
        if schemes is None and headers is None:
            return default
        return places_of(
            default.schemes if schemes is None else schemes,
            default.headers if headers is None else headers,
        )


def _checked(
    argument: str,
    value: str | Iterable[str] | None,
    *,
    check: Callable[[Any], tuple[str, ...]],
) -> tuple[str, ...] | None:
    if value is None:
        return None
    try:
        return check((value,) if isinstance(value, str) else value)
    except ValueError as allowed:
        raise ConfigurationError(
            f"{argument} of a guard is {value!r}; allowed is {allowed}"
        ) from None


#: passes every token that works at all
ANYTHING = Policy(service=ANY_SERVICE, kinds=KINDS)
