"""Recorded calls for scripts: plain values, and lines of a CSV file."""

from __future__ import annotations

from collections.abc import Iterable
from collections.abc import Mapping
from typing import Any

from flask_apitokens.core import csv_export
from flask_apitokens.core.utc import rfc3339
from flask_apitokens.db.models import FAILED
from flask_apitokens.db.models import REJECTED
from flask_apitokens.db.models import SUCCEEDED

#: the results as addresses and the command line name them
RESULTS = {"succeeded": SUCCEEDED, "rejected": REJECTED, "failed": FAILED}
#: the columns of an export
FILE_HEADER = (
    *("time", "method", "path", "rule", "status", "result", "code", "duration_ms"),
    *("token_id", "token_name", "owner_id", "owner", "service", "ip", "user_agent"),
)


def facts_of(row: Any, owners: Mapping[str, str]) -> dict[str, Any]:
    """Return a call as plain values by the names of :data:`FILE_HEADER`.

    :param owners: the labels of the users by the primary key as text.
    """
    values = (
        rfc3339(row.at, "microseconds"),
        *(row.method, row.path, row.rule, row.status, list(RESULTS)[row.result]),
        *(row.code, row.duration, row.token_id, row.token_name),
        *(row.owner_key or None, owners.get(row.owner_key)),
        *(row.service or None, row.ip, row.user_agent),
    )
    return dict(zip(FILE_HEADER, values, strict=True))


def csv_lines(rows: Iterable[Any], owners: Mapping[str, str], *, header: bool) -> str:
    """Return calls as lines of a CSV file.

    :param rows: with the attributes of :data:`.queries.COLUMNS`.
    :param header: whether the names of the columns come first.
    """
    cells = (facts_of(row, owners).values() for row in rows)
    return csv_export.lines(cells, FILE_HEADER if header else ())
