"""What a token must be like: its name, its service, its scopes, its end."""

from __future__ import annotations

import unicodedata
from dataclasses import replace
from datetime import UTC
from datetime import datetime
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flask_apitokens.core.context import Context
from flask_apitokens.domain import validation
from flask_apitokens.errors import InvalidExpiry
from flask_apitokens.errors import InvalidName
from flask_apitokens.errors import InvalidScopes
from flask_apitokens.errors import ServiceUnavailable
from tests import bearing
from tests.conftest import MakeApp

NOW = datetime(2026, 5, 4, 3, 2, 1, tzinfo=UTC)


@pytest.fixture
def ctx(ctx: Context) -> Context:
    """Return the context at a known moment."""
    return replace(ctx, now=lambda: NOW)


# -- names --------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "stored"),
    [
        ("My token", "My token"),
        ("  My token\t", "My token"),
        ("x" * 80, "x" * 80),
        ("\U0001f511" * 80, "\U0001f511" * 80),
        # composed, as every form of it is the same name
        ("Cafe\u0301", "Café"),
        ("e\u0301" * 80, "é" * 80),
        ("Schlüssel für Zoë", "Schlüssel für Zoë"),
        ("\u0645\u0641\u062a\u0627\u062d", "\u0645\u0641\u062a\u0627\u062d"),
        ("a\u202eb", "a\u202eb"),
        ("👩\u200d👩\u200d👧", "👩\u200d👩\u200d👧"),
        ("<img src=x onerror=alert(1)>", "<img src=x onerror=alert(1)>"),
        ("{{7*7}}", "{{7*7}}"),
        ("'; drop table user; --", "'; drop table user; --"),
        ("%_\\/", "%_\\/"),
        ("null", "null"),
        ("\u00a0x\u00a0", "x"),
    ],
)
def test_valid_name_is_accepted(name: str, stored: str) -> None:
    """DBS-09, DBS-10."""
    assert validation.clean_name(name) == stored


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("", "Enter a name."),
        ("   ", "Enter a name."),
        ("\t\r\n", "Enter a name."),
        ("\u00a0\u2003", "Enter a name."),
        ("\u200b", "Enter a name."),
        ("\u202e\u202d \u200f", "Enter a name."),
        ("\ufeff", "Enter a name."),
        ("\u3164 \u2800", "Enter a name."),
        ("\ufe0f", "Enter a name."),
        ("\u034f\u180b \U000e0100", "Enter a name."),
        ("half \ufffd lost", "Use letters, digits, signs and spaces only."),
        ("x" * 81, "Use 80 characters or fewer."),
        ("x" * 10_000, "Use 80 characters or fewer."),
        ("\U0001f511" * 81, "Use 80 characters or fewer."),
        ("a\0b", "Use letters, digits, signs and spaces only."),
        ("a\nb", "Use letters, digits, signs and spaces only."),
        ("a\x1bb", "Use letters, digits, signs and spaces only."),
        ("a\x7fb", "Use letters, digits, signs and spaces only."),
        ("a\x9fb", "Use letters, digits, signs and spaces only."),
        ("a\ud800b", "Use letters, digits, signs and spaces only."),
        ("\udcff", "Use letters, digits, signs and spaces only."),
        ("a\u2028b", "Use letters, digits, signs and spaces only."),
        ("a\u2029b", "Use letters, digits, signs and spaces only."),
    ],
)
def test_invalid_name_is_refused(name: str, sentence: str) -> None:
    """DBS-09."""
    with pytest.raises(InvalidName) as error:
        validation.clean_name(name)
    assert str(error.value) == sentence


@given(st.text(st.characters(codec=None), max_size=120))
def test_arbitrary_name_is_accepted_or_refused_with_a_message(typed: str) -> None:
    try:
        name = validation.clean_name(typed)
    except InvalidName:
        return
    assert 0 < len(name) <= 80
    assert name == unicodedata.normalize("NFC", name)
    assert validation.clean_name(name) == name
    name.encode("utf-8")


# -- services and scopes ------------------------------------------------------


