"""Settings: what they default to, what they may be, and what a wrong one says."""

from __future__ import annotations

from dataclasses import FrozenInstanceError
from dataclasses import fields
from typing import Any

import pytest
from flask import Flask

from flask_apitokens import Settings
from flask_apitokens.errors import ConfigurationError
from tests.conftest import MakeApp


def test_defaults_match_the_contract() -> None:
    settings = Settings.from_mapping({})
    assert settings.brand == "apt"
    assert settings.url_prefix == "/account/api-tokens"
    assert settings.htmx == "auto"
    assert settings.max_per_owner is None
    assert settings.kinds == ("api", "access")
    assert settings.expiry_presets == (7, 30, 90, 365)
    assert settings.expiry_default is None
    assert settings.expiry_max is None
    assert settings.bcrypt_rounds == 10
    assert settings.usage == "buffered"
    assert settings.usage_flush_seconds == 1
    assert settings.usage_buffer_rows == 10_000
    assert settings.lookup == "engine"
    assert settings.endpoint_url_prefix == "/api-tokens"
    assert settings.session_seconds == 900
    assert (settings.self_service, settings.allowed_networks) == (True, True)
    assert (settings.bind_to_email, settings.fresh_login) == (False, False)


def test_every_default_passes_its_own_validation() -> None:
    defaults = Settings()
    again = Settings.from_mapping(
        {
            f"APITOKENS_{item.name.upper()}": getattr(defaults, item.name)
            for item in fields(Settings)
        }
    )
    assert again == defaults


@pytest.mark.parametrize(
    ("key", "value", "stored"),
    [
        ("BRAND", "a9", "a9"),
        ("BRAND", "a" * 16, "a" * 16),
        ("URL_PREFIX", "/x", "/x"),
        ("URL_PREFIX", "/a-b/c_d/e.f~", "/a-b/c_d/e.f~"),
        ("KINDS", ["access"], ("access",)),
        ("KINDS", ("api", "api"), ("api",)),
        ("EXPIRY_PRESETS", [30, 7, 30], (7, 30)),
        ("EXPIRY_PRESETS", (), ()),
        ("EXPIRY_MAX", 3660, 3660),
        ("MAX_PER_OWNER", 1, 1),
        ("BCRYPT_ROUNDS", 4, 4),
        ("USAGE_FLUSH_SECONDS", 1, 1.0),
        ("BLOCKS", {"content": "main"}, {"content": "main"}),
        ("BASE_TEMPLATE", "base.html", "base.html"),
        ("BASE_TEMPLATE", None, None),
        ("LOOKUP", "session", "session"),
        ("ENDPOINT_URL_PREFIX", "/auth", "/auth"),
        ("SESSION_SECONDS", 86_400, 86_400),
        ("SELF_SERVICE", False, False),
        ("BIND_TO_EMAIL", True, True),
        ("FRESH_LOGIN", True, True),
        ("ALLOWED_NETWORKS", False, False),
        ("REALM", "The API", "The API"),
    ],
)
def test_allowed_value_is_accepted(key: str, value: Any, stored: Any) -> None:
    settings = Settings.from_mapping({f"APITOKENS_{key}": value})
    assert getattr(settings, key.lower()) == stored


@pytest.mark.parametrize(
    ("key", "value", "allowed"),
    [
        ("BRAND", "a", "2 to 16 of a-z and 0-9"),
        ("ENDPOINT_URL_PREFIX", "auth", "without a last /"),
        ("ENDPOINT_URL_PREFIX", "/account/api-tokens", "at which no pages stand"),
        ("ENDPOINT_URL_PREFIX", "/admin/api", "at which no pages stand"),
        ("SESSION_SECONDS", 0, "from 1 to 86400"),
        ("SESSION_SECONDS", None, "from 1 to 86400"),
        ("SELF_SERVICE", 0, "True or False"),
        ("BIND_TO_EMAIL", "yes", "True or False"),
        ("FRESH_LOGIN", None, "True or False"),
        ("ALLOWED_NETWORKS", ["10.0.0.0/8"], "True or False"),
        ("BRAND", "a" * 17, "2 to 16 of a-z and 0-9"),
        ("BRAND", "Apt", "a-z"),
        ("BRAND", "9ab", "letter first"),
        ("BRAND", "ap_t", "a-z"),
        ("BRAND", "apt\n", "a-z"),
        ("BRAND", None, "a-z"),
        ("BRAND", 7, "a-z"),
        ("URL_PREFIX", "account", "/account/api-tokens"),
        ("URL_PREFIX", "/account/", "without a last /"),
        ("URL_PREFIX", "/", "without a last /"),
        ("URL_PREFIX", "", "/account/api-tokens"),
        ("URL_PREFIX", "/<int:x>", "/account/api-tokens"),
        ("BASE_TEMPLATE", " ", "name of a template"),
        ("BLOCKS", {}, "at least content"),
        ("BLOCKS", {"content": "a b"}, "at least content"),
        ("BLOCKS", {"content": "main", "footer": "x"}, "title, styles, content"),
        ("BLOCKS", "content", "a dict"),
        ("HTMX", "yes", "auto, bundled, host, off"),
        ("HTMX", ["auto"], "auto, bundled, host, off"),
        ("MAX_PER_OWNER", 0, "1 to 10000 or None"),
        ("MAX_PER_OWNER", "1", "a whole number"),
        ("MAX_PER_OWNER", True, "a whole number"),
        ("MAX_PER_OWNER", 1.0, "a whole number"),
        ("KINDS", (), "api, access"),
        ("KINDS", "api", "as a tuple"),
        ("KINDS", ("api", "session"), "api, access"),
        ("KINDS", ([],), "api, access"),
        ("EXPIRY_PRESETS", (0,), "1 to 3660"),
        ("EXPIRY_PRESETS", (True,), "whole numbers"),
        ("EXPIRY_PRESETS", 7, "a tuple"),
        ("EXPIRY_DEFAULT", -1, "1 to 3660"),
        ("EXPIRY_MAX", 10**9, "1 to 3660"),
        ("BCRYPT_ROUNDS", 3, "4 to 16"),
        ("BCRYPT_ROUNDS", 31, "4 to 16"),
        ("BCRYPT_ROUNDS", None, "a whole number"),
        ("LOOKUP", "db", "engine, session"),
        ("USAGE", True, "buffered, sync, off"),
        ("USAGE_FLUSH_SECONDS", float("nan"), "0.05 to 60"),
        ("USAGE_FLUSH_SECONDS", float("inf"), "0.05 to 60"),
        ("USAGE_FLUSH_SECONDS", "1", "seconds"),
        ("USAGE_BUFFER_ROWS", 99, "100 to 1000000"),
        ("REALM", 'a"\n', "printable ASCII"),
        ("REALM", "", "printable ASCII"),
        ("REALM", "é", "printable ASCII"),
        ("REALM", 'The "API"', 'other than " and \\'),
        ("REALM", "DOMAIN\\api", 'other than " and \\'),
    ],
)
def test_refused_value_is_named_with_the_allowed_ones(
    key: str, value: Any, allowed: str
) -> None:
    with pytest.raises(ConfigurationError) as error:
        Settings.from_mapping({f"APITOKENS_{key}": value})
    message = str(error.value)
    assert message.startswith(f"APITOKENS_{key} is {value!r}; allowed is ")
    assert allowed in message


