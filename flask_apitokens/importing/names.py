"""Names of imported tokens: the given name, a numbered one, or a generated one."""

from __future__ import annotations

from collections.abc import Collection
from collections.abc import Sequence
from typing import Any

from sqlalchemy import func
from sqlalchemy import select

from flask_apitokens.core.context import Context
from flask_apitokens.crypto import tokens as crypto_tokens
from flask_apitokens.db.models import NAME_LENGTH
from flask_apitokens.domain import unique_keys

#: see ImportOwner.key: a user's key and "", or None and the account of a userless token
OwnerKey = tuple[Any, str]
#: the owner of a token and the name it asks for; empty for a generated one
NameRequest = tuple[OwnerKey, str]
#: the part of a name that is kept before a number, which makes it unique
_NUMBERED = NAME_LENGTH - 8


def names_for(ctx: Context, several: Sequence[NameRequest]) -> list[str]:
    """Return a name for each request that no live token of its owner has.

    The names that are taken are queried by their digest, the unique column: an owner
    may have too many tokens to read all their names.
    """
    counts = _imported_counts(ctx, {key for key, name in several if not name})
    numbers: dict[NameRequest, int] = {}
    names: dict[int, tuple[str, bytes]] = {}
    waiting, step = list(range(len(several))), 0
    while waiting:
        used = {digest for _name, digest in names.values()}
        for place in waiting:
            names[place] = _next_name(
                several[place], numbers=numbers, counts=counts, used=used
            )
            used.add(names[place][1])
        taken = _taken(ctx, [names[place][1] for place in waiting])
        waiting = [place for place in waiting if names[place][1] in taken]
        # If many tokens ask for one name, the step doubles at each round. That leaves
        # gaps in the numbers, but a query for each number would take far too long.
        for asked in {several[place] for place in waiting}:
            numbers[asked] += step
        step = 2 * step + 1
        for place in waiting:
            del names[place]
    return [names[place][0] for place in range(len(several))]


def _next_name(
    asked: NameRequest,
    *,
    numbers: dict[NameRequest, int],
    counts: dict[OwnerKey, int],
    used: Collection[bytes],
) -> tuple[str, bytes]:
    """Return the next name to try for a token, and its digest."""
    (owner_id, account_id), wanted = asked
    begin = 0 if wanted else counts.get(asked[0], 0)
    while True:
        number = numbers[asked] = numbers.get(asked, begin) + 1
        name = wanted
        if not name:
            name = f"Imported token {number}"
        elif number > 1:
            name = f"{name[:_NUMBERED]} {number}"
        digest = unique_keys.live_name_of(owner_id, account_id, name=name)
        if digest not in used:
            return name, digest


def _taken(ctx: Context, live_names: Collection[bytes]) -> set[bytes]:
    model = ctx.models.Token
    query = select(model.live_name).where(model.live_name.in_(live_names))
    return {bytes(found) for found in ctx.session.scalars(query) if found}


def _imported_counts(
    ctx: Context, owner_keys: Collection[OwnerKey]
) -> dict[OwnerKey, int]:
    """Return how many imported tokens each owner has, from where numbers go on."""
    model = ctx.models.Token
    owners = [owner_id for owner_id, _account in owner_keys if owner_id is not None]
    accounts = [account for owner_id, account in owner_keys if owner_id is None]
    numbers: dict[OwnerKey, int] = {}
    for column, keys, userless in (
        (model.owner_id, owners, False),
        (model.account_id, accounts, True),
    ):
        query = select(column, func.count()).where(
            column.in_(keys),
            model.userless.is_(userless),
            model.scheme == crypto_tokens.IMPORTED,
        )
        for key, number in ctx.session.execute(query.group_by(column)):
            numbers[(None, key) if userless else (key, "")] = int(number)
    return numbers
