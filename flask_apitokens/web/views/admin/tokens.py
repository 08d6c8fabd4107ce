"""The file of all tokens of an account."""

from __future__ import annotations

from flask import Response

from flask_apitokens.domain import token_list
from flask_apitokens.web.csv_response import stream_csv
from flask_apitokens.web.presenters import token_csv
from flask_apitokens.web.query_args import asked_query
from flask_apitokens.web.scopes.token_scope import TokenScope


def export(scope: TokenScope) -> Response:
    """Answer with the tokens that search and filters find, as a CSV file."""
    found = token_list.batches(
        scope.ctx, scope.tokens, asked_query(), account_id=scope.account_id
    )
    batches = (
        map(token_csv.token_cells, tokens, scope.rows(tokens)) for tokens in found
    )
    return stream_csv(scope.ctx, "tokens", token_csv.TOKEN_HEADER, batches=batches)
