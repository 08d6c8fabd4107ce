"""Names of imported tokens: as given, numbered where they are taken, or made up."""

from __future__ import annotations

from collections.abc import Collection
from collections.abc import Sequence
from typing import Any

from sqlalchemy import func
from sqlalchemy import select

from flask_apitokens.core.context import Context
from flask_apitokens.crypto import tokens as crypto_tokens
from flask_apitokens.db.models import NAME_LENGTH
from flask_apitokens.domain import tokens
from flask_apitokens.i18n import gettext as _

#: an owner's key and nothing, or none and the account of a userless token
HolderKey = tuple[Any, str]
#: whose a token is to be, and the name it is to have; empty for a made up one
Asked = tuple[HolderKey, str]
#: room for a number behind a name that is taken
_NUMBERED = NAME_LENGTH - 8


def names_for(ctx: Context, several: Sequence[Asked]) -> list[str]:
    """A name for each that no live token of its holder has.

    Asked by the digests that keep names apart, since a holder may have many tokens.
    """
    held = _held(ctx, {key for key, name in several if not name})
    numbers: dict[Asked, int] = {}
    names: dict[int, tuple[str, bytes]] = {}
    waiting, step = list(range(len(several))), 0
    while waiting:
        used = {digest for _name, digest in names.values()}
        for place in waiting:
            names[place] = _next_name(several[place], numbers, held, used)
            used.add(names[place][1])
        taken = _taken(ctx, [names[place][1] for place in waiting])
        waiting = [place for place in waiting if names[place][1] in taken]
        # Many of one name: a gap in their numbers rather than a query for each.
        for asked in {several[place] for place in waiting}:
            numbers[asked] += step
        step = 2 * step + 1
        for place in waiting:
            del names[place]
    return [names[place][0] for place in range(len(several))]


def _next_name(
    asked: Asked,
    numbers: dict[Asked, int],
    held: dict[HolderKey, int],
    used: Collection[bytes],
) -> tuple[str, bytes]:
    """The next name to try for a token, with what keeps it apart."""
    (owner_id, account_id), wanted = asked
    begin = 0 if wanted else held.get(asked[0], 0)
    while True:
        number = numbers[asked] = numbers.get(asked, begin) + 1
        name = wanted
        if not name:
            name = _("Imported token %(n)s", n=number)
        elif number > 1:
            name = f"{name[:_NUMBERED]} {number}"
        digest = tokens.live_name_of(owner_id, account_id, name)
        if digest not in used:
            return name, digest


def _taken(ctx: Context, live_names: Collection[bytes]) -> set[bytes]:
    model = ctx.models.Token
    query = select(model.live_name).where(model.live_name.in_(live_names))
    return {bytes(found) for found in ctx.session.scalars(query) if found}


def _held(ctx: Context, holders: Collection[HolderKey]) -> dict[HolderKey, int]:
    """How many imported tokens holders have: where to begin to count."""
    model = ctx.models.Token
    owners = [owner_id for owner_id, _account in holders if owner_id is not None]
    accounts = [account for owner_id, account in holders if owner_id is None]
    numbers: dict[HolderKey, int] = {}
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
