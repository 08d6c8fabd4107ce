"""The arguments of an address: the query of a list, the search, the page."""

from __future__ import annotations

import re
from contextlib import suppress

from flask import request

from flask_apitokens.config import KINDS
from flask_apitokens.crypto import session_tokens
from flask_apitokens.crypto.plaintext import pasted
from flask_apitokens.domain import token_list
from flask_apitokens.domain import token_status
from flask_apitokens.domain.token_list import ListQuery
from flask_apitokens.lookup.connections import LookupFailed
from flask_apitokens.state import current_apitokens

_LONGEST_SEARCH = 100
#: characters that are looked through for a token
_LONGEST_LINE = 1000
#: words of a line that are looked up as tokens of another system
_MOST_LOOK_UPS = 3
#: what ends a token in the line that it is in; "=" only in front, as in ``key=…``
_NOT_IN_A_TOKEN = re.compile(r"[^A-Za-z0-9._~+/=|-]+|(?<=[A-Za-z])=(?=[A-Za-z0-9])")


LAST_PAGE = 1_000_000
_STATUSES = {*token_status.STATUSES, *token_status.GROUPS}


def asked_query() -> ListQuery:
    """Return the list that this address asks for. Invalid arguments are ignored."""
    args = request.args
    sort = args.get("sort", "")
    status = args.get("status", "")
    service = args.get("service", "")
    kind, use = args.get("kind", ""), args.get("use", "")
    policy = args.get("policy", "")
    origin = args.get("origin", "")
    asked_page = args.get("page", 1, type=int)
    return ListQuery(
        q=searched(args.get("q", "")),
        status=status if status in _STATUSES else "",
        service=service if service in current_apitokens.catalog.services else "",
        kind=kind if kind in KINDS else "",
        use=use if use in token_list.USES else "",
        policy=policy if policy == token_list.OUTSIDE else "",
        origin=origin if origin in token_list.ORIGINS else "",
        sort=sort if sort.removeprefix("-") in token_list.SORTS else "-created",
        page=min(max(asked_page, 1), LAST_PAGE),
    )


def searched(text: str) -> str:
    """Return the text to search for; of a whole token, only its id.

    A user who finds a token may paste all of it to learn which one it is, or the line
    around it. The secret must not come back on a page.
    """
    text = pasted(text)
    return _id_inside(text) or text[:_LONGEST_SEARCH]


def token_searched_for() -> bool:
    """Whether this address searches for a whole token."""
    return _id_inside(request.args.get("q", "")) is not None


def _id_inside(text: str) -> str | None:
    """Return the id of a whole token in *text*, such as a header or an address."""
    parts = [pasted(text), *_NOT_IN_A_TOKEN.split(text[:_LONGEST_LINE])]
    state = current_apitokens
    for part in parts:
        own = state.parse(part.encode("utf-8", "replace"))
        own = own or session_tokens.id_in(state.settings.brand, part)
        if own is not None:
            return own
    if state.pepper_set is None:
        return None
    longest = sorted(dict.fromkeys(parts), key=len, reverse=True)[:_MOST_LOOK_UPS]
    return next(filter(None, map(_id_of_imported, longest)), None)


def _id_of_imported(text: str) -> str | None:
    """Return the id of the token of another system that *text* is.

    It does not contain its id. Its digest finds the row.
    """
    from flask_apitokens.crypto.foreign_digests import SHORTEST
    from flask_apitokens.crypto.foreign_digests import canonical

    state, token = current_apitokens, canonical(text)
    if state.pepper_set is None or token is None or len(token) < SHORTEST:
        return None
    found = None
    # If the database cannot be reached, the query of the list will report it.
    with suppress(LookupFailed):
        found = state.finder.find_by_digests(
            [keyed.digest for keyed in state.pepper_set.keyed_digests(token)]
        )
    return None if found is None else found.id
