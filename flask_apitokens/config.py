"""Every ``APITOKENS_*`` setting: its default, what it means and what it may be."""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable
from collections.abc import Mapping
from dataclasses import dataclass
from dataclasses import field
from dataclasses import fields
from types import MappingProxyType
from typing import TYPE_CHECKING
from typing import Any

from .crypto.places import checked_headers
from .crypto.places import checked_schemes
from .errors import ConfigurationError

if TYPE_CHECKING:
    from flask_apitokens.crypto.peppers import Pepper

PREFIX = "APITOKENS_"
#: the kinds of token: "api" may live for ever, "access" must expire
KINDS = ("api", "access")
#: the blocks of our pages, in the order the host's layout is asked for them
BLOCKS = ("title", "styles", "content", "scripts")

Check = Callable[[Any], Any]


def _matching(pattern: str, allowed: str) -> Check:
    compiled = re.compile(pattern)

    def check(value: Any) -> str:
        if not isinstance(value, str) or not compiled.fullmatch(value):
            raise ValueError(allowed)
        return value

    return check


def _one_of(*allowed: str) -> Check:
    def check(value: Any) -> str:
        if value not in allowed:
            raise ValueError("one of " + ", ".join(allowed))
        return str(value)

    return check


def _whole(low: int, high: int, *, or_none: bool = False) -> Check:
    allowed = f"a whole number from {low} to {high}" + (" or None" if or_none else "")

    def check(value: Any) -> int | None:
        if value is None and or_none:
            return None
        whole = isinstance(value, int) and not isinstance(value, bool)
        if not whole or not low <= value <= high:
            raise ValueError(allowed)
        return int(value)

    return check


def _seconds(low: float, high: float) -> Check:
    def check(value: Any) -> float:
        number = isinstance(value, int | float) and not isinstance(value, bool)
        if not number or not low <= value <= high:
            raise ValueError(f"a number of seconds from {low:g} to {high:g}")
        return float(value)

    return check


def _flag(value: Any) -> bool:
    if not isinstance(value, bool):
        raise ValueError("True or False")
    return value


def _some_of(*allowed: str) -> Check:
    def check(value: Any) -> tuple[str, ...]:
        listed = isinstance(value, tuple | list) and value
        if not listed or any(word not in allowed for word in value):
            raise ValueError("one or more of " + ", ".join(allowed) + ", as a tuple")
        return tuple(dict.fromkeys(value))

    return check


def _days(value: Any) -> tuple[int, ...]:
    listed = isinstance(value, tuple | list)
    if not listed or any(type(day) is not int or not 1 <= day <= 3660 for day in value):
        raise ValueError("a tuple of whole numbers of days from 1 to 3660")
    return tuple(sorted(set(value)))


def _days_before(value: Any) -> tuple[int, ...]:
    return _days(value)[::-1]


def _graces(value: Any) -> tuple[int, ...]:
    listed = isinstance(value, tuple | list) and value
    if not listed or any(type(day) is not int or not 0 <= day <= 90 for day in value):
        raise ValueError("one or more whole numbers of days from 0 to 90, as a tuple")
    return tuple(sorted(set(value)))


def _template(value: Any) -> str | None:
    if value is not None and (not isinstance(value, str) or not value.strip()):
        raise ValueError("the name of a template of yours, or None for the built-in")
    return value


def _blocks(value: Any) -> Mapping[str, str]:
    names = isinstance(value, Mapping) and all(
        ours in BLOCKS and isinstance(theirs, str) and theirs.isidentifier()
        for ours, theirs in value.items()
    )
    if not names or "content" not in value:
        raise ValueError(
            "a dict from our blocks (" + ", ".join(BLOCKS) + "; at least content) "
            "to the names of the blocks in your template"
        )
    return MappingProxyType(dict(value))


def _host(value: Any) -> str | None:
    if value is not None and not (
        isinstance(value, str) and re.fullmatch(r"[A-Za-z0-9.-]+(:\d+)?", value)
    ):
        raise ValueError('a host name such as "www.example.com", a subdomain, or None')
    return value


_url_prefix = _matching(
    r"(/[A-Za-z0-9._~-]+)+", 'a path such as "/account/api-tokens", without a last /'
)


def _setting(default: Any, check: Check) -> Any:
    return field(default_factory=lambda: default, metadata={"check": check})


def _secret_setting(default: Any, check: Check) -> Any:
    """As :func:`_setting`; no error shows the value."""
    metadata = {"check": check, "secret": True}
    return field(default_factory=lambda: default, metadata=metadata)


