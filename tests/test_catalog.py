"""Services and scopes as a host declares them."""

from __future__ import annotations

from typing import Any

import pytest

from flask_apitokens import ANY_SERVICE
from flask_apitokens import APITokens
from flask_apitokens import Scope
from flask_apitokens import Service
from flask_apitokens.catalog import Catalog
from flask_apitokens.catalog import declare
from flask_apitokens.errors import ConfigurationError


def test_service_has_the_declared_attributes() -> None:
    service = declare(
        "tmy",
        "TMY data",
        description="Typical years.",
        scopes={"read": "Download", "jobs:write": "Start jobs"},
        docs_url="https://docs.example/tmy",
        default_active=True,
    )
    assert service == Service(
        "tmy",
        "TMY data",
        description="Typical years.",
        scopes={
            "read": Scope("read", "Download"),
            "jobs:write": Scope("jobs:write", "Start jobs"),
        },
        docs_url="https://docs.example/tmy",
        default_active=True,
    )
    assert list(service.scopes) == ["read", "jobs:write"]


@pytest.mark.parametrize("slug", ["a", "a-b_c9", "a" * 64])
def test_valid_slug_is_accepted(slug: str) -> None:
    assert declare(slug, "A").slug == slug


@pytest.mark.parametrize(
    "slug", ["", "9a", "A", "a b", "é", "a/b", "a\n", "a" * 65, "-a", "a.b"]
)
def test_invalid_slug_is_refused(slug: str) -> None:
    with pytest.raises(ConfigurationError, match="is not a service slug: use"):
        declare(slug, "A")


@pytest.mark.parametrize(
    "scope", ["", "a b", "a,b", 'a"', "a\\", "é", "a\n", "\0", "a" * 65]
)
def test_invalid_scope_is_refused(scope: str) -> None:
    with pytest.raises(ConfigurationError, match="is not a scope: use"):
        declare("a", "A", scopes={scope: "x"})


def test_declared_service_is_read_only() -> None:
    scopes = {"read": "Download"}
    service: Any = declare("tmy", "TMY", scopes=scopes)
    scopes["write"] = "Upload"
    assert list(service.scopes) == ["read"]
    with pytest.raises(TypeError):
        service.scopes["write"] = Scope("write")


def test_services_keep_their_order_and_refuse_a_duplicate() -> None:
    apitokens = APITokens()
    assert not apitokens.catalog
    for slug in ("zeta", "alpha", "mid"):
        apitokens.service(slug, slug.title())
    with pytest.raises(ConfigurationError, match="'alpha' is declared already"):
        apitokens.service("alpha", "Another")
    assert list(apitokens.catalog.services) == ["zeta", "alpha", "mid"]
    assert apitokens.catalog.services["alpha"].name == "Alpha"


def test_undeclared_service_is_shown_by_its_slug() -> None:
    catalog = Catalog({"tmy": declare("tmy", "TMY data")})
    assert catalog.label("tmy") == "TMY data"
    assert catalog.label("gone") == "gone"
    assert catalog.label(None) == ""


def test_any_service_is_printed_by_its_name() -> None:
    assert repr(ANY_SERVICE) == "ANY_SERVICE"
