"""Services and scopes as the host declares them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from dataclasses import field
from types import MappingProxyType

from .errors import ConfigurationError

_SLUG = re.compile(r"[a-z][a-z0-9_-]{0,63}")
#: RFC 6749 section 3.3 without the comma, which separates scopes in files and commands
_SCOPE = re.compile(r"[\x21\x23-\x2b\x2d-\x5b\x5d-\x7e]{1,64}")
_ADDRESS = re.compile(r"https?://|/(?!/)")
#: a token with this scope may ask the endpoint introspect about any token
INTROSPECT = "apitokens:introspect"
#: the prefix of the scopes that have a meaning for the plugin itself
_OWN = "apitokens:"


class AnyService:
    """The type of :data:`ANY_SERVICE`, its only instance."""

    def __repr__(self) -> str:
        return "ANY_SERVICE"


#: ``token_required(service=ANY_SERVICE)``: a token passes whatever service it has.
ANY_SERVICE = AnyService()


@dataclass(frozen=True)
class Scope:
    """A right of a token inside a service.

    :param name: its name in tokens, guards and answers (RFC 6749 section 3.3).
    :param description: one line for the user who selects it.
    """

    name: str
    description: str = ""

    def __post_init__(self) -> None:
        if not _SCOPE.fullmatch(self.name):
            raise ConfigurationError(
                f"{self.name!r} is not a scope: use 1 to 64 printable ASCII characters "
                'without space, comma, " or \\'
            )


@dataclass(frozen=True)
class Service:
    """An API product of the host.

    :param slug: its name in tokens, guards and the command line.
    :param name: its name on pages.
    :param description: one or two sentences for the service's page.
    :param scopes: scope names and their descriptions; none means the service knows
        no scopes.
    :param docs_url: the address of its documentation.
    :param default_active: whether users may use it without a subscription.
    """

    slug: str
    name: str
    description: str = ""
    scopes: Mapping[str, Scope] = field(default_factory=dict)
    docs_url: str | None = None
    default_active: bool = False

    def __post_init__(self) -> None:
        if not _SLUG.fullmatch(self.slug):
            raise ConfigurationError(
                f"{self.slug!r} is not a service slug: use a lower-case letter, then "
                "up to 63 of a-z, 0-9, - and _"
            )
        if self.docs_url and not _ADDRESS.match(self.docs_url):
            raise ConfigurationError(
                f"{self.docs_url!r} is not an address of documentation: use https://…, "
                "http://… or a path of yours"
            )
        self._check_own_scopes()
        object.__setattr__(self, "scopes", MappingProxyType(dict(self.scopes)))

    def _check_own_scopes(self) -> None:
        """Check the plugin's own scopes, which give rights over tokens of others."""
        own = [scope for scope in self.scopes if scope.startswith(_OWN)]
        if any(scope != INTROSPECT for scope in own):
            raise ConfigurationError(
                f"the service {self.slug!r} has a scope {_OWN}…: the only one there is "
                f"is {INTROSPECT}"
            )
        if own and self.default_active:
            raise ConfigurationError(
                f"the service {self.slug!r} has the scope {INTROSPECT}, which is not "
                "for everybody: leave out default_active"
            )


@dataclass(frozen=True)
class Catalog:
    """All services of one application, in the order of their declaration."""

    services: Mapping[str, Service] = field(default_factory=dict)

    def __bool__(self) -> bool:
        return bool(self.services)

    def label(self, slug: str | None) -> str:
        """Return the service's name; the slug itself if it is not declared any more."""
        if slug is None:
            return ""
        service = self.services.get(slug)
        return service.name if service else slug


def declare(
    slug: str,
    name: str,
    *,
    description: str = "",
    scopes: Mapping[str, str] | None = None,
    docs_url: str | None = None,
    default_active: bool = False,
) -> Service:
    """Build a :class:`Service` from plain values.

    :raises ConfigurationError: if the slug or a scope has characters it must not have.
    """
    return Service(
        slug,
        name,
        description=description,
        scopes={word: Scope(word, text) for word, text in (scopes or {}).items()},
        docs_url=docs_url,
        default_active=default_active,
    )
