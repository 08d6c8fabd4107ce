"""The names of schemes and headers that may carry a token."""

from __future__ import annotations

from typing import Any

import pytest

from flask_apitokens import Settings
from flask_apitokens.crypto.places import places_of
from flask_apitokens.errors import ConfigurationError

#: what proxies, servers, browsers and this plugin read another meaning in
TAKEN = (
    *("Authorization", "authorization", "Proxy-Authorization", "Cookie", "Set-Cookie"),
    *("Host", "HOST", "Content-Type", "Content-Length", "Accept", "Accept-Language"),
    *("User-Agent", "Referer", "Origin", "X-Forwarded-For", "Forwarded", "X-Real-IP"),
    *("Connection", "Transfer-Encoding", "Upgrade", "TE", "Expect", "Range", "Via"),
    *("If-Match", "Sec-Fetch-Site", "HX-Request", "X-Requested-With", "X-CSRFToken"),
    *("Cache-Control", "Vary", "WWW-Authenticate", "Retry-After", "Apitokens-Expires"),
    *("RateLimit", "Access-Control-Allow-Origin", "X-Request-ID", "Idempotency-Key"),
)


@pytest.mark.parametrize(
    ("key", "value", "stored"),
    [
        ("SCHEMES", ("Bearer",), ("Bearer",)),
        ("SCHEMES", ["Basic", "Bearer"], ("Basic", "Bearer")),
        ("SCHEMES", ("token", "API-KEY"), ("Token", "Api-Key")),
        ("HEADERS", (), ()),
        ("HEADERS", ["X-API-Key"], ("X-API-Key",)),
        (
            "HEADERS",
            ("Private-Token", "x-auth"),
            ("Private-Token", "x-auth"),
        ),
        ("HEADERS", ("Hostname", "X-Host", "Token"), ("Hostname", "X-Host", "Token")),
    ],
)
def test_usable_names_are_accepted(key: str, value: Any, stored: Any) -> None:
    settings = Settings.from_mapping({f"APITOKENS_{key}": value})
    assert getattr(settings, key.lower()) == stored


@pytest.mark.parametrize(
    ("key", "value", "allowed"),
    [
        *(("HEADERS", (name,), "another meaning") for name in TAKEN),
        ("HEADERS", ("X-API-Key", "x-api-key"), "each once"),
        ("HEADERS", "X-API-Key", "as a tuple"),
        ("HEADERS", None, "as a tuple"),
        ("HEADERS", (7,), "as a tuple"),
        ("HEADERS", 7, "as a tuple"),
        ("HEADERS", ("X_API_Key",), "letters, digits and hyphens"),
        ("HEADERS", ("X API Key",), "letters, digits and hyphens"),
        ("HEADERS", ("X-Kéy",), "letters, digits and hyphens"),
        ("HEADERS", ("X-Key\n",), "letters, digits and hyphens"),
        ("HEADERS", ("",), "letters, digits and hyphens"),
        ("HEADERS", ("X" * 65,), "letters, digits and hyphens"),
        ("HEADERS", tuple(f"X-{n}" for n in range(11)), "letters, digits and hyphens"),
        ("SCHEMES", ("Bearer", "bearer"), "each once"),
        ("SCHEMES", ("Digest",), "Bearer, Token, Api-Key, Basic"),
        ("SCHEMES", ("ApiKey",), "Bearer, Token, Api-Key, Basic"),
        ("SCHEMES", "Bearer", "as a tuple"),
        ("SCHEMES", None, "as a tuple"),
        ("SCHEMES", (None,), "as a tuple"),
        ("SCHEMES", (), "APITOKENS_HEADERS"),
    ],
)
def test_unusable_name_is_refused_with_what_is_allowed(
    key: str, value: Any, allowed: str
) -> None:
    with pytest.raises(ConfigurationError) as error:
        Settings.from_mapping({f"APITOKENS_{key}": value})
    message = str(error.value)
    assert message.startswith(f"APITOKENS_{key} is {value!r}; allowed is ")
    assert allowed in message


def test_schemes_may_be_empty_beside_a_header() -> None:
    config = {"APITOKENS_SCHEMES": (), "APITOKENS_HEADERS": ("X-API-Key",)}
    assert Settings.from_mapping(config).schemes == ()


@pytest.mark.parametrize(
    ("schemes", "headers", "sent"),
    [
        (("Bearer", "Token"), ("X-API-Key",), {"Authorization": "Bearer t"}),
        (("Token",), (), {"Authorization": "Token t"}),
        (("Api-Key", "Basic"), (), {"Authorization": "Api-Key t"}),
        (("Basic", "Bearer"), (), {"Authorization": "Basic X190b2tlbl9fOnQ="}),
        ((), ("X-API-Key", "X-Other"), {"X-API-Key": "t"}),
    ],
)
def test_token_is_sent_in_the_first_place(
    schemes: tuple[str, ...], headers: tuple[str, ...], sent: dict[str, str]
) -> None:
    assert places_of(schemes, headers).headers_for("t") == sent


def test_no_scheme_claims_anything() -> None:
    places = places_of((), ("X-API-Key",))
    assert places.claim.match("") is None
    assert places.vary == "X-API-Key"
    assert places.keys == ("HTTP_X_API_KEY",)
