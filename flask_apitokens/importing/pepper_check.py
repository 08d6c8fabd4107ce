"""Find the peppers that imported tokens need and the configuration lacks."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import Connection
from sqlalchemy import Select
from sqlalchemy import func
from sqlalchemy import or_
from sqlalchemy import select

from flask_apitokens.config import Settings
from flask_apitokens.db.mapping import Models


def _needed(models: Models, now: datetime) -> Select[Any]:
    row, token = models.Import, models.Token
    columns: tuple[Any, ...] = (row.pepper, func.count())
    return (
        select(*columns)
        .join(token, token.id == row.token_id)
        .where(
            token.revoked_at.is_(None),
            or_(token.expires_at.is_(None), token.expires_at > now),
        )
        .group_by(row.pepper)
        .order_by(row.pepper)
    )


def needed(connection: Any, models: Models, *, now: datetime) -> dict[str, int]:
    """Return the ids of peppers and how many live tokens need each.

    :param connection: a Core connection or a session.
    """
    rows = connection.execute(_needed(models, now))
    return {row[0]: int(row[1]) for row in rows}


def missing(settings: Settings, tokens: Mapping[str, int]) -> dict[str, int]:
    """Return those of :func:`needed` that ``APITOKENS_PEPPERS`` does not have."""
    there = {pepper.id for pepper in settings.peppers}
    return {name: number for name, number in tokens.items() if name not in there}


def complaint(lacking: Mapping[str, int]) -> str:
    """Return a message about :func:`missing`: ids, numbers, and what to do."""
    each = ", ".join(
        f"{name} ({number} {'token' if number == 1 else 'tokens'})"
        for name, number in lacking.items()
    )
    return (
        f"APITOKENS_PEPPERS lacks a pepper that imported tokens need: {each}. They are "
        "refused until you add it again, behind the newest one"
    )


def complain(
    connection: Connection, models: Models, settings: Settings, *, now: datetime
) -> str:
    """Return the :func:`complaint` about missing peppers; empty without one."""
    lacking = missing(settings, needed(connection, models, now=now))
    return complaint(lacking) if lacking else ""
