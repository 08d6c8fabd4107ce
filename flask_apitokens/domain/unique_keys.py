"""Digests under a unique constraint: of a live token's name, and of a submitted form.

Of two requests that run at once, the database accepts one and refuses the other.
"""

from __future__ import annotations

import hashlib
from typing import Any

from sqlalchemy import select
from sqlalchemy import update

from flask_apitokens.core.context import Context

# -- forms ---------------------------------------------------------------------


def form_digest(owner_id: Any, form_key: str) -> bytes:
    return _digest("form", str(owner_id), form_key)


def event_with(ctx: Context, once: bytes, *, lock: bool = False) -> bool:
    event = ctx.models.Event
    query = select(event.id).where(event.form_key == once)
    if lock:
        query = query.with_for_update(read=True)
    return ctx.session.scalar(query) is not None


# -- names ---------------------------------------------------------------------


def live_name_of(owner_id: Any, account_id: str, name: str) -> bytes:
    """What keeps a live token's name apart from its owner's others.

    :param owner_id: the owner's key; none for a userless token of *account_id*.
    """
    return _digest(f"a:{account_id}" if owner_id is None else f"u:{owner_id}", name)


def free_name(ctx: Context, live_name: bytes) -> None:
    """Let go of a name that only an expired token still holds."""
    model = ctx.models.Token
    expired = model.live_name == live_name, model.expires_at <= ctx.now()
    # By the id: an update that finds nothing in the index of names would keep others
    # out of a part of it, on MariaDB, until one of them has to give way.
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
