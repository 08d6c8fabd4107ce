"""The guard before a token of another system: recognised, checked, keyed anew.

Loaded where ``APITOKENS_PEPPERS`` is set; without it no token of another shape is so
much as looked for.
"""

from __future__ import annotations

import hmac
import logging
from dataclasses import dataclass
from dataclasses import field
from functools import partial
from typing import Any
from typing import cast

from flask import after_this_request
from flask.wrappers import Response
from sqlalchemy import ColumnElement
from sqlalchemy import Engine
from sqlalchemy import Update
from sqlalchemy import case
from sqlalchemy import func
from sqlalchemy import literal
from sqlalchemy import null
from sqlalchemy import update

from flask_apitokens import refusals
from flask_apitokens.crypto import tokens as crypto_tokens
from flask_apitokens.crypto.foreign_digests import DIGESTS
from flask_apitokens.crypto.foreign_digests import KeyedDigest
from flask_apitokens.crypto.foreign_digests import PepperSet
from flask_apitokens.crypto.foreign_digests import canonical
from flask_apitokens.crypto.foreign_digests import digests_by_kind
from flask_apitokens.crypto.foreign_digests import strength_of
from flask_apitokens.crypto.verification_cache import QueueFull
from flask_apitokens.lookup.native import TokenRow
from flask_apitokens.state import State

log = logging.getLogger("flask_apitokens")


@dataclass(frozen=True)
class ImportedCandidate:
    """An imported token in a request, before its row was judged.

    :param keyed_digest: how it is stored: under which pepper, as itself or as a digest.
    """

    token_id: str
    found: TokenRow
    token: bytes = field(repr=False)
    keyed_digest: KeyedDigest


def identify(state: State, text: str, *, in_query: bool = False) -> ImportedCandidate:
    """Find an imported token by what was presented.

    :param in_query: whether it stood in a query parameter.
    :raises MalformedRequest: for text that no imported token can be.
    :raises InvalidToken: for one of our own shape with a slip in it, without a look;
        and for one that was not imported, after one look and no bcrypt.
    :raises lookup.Unavailable: if the database does not answer.
    """
    # A "+" in an address that nobody escaped arrives as a space, which no token has.
    token = canonical(text.replace(" ", "+") if in_query else text)
    if token is None:
        raise refusals.MalformedRequest(
            "The token has characters that no token has, or too many."
        )
    pepper_set = state.pepper_set
    if pepper_set is None or pepper_set.is_own(token):
        raise refusals.InvalidToken
    keyed_digests = pepper_set.keyed_digests(token)
    found = state.finder.find_by_digests([keyed.digest for keyed in keyed_digests])
    if found is None:
        raise refusals.InvalidToken
    check = bytes(found.check_digest)
    for keyed in keyed_digests:
        if hmac.compare_digest(keyed.check, check):
            return ImportedCandidate(found.id, found, token, keyed)
    raise refusals.InvalidToken


def check_bcrypt(state: State, known: ImportedCandidate) -> None:
    """Let bcrypt confirm *known*, and store it anew where that is due.

    :raises InvalidToken: if bcrypt says no.
    :raises TemporarilyUnavailable: if too many wait for bcrypt already.
    """
    stored = known.found.secret_hash
    try:
        genuine = state.verifier.verify(
            known.token_id, known.keyed_digest.secret, stored
        )
    except QueueFull:
        raise refusals.TemporarilyUnavailable from None
    if not genuine:
        raise refusals.InvalidToken
    pepper_set, rounds = state.pepper_set, state.settings.import_bcrypt_rounds
    if pepper_set is None or state.recorder.shares_connection:
        return
    keyed = known.keyed_digest
    stale = keyed.pepper.id != pepper_set.newest.id or keyed.kind != "plain"
    if not stale and crypto_tokens.rounds_of(stored) >= rounds:
        return
    # Found out now: once the answer is out there is no application context.
    again = partial(_store_anew, state, state.engine, known)

    @after_this_request
    def at_close(response: Response) -> Response:
        response.call_on_close(again)
        return response


def _store_anew(state: State, engine: Engine, known: ImportedCandidate) -> None:
    """Store a token under the newest pepper, as itself, at the cost of today."""
    if known.token_id in state.rekeying:
        return  # another thread of this process is at it
    state.rekeying.add(known.token_id)
    try:
        changes = _changes(state, known)
        with engine.connect() as connection:
            # Another process may have been faster: then nothing is changed at all.
            if all(connection.execute(change).rowcount for change in changes):
                connection.commit()
    except Exception:
        log.warning("token %s could not be keyed anew", known.token_id, exc_info=True)
    finally:
        state.rekeying.discard(known.token_id)


def _changes(state: State, known: ImportedCandidate) -> list[Update]:
    pepper_set = cast("PepperSet", state.pepper_set)
    row, token, old = state.models.Import, state.models.Token, known.keyed_digest
    fresh = pepper_set.keyed_digest("plain", known.token)
    rounds = state.settings.import_bcrypt_rounds
    hashed = crypto_tokens.run_blocking(crypto_tokens.hash_token, fresh.secret, rounds)
    stored = known.found.secret_hash
    return [
        update(row)
        .where(row.digest == old.digest, row.token_id == known.token_id)
        # In this order: MariaDB reads what it has just written.
        .ordered_values(
            (row.source, _source(state, known)),
            (row.digest, fresh.digest),
            (row.pepper, fresh.pepper.id),
            (row.strength, strength_of(known.token)),
        ),
        update(token)
        .where(token.id == known.token_id, token.secret_hash == stored)
        .values(check_digest=fresh.check, secret_hash=hashed),
    ]


def _source(state: State, known: ImportedCandidate) -> ColumnElement[Any]:
    """The keyed foreign digest, under the newest pepper; none where there was none.

    It is how the same digest, imported again, is known to be here already.
    """
    pepper_set, old = cast("PepperSet", state.pepper_set), known.keyed_digest.pepper
    row, materials = state.models.Import, digests_by_kind(known.token)
    imported_as = func.coalesce(row.source, row.digest, type_=row.digest.type)
    kind = row.digest.type
    whens = [
        (
            imported_as
            == literal(KeyedDigest.of(old, name, materials[name]).digest, kind),
            literal(pepper_set.keyed_digest(name, materials[name]).digest, kind),
        )
        for name in DIGESTS
    ]
    return case(*whens, else_=null())
