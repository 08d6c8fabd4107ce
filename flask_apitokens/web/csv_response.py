"""CSV files that are sent while their rows are still read."""

from __future__ import annotations

from collections.abc import Iterable
from collections.abc import Iterator
from collections.abc import Sequence
from datetime import UTC
from itertools import chain
from typing import Any

from flask import Response
from flask import stream_with_context

from flask_apitokens.core import csv_export
from flask_apitokens.core.context import Context


def stream_csv(
    ctx: Context,
    stem: str,
    header: Sequence[str],
    *,
    batches: Iterable[Iterable[Iterable[Any]]],
) -> Response:
    """Answer with a CSV file and send each batch of rows as soon as it is read.

    :param stem: the file name, to which the day and ``.csv`` are added.
    :param header: the names of the columns.
    :param batches: the cells of the rows, read from the database batch by batch.
    """
    lines = _lines(ctx, header, batches)
    # Once the headers are sent, an error can only break the connection off. The first
    # batch is therefore read now, while an error page is still possible.
    lines = chain([next(lines)], lines)
    name = f"{stem}-{ctx.now().astimezone(UTC):%Y-%m-%d}.csv"
    return Response(
        stream_with_context(lines),
        content_type="text/csv; charset=utf-8",
        headers={
            "Content-Disposition": f'attachment; filename="{name}"',
            "Cache-Control": "no-store",
        },
    )


def _lines(
    ctx: Context, header: Sequence[str], batches: Iterable[Iterable[Iterable[Any]]]
) -> Iterator[str]:
    """Yield the text of each batch; the header alone if there is no batch."""
    for cells in batches:
        text = csv_export.lines(cells, header)
        header = ()
        # A slow client may take minutes over a batch. An open transaction would hold
        # its connection and, on PostgreSQL, keep dead rows from being cleaned up.
        ctx.session.rollback()
        yield text
    if header:
        yield csv_export.lines([], header)
