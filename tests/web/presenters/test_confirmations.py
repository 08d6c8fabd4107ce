"""What the questions say about one token, several tokens and none."""

from __future__ import annotations

from datetime import UTC
from datetime import datetime

import pytest
from flask import Flask

from flask_apitokens.domain.users import Member
from flask_apitokens.web.presenters import access_confirmations


@pytest.mark.parametrize(
    ("tokens", "expected"),
    [(0, ""), (1, "It is paused, not deleted"), (2, "They are paused, not deleted")],
)
def test_what_is_paused_is_named_in_the_right_number(
    app: Flask, tokens: int, expected: str
) -> None:
    now = datetime(2026, 11, 21, tzinfo=UTC)
    losing = [("Ada", Member(None, True, tokens, None))]
    with app.test_request_context():
        service = access_confirmations.service_off_question(
            "S", tokens, action="", back=""
        )
        users = access_confirmations.users_off_question(
            losing, action="", back="", hidden=(), now=now
        )
    for question in (service, users):
        assert question.text[: len(expected) or None] == expected


@pytest.mark.parametrize(
    ("is_told", "expected"),
    [(True, "Ada gets a message that"), (False, "Ada sees on the page of API tokens")],
)
def test_message_about_a_declined_request_is_promised_only_if_it_is_sent(
    app: Flask, expected: str, *, is_told: bool
) -> None:
    with app.test_request_context():
        question = access_confirmations.decline_question(
            "Ada", "S", action="", back="", is_told=is_told
        )
    assert question.text.startswith(expected)
