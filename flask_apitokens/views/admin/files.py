"""What administrators take away as a file, written as it is read."""

from __future__ import annotations

from collections.abc import Iterator

from flask import Response

from flask_apitokens import listing
from flask_apitokens import sheets
from flask_apitokens.views import files
from flask_apitokens.views.admin.tokens import AllTokens
from flask_apitokens.views.visit import asked_query


def tokens(visit: AllTokens) -> Response:
    """The tokens that search and filters find."""
    return files.attached(visit.domain, "tokens", _token_lines(visit))


def _token_lines(visit: AllTokens) -> Iterator[str]:
    domain = visit.domain
    header: tuple[str, ...] = sheets.TOKEN_HEADER
    found = listing.batches(
        domain, visit.tokens(), asked_query(), account_id=visit.account
    )
    for tokens in found:
        rows = zip(tokens, visit.rows(tokens), strict=True)
        cells = [sheets.token_cells(token, row) for token, row in rows]
        # No transaction is open while a slow reader takes its time.
        domain.session.rollback()
        yield sheets.lines(cells, header)
        header = ()
    if header:
        yield sheets.lines([], header)
