"""Refusals and domain errors: what a script and what a person is told."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from werkzeug.exceptions import HTTPException

from flask_apitokens import errors
from flask_apitokens.errors import DomainError
from flask_apitokens.errors import Refusal

#: code, status, the error attribute of the challenge: CONTRACT 3
CONTRACT = {
    "missing_token": (401, None),
    "malformed_request": (400, "invalid_request"),
    "invalid_token": (401, "invalid_token"),
    "token_expired": (401, "invalid_token"),
    "token_revoked": (401, "invalid_token"),
    "token_deactivated": (401, "invalid_token"),
    "owner_inactive": (401, "invalid_token"),
    "owner_email_changed": (401, "invalid_token"),
    "wrong_kind": (403, "insufficient_scope"),
    "wrong_service": (403, "insufficient_scope"),
    "insufficient_scope": (403, "insufficient_scope"),
    "service_inactive": (403, "insufficient_scope"),
    "api_access_denied": (403, "insufficient_scope"),
    "network_not_allowed": (403, "insufficient_scope"),
    "temporarily_unavailable": (503, None),
}
#: one auth-param: RFC 9110 section 11.2 with the characters of RFC 6750 section 3
PARAMETER = re.compile(r'([a-z_]+)="([\x20\x21\x23-\x5b\x5d-\x7e]*)"(?:, |$)')


def family(root: type[Any]) -> Iterator[type[Any]]:
    """*root*'s subclasses, all the way down."""
    for cls in root.__subclasses__():
        yield cls
        yield from family(cls)


REFUSALS = [cls for cls in family(Refusal) if cls is not errors.Forbidden]


def parameters(challenge: str) -> dict[str, str]:
    """The parameters of a bearer challenge, every character of it accounted for."""
    assert challenge.startswith("Bearer ")
    rest = challenge.removeprefix("Bearer ")
    found = list(PARAMETER.finditer(rest))
    assert "".join(part[0] for part in found) == rest
    pairs = [(part[1], part[2]) for part in found]
    assert len(dict(pairs)) == len(pairs)
    return dict(pairs)


def test_every_refusal_has_the_status_of_the_contract() -> None:
    assert {cls.problem: (cls.code, cls.error) for cls in REFUSALS} == CONTRACT


@pytest.mark.parametrize("cls", REFUSALS)
def test_refusal_is_problem_details_with_its_challenge(cls: type[Refusal]) -> None:
    refusal = cls()
    refusal.realm = "The API"
    response = refusal.get_response()
    body = json.loads(response.get_data())
    assert response.get_data().endswith(b"}\n")
    assert response.status_code == body["status"] == cls.code
    assert response.content_type == "application/problem+json"
    assert response.headers["Cache-Control"] == "no-store"
    assert list(body) == ["type", "title", "status", "detail", "code", "instance"]
    assert body["type"] == f"urn:flask-apitokens:{cls.problem}"
    assert body["code"] == cls.problem
    assert body["title"]
    assert body["detail"].endswith(".")
    if cls.code == 503:
        assert int(response.headers["Retry-After"]) > 0
        assert "WWW-Authenticate" not in response.headers
        return
    assert "Retry-After" not in response.headers
    challenge = parameters(response.headers["WWW-Authenticate"])
    assert challenge["realm"] == "The API"
    assert challenge.get("error") == cls.error
    assert ("error_description" in challenge) == (cls.error is not None)


def test_every_refusal_has_its_own_instance() -> None:
    instances = {errors.InvalidToken().instance for _ in range(100)}
    assert len(instances) == 100
    assert all(name.startswith("urn:uuid:") for name in instances)


def test_challenge_lists_the_required_scopes() -> None:
    refusal = errors.InsufficientScope(scope=["read", "jobs:write"])
    assert parameters(refusal.challenge)["scope"] == "read jobs:write"
    assert "scope" not in parameters(errors.InsufficientScope().challenge)


@given(st.text())
def test_challenge_escapes_any_text(text: str) -> None:
    """HTTP-08."""
    refusal = errors.InsufficientScope(text or None, scope=[text])
    refusal.realm = text
    assert {"realm", "error", "error_description"} <= set(parameters(refusal.challenge))
    refusal.challenge.encode("ascii")


@pytest.mark.parametrize(
    ("error", "status", "field", "sentence"),
    [
        (errors.TokenNotFound(), 404, None, "This token no longer exists."),
        (errors.InvalidName("Enter a name."), 422, "name", "Enter a name."),
        (
            errors.NameTaken("50% %(x)s"),
            422,
            "name",
            "You already have a token called “50% %(x)s”. Choose another name.",
        ),
        (errors.InvalidKind(), 422, "kind", "Choose one of the kinds listed."),
        (
            errors.ServiceUnavailable(),
            422,
            "service",
            "There is no such service, or the owner may not use it.",
        ),
        (
            errors.LimitReached(10),
            409,
            None,
            "You already have 10 tokens, the most allowed. "
            "Revoke one you no longer need.",
        ),
        (
            errors.LimitReached(1),
            409,
            None,
            "You already have 1 token, the most allowed. "
            "Revoke one you no longer need.",
        ),
        (
            errors.AlreadyGenerated(),
            409,
            None,
            "This token was already generated and its value shown once. "
            "If you missed it, revoke it and generate a new one.",
        ),
        (errors.AccessDenied(), 403, None, "You are not allowed to do that."),
        (
            errors.Conflict(),
            409,
            None,
            "Someone else changed this. Reload to see the latest.",
        ),
    ],
    ids=lambda value: type(value).__name__,
)
def test_domain_error_message_names_the_remedy(
    error: DomainError, status: int, field: str | None, sentence: str
) -> None:
    assert isinstance(error, HTTPException)
    assert (error.code, error.status) == (status, status)
    assert error.field == field
    assert str(error) == error.message == sentence


def test_every_domain_error_has_its_own_reason() -> None:
    reasons = [cls.reason for cls in family(DomainError)]
    assert len(set(reasons)) == len(reasons)
    assert "invalid" not in reasons
