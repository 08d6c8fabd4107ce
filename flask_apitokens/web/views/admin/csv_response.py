"""What administrators take away as a file, written as it is read."""

from __future__ import annotations

from collections.abc import Iterator

from flask import Response

from flask_apitokens.core import csv_export
from flask_apitokens.domain import token_list
from flask_apitokens.web import csv_response
from flask_apitokens.web.presenters import token_csv
from flask_apitokens.web.query_args import asked_query
from flask_apitokens.web.scopes.token_scope import TokenScope


def tokens(scope: TokenScope) -> Response:
    """The tokens that search and filters find."""
    return csv_response.attached(scope.ctx, "tokens", _token_lines(scope))


def _token_lines(scope: TokenScope) -> Iterator[str]:
    ctx = scope.ctx
    header: tuple[str, ...] = token_csv.TOKEN_HEADER
    found = token_list.batches(
        ctx, scope.tokens, asked_query(), account_id=scope.account_id
    )
    for tokens in found:
        rows = zip(tokens, scope.rows(tokens), strict=True)
        cells = [token_csv.token_cells(token, row) for token, row in rows]
        # No transaction is open while a slow reader takes its time.
        ctx.session.rollback()
        yield csv_export.lines(cells, header)
        header = ()
    if header:
        yield csv_export.lines([], header)
