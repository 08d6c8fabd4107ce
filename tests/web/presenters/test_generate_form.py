"""The choices of the generate form, and the expiry that they give."""

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
    """The part of a context that the form uses."""

    def __init__(self, **settings: Any) -> None:
        config = {f"APITOKENS_{key.upper()}": value for key, value in settings.items()}
        self.settings = Settings.from_mapping(config)

    def now(self) -> datetime:
        return NOW


def ctx(**settings: Any) -> Any:
    """Return a context at NOW."""
    return _Domain(**settings)


def entered(**fields: str) -> GenerateInput:
    """Return what a user entered."""
    filled = {"kind": "api", "name": "x", "service": "", "expiry": "", **fields}
    return GenerateInput(scopes=(), **{"expiry_date": "", **filled})


def words(around: Any) -> list[str]:
    """Return the expiry choices that the form offers."""
    view = presented(around, first_input(around, []), [])
    return [option.value for option in view.expiries[0].options]


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
        ({"kinds": ("access",)}, ["7", "30", "90", "365", "custom"], "90"),
    ],
)
def test_form_offers_the_expiries_of_the_settings(
    settings: dict[str, Any], offered: list[str], chosen: str
) -> None:
    around = ctx(**settings)
    assert words(around) == offered
    assert first_input(around, []).expiry == chosen


def test_expiry_preset_names_its_last_day() -> None:
    view = presented(ctx(), first_input(ctx(), []), [])
    texts = {option.value: option.text for option in view.expiries[0].options}
    assert texts["7"] == (
        "Stops working on 28 Nov 2026. You will see a warning 1 day before."
    )
    assert texts["90"] == (
        "Stops working on 19 Feb 2027. You will see a warning 7 days before."
    )
    assert texts["never"] == "Works until it is revoked or deleted."
    assert texts["custom"] == ""


@pytest.mark.parametrize(
    ("settings", "chosen"),
    [
        ({}, "90"),
        ({"expiry_default": 30}, "30"),
        ({"expiry_presets": (7, 60, 365)}, "60"),
        ({"expiry_presets": (365, 180)}, "180"),
        ({"expiry_max": 20}, "7"),
        ({"expiry_presets": ()}, "custom"),
    ],
)
def test_access_token_starts_with_a_preset_and_is_not_offered_never(
    settings: dict[str, Any], chosen: str
) -> None:
    around = ctx(**settings)
    for kind in ("api", "access"):
        view = presented(around, entered(kind=kind, expiry="never"), [])
        api, access = view.expiries
        assert (api.kind, api.name) == ("api", "expiry")
        assert (access.kind, access.name) == ("access", "access_expiry")
        assert api.id != access.id
        assert access.selected == chosen
        assert "never" not in [option.value for option in access.options]


def test_date_field_has_the_allowed_range() -> None:
    around = ctx(expiry_max=365)
    view = presented(around, first_input(around, []), [])
    assert (view.first_day, view.last_day) == ("2026-11-22", "2027-11-21")
    assert presented(ctx(), first_input(ctx(), []), []).last_day == ""


def test_form_offers_the_kinds_of_the_settings() -> None:
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
def test_expiry_choice_gives_the_moment(
    expiry: str, date: str, expected: datetime | None
) -> None:
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
def test_expiry_choice_that_is_invalid_is_refused(expiry: str, date: str) -> None:
    with pytest.raises(InvalidExpiry, match="Choose a date after today."):
        expiry_of(ctx(), entered(expiry=expiry, expiry_date=date))


@pytest.mark.parametrize("expiry", ["", "custom", "31"])
def test_missing_expiry_of_an_access_token_is_named(expiry: str) -> None:
    with pytest.raises(InvalidExpiry, match="Access tokens need an expiry date."):
        expiry_of(ctx(), entered(expiry=expiry), kind="access")


def test_past_expiry_of_an_access_token_is_named() -> None:
    past = entered(expiry="custom", expiry_date="2020-01-01")
    with pytest.raises(InvalidExpiry, match="Choose a date after today."):
        expiry_of(ctx(), past, kind="access")


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
def test_expiry_outside_the_policy_is_refused(
    make_app: MakeApp,
    settings: dict[str, Any],
    fields: dict[str, str],
    message: str,
) -> None:

    app = make_app(services=False, **settings)
    ada = visitor(app, hosts.create_user(app, "ada@example.com"))
    response = ada.generate(**fields)
    assert response.status_code == 422
    assert text_of(response, "#at-expiry-e") == f"Error: {message}"


def test_expiry_on_the_last_allowed_day_is_accepted(make_app: MakeApp) -> None:

    app = make_app(services=False, APITOKENS_EXPIRY_MAX=30)
    ada = visitor(app, hosts.create_user(app, "ada@example.com"))
    last = (datetime.now(UTC) + timedelta(days=30)).date().isoformat()
    assert ada.generate(expiry="custom", expiry_date=last).status_code == 201
