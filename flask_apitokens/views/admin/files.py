"""What administrators take away as a file, written as it is read."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC
from itertools import chain

from flask import Response
from flask import stream_with_context

from flask_apitokens import listing
from flask_apitokens import sheets
from flask_apitokens.domain import Domain
from flask_apitokens.views.admin.tokens import AllTokens
from flask_apitokens.views.visit import asked_query


def attached(domain: Domain, stem: str, lines: Iterator[str]) -> Response:
    """A CSV file that is sent while *lines* are still made.

    :param stem: the name of the file before the day.
    :param lines: at least one piece of text.
    """
    # What fails at once fails as a page, not in the middle of a file.
    lines = chain([next(lines)], lines)
    name = f"{stem}-{domain.now().astimezone(UTC):%Y-%m-%d}.csv"
    return Response(
        stream_with_context(lines),
        content_type="text/csv; charset=utf-8",
        headers={
            "Content-Disposition": f'attachment; filename="{name}"',
            "Cache-Control": "no-store",
        },
    )


def tokens(visit: AllTokens) -> Response:
    """The tokens that search and filters find."""
    return attached(visit.domain, "tokens", _token_lines(visit))


def _token_lines(visit: AllTokens) -> Iterator[str]:
    domain = visit.domain
    header: tuple[str, ...] | None = sheets.TOKEN_HEADER
    found = listing.batches(
        domain, visit.tokens(), asked_query(), account_id=visit.account
    )
    for tokens in found:
        rows = zip(tokens, visit.rows(tokens), strict=True)
        cells = [sheets.token_cells(token, row) for token, row in rows]
        # No transaction is open while a slow reader takes its time.
        domain.session.rollback()
        yield sheets.lines(cells, header=header)
        header = None
    if header is not None:
        yield sheets.lines([], header=header)
