"""Shared by the endpoints: the form, the row and owner of a token, error responses."""

from __future__ import annotations

from flask import json
from flask import request
from flask.typing import ResponseReturnValue
from flask.wrappers import Response
from sqlalchemy.exc import SQLAlchemyError
from werkzeug.exceptions import HTTPException

from flask_apitokens.crypto import session_tokens
from flask_apitokens.crypto import tokens
from flask_apitokens.crypto.foreign_digests import canonical
from flask_apitokens.crypto.plaintext import Plaintext
from flask_apitokens.db.models import Token
from flask_apitokens.errors import InvalidToken
from flask_apitokens.errors import MalformedRequest
from flask_apitokens.errors import Refusal
from flask_apitokens.errors import TemporarilyUnavailable
from flask_apitokens.guard import answers
from flask_apitokens.guard.current_token import CurrentToken
from flask_apitokens.state import current_apitokens


def token_from_form() -> Plaintext:
    """Return the form field ``token`` (RFC 7009 section 2.1, RFC 7662 section 2.1).

    :raises MalformedRequest: if the field is missing, empty or sent more than once, or
        has a character that no token has.
    """
    sent = [Plaintext(text).trimmed() for text in request.form.getlist("token")]
    if len(sent) != 1 or not sent[0].reveal():
        raise MalformedRequest("Send one token, as the form field named token.")
    # Such a text is not an unknown token but a mistake, such as a whole header. Told
    # that it was revoked, the caller would believe that a leaked token is harmless.
    if canonical(sent[0].reveal()) is None or _holds_token(sent[0]):
        raise MalformedRequest("The field named token has what no token has.")
    return sent[0]


def _holds_token(text: Plaintext) -> bool:
    """Return whether *text* is more than the whole token of ours that is in it."""
    brand = current_apitokens.settings.brand
    around = tokens.without_plaintexts(brand, text.reveal()) != text.reveal()
    return around and not (
        tokens.has_form(brand, text.ascii) or session_tokens.id_in(brand, text.reveal())
    )


def token_row(token_id: str) -> Token:
    """Return the row of an authenticated token: the guard does not read every column.

    :raises InvalidToken: if the token was deleted since.
    """
    state = current_apitokens
    row = state.db.session.get(state.models.Token, token_id)
    if row is None:
        raise InvalidToken
    return row


def owner_label(token: CurrentToken) -> str | None:
    """Return the label of a token's owner; None for a userless token."""
    owner = token.owner
    return None if owner is None else current_apitokens.context().user_label(owner)


def problem_response(error: HTTPException) -> ResponseReturnValue:
    """Return an HTTP error as problem details (RFC 9457), like the guard's refusals."""
    if isinstance(error, Refusal):
        return answers.refused(error)
    if error.response is not None:
        return error.get_response()
    body = {
        "type": "about:blank",
        "title": error.name,
        "status": error.code,
        "detail": error.description,
    }
    response = Response(
        f"{json.dumps(body)}\n", error.code, content_type="application/problem+json"
    )
    for name, value in error.get_headers():
        response.headers.setdefault(name, value)
    return response


def database_error_response(error: SQLAlchemyError) -> ResponseReturnValue:
    """Return a 503 while the database is down or busy."""
    current_apitokens.page_outage.add(error, with_traceback=True)
    current_apitokens.db.session.rollback()
    return answers.refused(TemporarilyUnavailable())
