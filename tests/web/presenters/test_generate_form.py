"""generating.py: what the form offers, and when the token would end."""

from __future__ import annotations

from datetime import UTC
from datetime import datetime
from datetime import timedelta
from typing import Any

import pytest

from flask_apitokens.config import Settings
from flask_apitokens.errors import InvalidExpiry
from flask_apitokens.web.presenters.expiry_choices import expiry_of
from flask_apitokens.web.presenters.generate_form import GenerateInput
from flask_apitokens.web.presenters.generate_form import first_input
from flask_apitokens.web.presenters.generate_form import presented
from tests import hosts
from tests.conftest import MakeApp
from tests.pages import text_of
from tests.pages import visitor

NOW = datetime(2026, 11, 21, 9, 14, tzinfo=UTC)


class _Domain:
    """What of a domain the form asks for."""

    def __init__(self, **settings: Any) -> None:
        config = {f"APITOKENS_{key.upper()}": value for key, value in settings.items()}
        self.settings = Settings.from_mapping(config)

    def now(self) -> datetime:
        return NOW


def ctx(**settings: Any) -> Any:
    """The surroundings of a form, at NOW."""
    return _Domain(**settings)


def entered(**fields: str) -> GenerateInput:
    """A form filled in."""
    filled = {"kind": "api", "name": "x", "service": "", "expiry": "", **fields}
    return GenerateInput(scopes=(), **{"expiry_date": "", **filled})


def words(around: Any) -> list[str]:
    """The choices of expiry."""
    view = presented(around, first_input(around, []), [])
    return [option.value for option in view.expiries]


@pytest.mark.parametrize(
    ("settings", "offered", "chosen"),
    [
        ({}, ["7", "30", "90", "365", "custom", "never"], "never"),
        ({"expiry_default": 30}, ["7", "30", "90", "365", "custom", "never"], "30"),
        (
            {"expiry_presets": (5,), "expiry_default": 9},
            ["5", "9", "custom", "never"],
            "9",
        ),
        ({"expiry_max": 60}, ["7", "30", "custom"], "7"),
        ({"expiry_max": 3}, ["custom"], "custom"),
        ({"expiry_presets": ()}, ["custom", "never"], "never"),
        ({"kinds": ("access",)}, ["7", "30", "90", "365", "custom"], "7"),
    ],
)
def test_what_is_offered(
    settings: dict[str, Any], offered: list[str], chosen: str
) -> None:
    around = ctx(**settings)
    assert words(around) == offered
    assert first_input(around, []).expiry == chosen


def test_each_preset_says_when_it_ends() -> None:
    view = presented(ctx(), first_input(ctx(), []), [])
    texts = {option.value: option.text for option in view.expiries}
    assert texts["7"] == (
        "Stops working on 28 Nov 2026. You will see a warning 1 day before."
    )
    assert texts["90"] == (
        "Stops working on 19 Feb 2027. You will see a warning 7 days before."
    )
    assert texts["never"] == texts["custom"] == ""


def test_the_date_field_knows_its_range() -> None:
    around = ctx(expiry_max=365)
    view = presented(around, first_input(around, []), [])
    assert (view.first_day, view.last_day) == ("2026-11-22", "2027-11-21")
    assert presented(ctx(), first_input(ctx(), []), []).last_day == ""


def test_kinds_are_those_of_the_settings() -> None:
    view = presented(ctx(kinds=("access",)), first_input(ctx(), []), [])
    assert [option.value for option in view.kinds] == ["access"]


@pytest.mark.parametrize(
    ("expiry", "date", "expected"),
    [
        ("never", "", None),
        ("30", "", NOW + timedelta(days=30)),
        ("custom", "2026-11-22", datetime(2026, 11, 22, 23, 59, 59, tzinfo=UTC)),
        ("custom", "9999-12-31", datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)),
    ],
)
def test_when_the_token_ends(expiry: str, date: str, expected: datetime | None) -> None:
    assert expiry_of(ctx(), entered(expiry=expiry, expiry_date=date)) == expected


@pytest.mark.parametrize(
    ("expiry", "date"),
    [
        ("custom", ""),
        ("custom", "2026-11-21"),
        ("custom", "2020-01-01"),
        ("custom", "21.11.2026"),
        ("custom", "\0"),
        ("31", ""),
        ("-30", ""),
        ("9" * 50, ""),
        ("", ""),
        ("", "2027-01-01"),
        ("nonsense", ""),
    ],
)
def test_what_is_no_end(expiry: str, date: str) -> None:
    with pytest.raises(InvalidExpiry, match="Choose a date after today."):
        expiry_of(ctx(), entered(expiry=expiry, expiry_date=date))


@pytest.mark.parametrize(
    ("settings", "fields", "message"),
    [
        (
            {},
            {"kind": "access", "expiry": "never"},
            "Access tokens need an expiry date.",
        ),
        (
            {"APITOKENS_EXPIRY_MAX": 365},
            {"expiry": "custom", "expiry_date": "2999-01-01"},
            "Choose a date within 1 year.",
        ),
        (
            {"APITOKENS_EXPIRY_MAX": 365},
            {"expiry": "never"},
            "Choose a date within 1 year.",
        ),
    ],
)
def test_ends_the_rules_refuse(
    make_app: MakeApp,
    settings: dict[str, Any],
    fields: dict[str, str],
    message: str,
) -> None:

    app = make_app(services=False, **settings)
    ada = visitor(app, hosts.create_user(app, "ada@example.com"))
    response = ada.generate(**fields)
    assert response.status_code == 422
    assert text_of(response, "#exp-e") == f"Error: {message}"


def test_a_date_on_the_last_day_allowed_is_accepted(make_app: MakeApp) -> None:

    app = make_app(services=False, APITOKENS_EXPIRY_MAX=30)
    ada = visitor(app, hosts.create_user(app, "ada@example.com"))
    last = (datetime.now(UTC) + timedelta(days=30)).date().isoformat()
    assert ada.generate(expiry="custom", expiry_date=last).status_code == 201