def test_service_must_be_declared_and_usable_by_the_owner(
    ctx: Context, user: Any
) -> None:
    """AUZ-08."""
    assert validation.checked_service(ctx, user, None, account_id="") is None
    assert validation.checked_service(ctx, user, "", account_id="") is None
    for slug in ("tmy", "gone", "TMY", "\0", "' or 1"):
        with pytest.raises(ServiceUnavailable):
            validation.checked_service(ctx, user, slug, account_id="")
    assert validation.checked_service(ctx, None, "tmy", account_id="") == "tmy"
    with pytest.raises(ServiceUnavailable):
        validation.checked_service(ctx, None, "gone", account_id="")


def test_scopes_are_kept_in_the_order_of_the_service(ctx: Context) -> None:
    checked = validation.checked_scopes
    assert checked(ctx, "timeseries", ["write", "read"]) == ("read", "write")
    assert checked(ctx, "timeseries", ["write", "write"]) == ("write",)
    assert checked(ctx, None, []) == ()


@pytest.mark.parametrize(
    ("service", "scopes", "sentence"),
    [
        ("timeseries", [], "Choose at least one kind of access."),
        ("timeseries", ["admin"], "Choose only scopes of the service."),
        ("timeseries", ["read", "admin"], "Choose only scopes of the service."),
        ("timeseries", [""], "Choose only scopes of the service."),
        ("timeseries", ["read write"], "Choose only scopes of the service."),
        (None, ["read"], "A token without a service has no scopes."),
    ],
)
def test_invalid_scopes_are_refused(
    ctx: Context, service: str | None, scopes: list[str], sentence: str
) -> None:
    with pytest.raises(InvalidScopes, match=f"^{sentence}$"):
        validation.checked_scopes(ctx, service, scopes)


# -- the end ------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "after", "sentence"),
    [
        ("api", None, None),
        ("api", timedelta(microseconds=1), None),
        ("api", timedelta(days=36_500), None),
        ("access", timedelta(days=1), None),
        ("access", None, "Access tokens need an expiry date."),
        ("api", timedelta(0), "Choose a date after today."),
        ("api", -timedelta(days=1), "Choose a date after today."),
        ("access", -timedelta(days=36_500), "Choose a date after today."),
        ("api", validation.LATEST - NOW, None),
        ("api", datetime.max.replace(tzinfo=UTC) - NOW, "Choose an earlier date."),
    ],
)
def test_expiry_of_each_kind_is_accepted_or_refused(
    ctx: Context, kind: str, after: timedelta | None, sentence: str | None
) -> None:
    ends = None if after is None else NOW + after
    if sentence is None:
        validation.check_expiry(ctx, kind, ends)
        return
    with pytest.raises(InvalidExpiry) as error:
        validation.check_expiry(ctx, kind, ends)
    assert str(error.value) == sentence


@pytest.mark.parametrize(
    ("longest", "days", "sentence"),
    [
        (30, 30, None),
        (30, 31, None),
        (30, 31.01, "Choose a date within 30 days."),
        (30, None, "Choose a date within 30 days."),
        (1, None, "Choose a date within 1 day."),
        (365, 400, "Choose a date within 1 year."),
        (730, None, "Choose a date within 2 years."),
    ],
)
def test_longest_lifetime_is_enforced_with_one_day_of_tolerance(
    longest: int, days: float | None, sentence: str | None, make_app: MakeApp
) -> None:
    app = make_app(APITOKENS_EXPIRY_MAX=longest)
    ends = None if days is None else NOW + timedelta(days=days)
    with app.app_context():
        ctx = replace(bearing.context_of(app), now=lambda: NOW)
        if sentence is None:
            validation.check_expiry(ctx, "api", ends)
            return
        with pytest.raises(InvalidExpiry) as error:
            validation.check_expiry(ctx, "api", ends)
    assert str(error.value) == sentence


def test_expiry_without_time_zone_is_refused(ctx: Context) -> None:
    """DBS-07."""
    with pytest.raises(ValueError, match="naive datetime"):
        validation.check_expiry(ctx, "api", datetime(2031, 1, 1))
