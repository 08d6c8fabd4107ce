"""Digests under a unique constraint: of a submitted form, and of a live token's name.

Of two requests that run at once, the database accepts one and refuses the other.
"""

from __future__ import annotations

import hashlib
from typing import Any

from sqlalchemy import select
from sqlalchemy import update

from flask_apitokens.core.context import Context


def form_digest(owner_id: Any, form_key: str | None) -> bytes | None:
    """Return the digest that the audit log keeps of a form.

    :param form_key: the hidden field that names the form; None if no form was sent.
    """
    return None if form_key is None else _digest("form", str(owner_id), form_key)


def is_form_used(ctx: Context, digest: bytes | None, *, lock: bool = False) -> bool:
    """Return whether a form with this digest made a token before.

    :param lock: whether to see what was committed since this transaction began.
    """
    event = ctx.models.Event
    query = select(event.id).where(event.form_key == digest)
    if lock:
        query = query.with_for_update(read=True)
    return digest is not None and ctx.session.scalar(query) is not None


def live_name_of(owner_id: Any, account_id: str, *, name: str) -> bytes:
    """Return the digest that is unique among live tokens: of the owner and the name.

    :param owner_id: the primary key; None for a userless token of *account_id*.
    """
    return _digest(f"a:{account_id}" if owner_id is None else f"u:{owner_id}", name)


def release_name(ctx: Context, live_name: bytes) -> None:
    """Take a name from the expired token that still has it."""
    model = ctx.models.Token
    expired = model.live_name == live_name, model.expires_at <= ctx.now()
    # The update goes by the primary key. An update by the name that finds no row locks
    # a range of the index on MariaDB, and parallel requests then deadlock.
    holder = ctx.session.scalar(select(model.id).where(*expired))
    if holder is not None:
        ctx.session.execute(
            update(model)
            .where(model.id == holder, *expired)
            .values(live_name=None)
            .execution_options(synchronize_session=False)
        )


def _digest(*parts: str) -> bytes:
    joined = "\0".join(parts).encode("utf-8", "surrogatepass")
    return hashlib.sha256(joined).digest()