def _peppers(value: Any) -> tuple[Pepper, ...]:
    from flask_apitokens.crypto.peppers import (
        peppers_of,  # for hosts that imported tokens alone
    )

    return peppers_of(value)


@dataclass(frozen=True)
class Settings:
    """The settings of one application, checked once at ``init_app``.

    A field is the setting ``APITOKENS_<FIELD>`` in lower case.
    """

    #: The first word of every token, so that scanners find leaked tokens. After a
    #: change, tokens with the former brand are refused.
    brand: str = _setting(
        "apt", _matching(r"[a-z][a-z0-9]{1,15}", "2 to 16 of a-z and 0-9, letter first")
    )
    #: The protection space named in `WWW-Authenticate` (RFC 9110, section 11.5).
    realm: str = _setting(
        "api",
        _matching(
            r"[\x20\x21\x23-\x5b\x5d-\x7e]{1,64}",
            '1 to 64 printable ASCII characters other than " and \\',
        ),
    )
    #: The schemes of `Authorization` that carry a token: some of "Bearer", "Token",
    #: "Api-Key" and "Basic". The first is the one that examples show.
    schemes: tuple[str, ...] = _setting(("Bearer",), checked_schemes)
    #: Other headers that carry a token, such as "X-API-Key".
    headers: tuple[str, ...] = _setting((), checked_headers)
    #: Whether there are pages. False leaves out those of users and of administrators,
    #: for an application that only guards calls. Without Flask-Login there are none.
    pages: bool = _setting(True, _flag)
    #: The host name of the pages and endpoints in an application with `host_matching`,
    #: with its port if it has one. With `subdomain_matching` it is their subdomain.
    #: None: any host name, and no subdomain.
    host: str | None = _setting(None, _host)
    #: Where the users' pages are.
    url_prefix: str = _setting("/account/api-tokens", _url_prefix)
    #: Where the administrators' pages are.
    admin_url_prefix: str = _setting("/admin/api", _url_prefix)
    #: Where scripts log in with an access token, and ask about tokens.
    endpoint_url_prefix: str = _setting("/api-tokens", _url_prefix)
    #: The layout of the application, which the pages extend. None: the built-in one.
    base_template: str | None = _setting(None, _template)
    #: The blocks of the pages, and what the layout of the application calls them.
    blocks: Mapping[str, str] = _setting(
        MappingProxyType({name: name for name in BLOCKS}), _blocks
    )
    #: Which htmx the pages use: "auto" takes that of the page, otherwise ours;
    #: "bundled" always ours; "host" always that of the page; "off" none.
    htmx: str = _setting("auto", _one_of("auto", "bundled", "host", "off"))
    #: How many live tokens a user may hold. 1 is single-token mode. None: no limit.
    max_per_owner: int | None = _setting(None, _whole(1, 10_000, or_none=True))
    #: The kinds of token that can be generated: "api" tokens are sent with each call,
    #: "access" tokens are exchanged for short sessions.
    kinds: tuple[str, ...] = _setting(KINDS, _some_of(*KINDS))
    #: How many seconds a session lasts that an access token is exchanged for.
    session_seconds: int = _setting(900, _whole(1, 86_400))
    #: The numbers of days that the dialog offers as the life of a token.
    expiry_presets: tuple[int, ...] = _setting((7, 30, 90, 365), _days)
    #: The number of days preselected in the dialog. None preselects "Never", and for
    #: access tokens 90 days, or the longest that is offered below it.
    expiry_default: int | None = _setting(None, _whole(1, 3660, or_none=True))
    #: The longest life of a new token, in days; existing tokens keep theirs. None:
    #: tokens may never expire.
    expiry_max: int | None = _setting(None, _whole(1, 3660, or_none=True))
    #: The numbers of days offered during which a rotated token works beside its
    #: successor. 0 stops it at once.
    rotation_grace: tuple[int, ...] = _setting((0, 1, 7), _graces)
    #: The numbers of days before its end at which the owner of a token is told, by
    #: `flask apitokens notices send`.
    expiry_notice_days: tuple[int, ...] = _setting((30, 7, 1), _days_before)
    #: How many days before its end a token is marked "Expires soon".
    expiring_days: int = _setting(7, _whole(1, 90))
    #: After how many days without a call administrators see a token as unused.
    unused_days: int = _setting(90, _whole(1, 3660))
    #: How many days the audit log keeps an event. None: without end.
    audit_retention_days: int | None = _setting(None, _whole(1, 36_600, or_none=True))
    #: Whether users generate their own tokens. False: only administrators do.
    self_service: bool = _setting(True, _flag)
    #: Whether a token ends when its owner's email address changes.
    bind_to_email: bool = _setting(False, _flag)
    #: Whether generating requires a fresh log-in, as Flask-Login defines it.
    fresh_login: bool = _setting(False, _flag)
    #: Whether tokens can be limited to networks.
    allowed_networks: bool = _setting(True, _flag)
    #: The cost of bcrypt for generated tokens. After a raise, each token is hashed
    #: again at its next use.
    bcrypt_rounds: int = _setting(10, _whole(4, 16))
    #: The cost of bcrypt for imported tokens.
    import_bcrypt_rounds: int = _setting(12, _whole(4, 16))
    #: The secrets that imported tokens are hashed under, each as "id:secret", the
    #: newest first. Without one no token can be imported.
    peppers: tuple[Pepper, ...] = _secret_setting((), _peppers)
    #: Where the guard looks tokens up: on a connection of its own, or on that of the
    #: session, for tests that keep everything in one transaction.
    lookup: str = _setting("engine", _one_of("engine", "session"))
    #: How calls are recorded: in the background, before the answer, or not at all.
    usage: str = _setting("buffered", _one_of("buffered", "sync", "off"))
    #: The seconds between two writes. A killed process loses at most these.
    usage_flush_seconds: float = _setting(1.0, _seconds(0.05, 60))
    #: How many calls a process keeps in memory while the database is away. Then the
    #: oldest are dropped.
    usage_buffer_rows: int = _setting(10_000, _whole(100, 1_000_000))
    #: How many days the usage history keeps and shows a call.
    usage_retention_days: int = _setting(7, _whole(1, 400))

    @classmethod
    def from_mapping(cls, config: Mapping[str, Any]) -> Settings:
        """Read and check the settings in a Flask configuration.

        :param config: usually ``app.config``; keys of others are passed over.
        :raises ConfigurationError: naming the key, its value and what is allowed.
        """
        known = {PREFIX + item.name.upper(): item for item in fields(cls)}
        values: dict[str, Any] = {}
        for key, value in config.items():
            if not key.startswith(PREFIX):
                continue
            if key not in known:
                raise ConfigurationError(_unknown(key, known))
            item = known[key]
            try:
                values[item.name] = item.metadata["check"](value)
            except ValueError as allowed:
                secret = item.metadata.get("secret", False)
                shown = "cannot be used" if secret else f"is {value!r}"
                raise ConfigurationError(
                    f"{key} {shown}; allowed is {allowed}"
                ) from None
        settings = cls(**values)
        settings._agree()
        settings._keep_apart(config.get("SECRET_KEY"))
        return settings

    def _agree(self) -> None:
        """Check what only two settings together can get wrong."""
        if not self.schemes and not self.headers:
            raise ConfigurationError(
                "APITOKENS_SCHEMES is (); allowed is an empty tuple only if "
                "APITOKENS_HEADERS has a header"
            )
        longest = self.expiry_max
        if longest and self.expiry_default and self.expiry_default > longest:
            raise ConfigurationError(
                f"APITOKENS_EXPIRY_DEFAULT is {self.expiry_default!r}; allowed is at "
                f"most APITOKENS_EXPIRY_MAX, {longest}"
            )
        if self.endpoint_url_prefix in {self.url_prefix, self.admin_url_prefix}:
            raise ConfigurationError(
                f"APITOKENS_ENDPOINT_URL_PREFIX is {self.endpoint_url_prefix!r}; "
                "allowed is a path at which no pages stand"
            )

    def _keep_apart(self, secret_key: Any) -> None:
        """Refuse the application's key as a pepper: it has to be free to change."""
        key = secret_key.encode() if isinstance(secret_key, str) else secret_key
        for pepper in self.peppers:
            if pepper.secret == key:
                raise ConfigurationError(
                    f"APITOKENS_PEPPERS has SECRET_KEY as the secret of {pepper.id}; "
                    "allowed is a secret of its own"
                )


def _unknown(key: str, known: Mapping[str, Any]) -> str:
    names = [name.removeprefix(PREFIX) for name in known]
    near = difflib.get_close_matches(key.removeprefix(PREFIX).upper(), names, n=1)
    hint = f"; did you mean {PREFIX}{near[0]}?" if near else ""
    return f"{key} is not a setting of flask_apitokens{hint}"