@pytest.mark.parametrize(
    ("wrong", "right"),
    [
        ("APITOKENS_MAX_PER_USER", "APITOKENS_MAX_PER_OWNER"),
        ("APITOKENS_BRNAD", "APITOKENS_BRAND"),
        ("APITOKENS_PREFIX_URL", "APITOKENS_URL_PREFIX"),
        ("APITOKENS_BCRYPT_ROUND", "APITOKENS_BCRYPT_ROUNDS"),
        ("APITOKENS_brand", "APITOKENS_BRAND"),
    ],
)
def test_unknown_setting_is_refused_with_the_closest_name(
    wrong: str, right: str
) -> None:
    with pytest.raises(ConfigurationError) as error:
        Settings.from_mapping({wrong: 1})
    assert f"{wrong} is not a setting of flask_apitokens" in str(error.value)
    assert f"did you mean {right}?" in str(error.value)


def test_unknown_setting_without_similar_name_is_refused_without_suggestion() -> None:
    with pytest.raises(ConfigurationError, match="is not a setting") as error:
        Settings.from_mapping({"APITOKENS_": 1})
    assert "None" not in str(error.value)


def test_settings_of_other_extensions_are_ignored() -> None:
    others = {"APITOKEN_BRAND": 1, "SECRET_KEY": b"", "MY_APITOKENS_BRAND": 2}
    assert Settings.from_mapping(others) == Settings()


def test_preset_beyond_the_longest_lifetime_names_both_settings() -> None:
    with pytest.raises(ConfigurationError) as error:
        Settings.from_mapping(
            {"APITOKENS_EXPIRY_DEFAULT": 91, "APITOKENS_EXPIRY_MAX": 90}
        )
    assert "APITOKENS_EXPIRY_DEFAULT is 91" in str(error.value)
    assert "APITOKENS_EXPIRY_MAX, 90" in str(error.value)
    equal = {"APITOKENS_EXPIRY_DEFAULT": 90, "APITOKENS_EXPIRY_MAX": 90}
    assert Settings.from_mapping(equal).expiry_default == 90


def test_settings_are_read_from_the_environment(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for key, value in {
        "MAX_PER_OWNER": "1",
        "BRAND": "solar",
        "EXPIRY_PRESETS": "[1, 2]",
        "EXPIRY_MAX": "null",
        "KINDS": '["api"]',
        "BLOCKS": '{"content": "body"}',
        "USAGE_FLUSH_SECONDS": "0.5",
    }.items():
        monkeypatch.setenv(f"FLASK_APITOKENS_{key}", value)
    app = Flask("tests.host")
    app.config.from_prefixed_env()
    settings = Settings.from_mapping(app.config)
    assert settings.max_per_owner == 1
    assert settings.brand == "solar"
    assert settings.expiry_presets == (1, 2)
    assert settings.kinds == ("api",)
    assert settings.blocks["content"] == "body"
    assert settings.usage_flush_seconds == 0.5


def test_settings_are_read_only() -> None:
    blocks = {"content": "main"}
    settings = Settings.from_mapping({"APITOKENS_BLOCKS": blocks})
    blocks["content"] = "other"
    assert settings.blocks == {"content": "main"}
    with pytest.raises(FrozenInstanceError):
        settings.brand = "other"  # type: ignore[misc]
    with pytest.raises(TypeError):
        settings.blocks["title"] = "x"  # type: ignore[index]


def test_application_with_an_invalid_setting_does_not_start(make_app: MakeApp) -> None:
    with pytest.raises(ConfigurationError, match="APITOKENS_HTMX is 'htmx'"):
        make_app(APITOKENS_HTMX="htmx")
