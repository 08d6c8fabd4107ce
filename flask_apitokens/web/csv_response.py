"""What people take away as a file, sent while it is still being read."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC
from itertools import chain

from flask import Response
from flask import stream_with_context

from flask_apitokens.core.context import Context


def attached(ctx: Context, stem: str, lines: Iterator[str]) -> Response:
    """A CSV file that is sent while *lines* are still made.

    :param stem: the name of the file before the day.
    :param lines: at least one piece of text.
    """
    # What fails at once fails as a page, not in the middle of a file.
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
