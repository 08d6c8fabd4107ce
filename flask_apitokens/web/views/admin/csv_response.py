"""What administrators take away as a file, written as it is read."""

from __future__ import annotations

from collections.abc import Iterator

from flask import Response

from flask_apitokens.core import csv_export
from flask_apitokens.domain import token_list
from flask_apitokens.web import csv_response
from flask_apitokens.web.presenters import token_csv
from flask_apitokens.web.query_args import asked_query
from flask_apitokens.web.scopes.admin_tokens import AllTokens


def tokens(visit: AllTokens) -> Response:
    """The tokens that search and filters find."""
    return csv_response.attached(visit.ctx, "tokens", _token_lines(visit))


def _token_lines(visit: AllTokens) -> Iterator[str]:
    ctx = visit.ctx
    header: tuple[str, ...] = token_csv.TOKEN_HEADER
    found = token_list.batches(
        ctx, visit.tokens(), asked_query(), account_id=visit.account
    )
    for tokens in found:
        rows = zip(tokens, visit.rows(tokens), strict=True)
        cells = [token_csv.token_cells(token, row) for token, row in rows]
        # No transaction is open while a slow reader takes its time.
        ctx.session.rollback()
        yield csv_export.lines(cells, header)
        header = ()
    if header:
        yield csv_export.lines([], header)
