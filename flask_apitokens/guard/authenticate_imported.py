"""Authenticate a token of another system, and store it again under the newest pepper.

Loaded only if ``APITOKENS_PEPPERS`` is set; otherwise a token of another shape is
refused without a query.
"""

from __future__ import annotations

import hmac
import logging
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import Any
from typing import cast

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
from flask_apitokens.crypto.plaintext import Plaintext
from flask_apitokens.crypto.verification_cache import QueueFull
from flask_apitokens.db.engines import without_values
from flask_apitokens.lookup.native import TokenRow
from flask_apitokens.state import State

from . import call_watch

log = logging.getLogger("flask_apitokens")


@dataclass(frozen=True)
class ImportedCandidate:
    """An imported token in a request, identified and not authenticated yet.

    :param keyed_digest: how it is stored: under which pepper, as itself or as a digest.
    """

    token_id: str
    found: TokenRow
    token: Plaintext
    keyed_digest: KeyedDigest


def identify(
    state: State, text: Plaintext, *, in_query: bool = False
) -> ImportedCandidate:
    """Return the imported token that *text* is.

    :param in_query: whether *text* comes from a query parameter.
    :raises MalformedRequest: if no imported token can have this text.
    :raises InvalidToken: if it has our own shape and a mistake in it, without a query;
        or if it was not imported, after one query and no bcrypt.
    :raises lookup.LookupFailed: if the database does not answer, or the row is
        unreadable.
    """
    if not in_query:
        return _look_up(state, text)
    # An unescaped "+" in a query string arrives as a space, also at an end, where it
    # may be white space from a copy as well.
    with suppress(refusals.InvalidToken, refusals.MalformedRequest):
        return _look_up(state, Plaintext(text.reveal().replace(" ", "+")))
    return _look_up(state, text.trimmed())


def _look_up(state: State, text: Plaintext) -> ImportedCandidate:
    if canonical(text.reveal()) is None:
        raise refusals.MalformedRequest(
            "The token has characters that no token has, or too many."
        )
    token = Plaintext((canonical(text.reveal()) or b"").decode())
    pepper_set = state.pepper_set
    if pepper_set is None or pepper_set.is_own(token.ascii):
        raise refusals.InvalidToken
    keyed_digests = pepper_set.keyed_digests(token.ascii)
    found = state.finder.find_by_digests([keyed.digest for keyed in keyed_digests])
    if found is None:
        raise refusals.InvalidToken
    for keyed in keyed_digests:
        if hmac.compare_digest(keyed.check, bytes(found.check_digest)):
            return ImportedCandidate(found.id, found, token, keyed)
    raise refusals.InvalidToken


def check_bcrypt(state: State, known: ImportedCandidate) -> None:
    """Verify the bcrypt hash of *known*, and store it again if that is due.

    :raises InvalidToken: if the hash does not match.
    :raises TemporarilyUnavailable: if the bcrypt queue is full.
    """
    try:
        genuine = state.verifier.verify(
            known.token_id,
            known.keyed_digest.secret,
            stored=known.found.secret_hash,
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
    cost = crypto_tokens.rounds_of(known.found.secret_hash)
    if not stale and cost >= rounds:
        return
    # Read now: after the response there is no application context to find it by.
    call_watch.after_response(partial(_store_again, state, state.engine, known))


def _store_again(state: State, engine: Engine, known: ImportedCandidate) -> None:
    """Store the token itself under the newest pepper, at the bcrypt cost of today."""
    if known.token_id in state.rekeying:
        return  # another thread of this process does it already
    state.rekeying.add(known.token_id)
    try:
        changes = _changes(state, known)
        with engine.connect() as connection:
            # Another process may have done it first: then nothing is committed.
            if all(connection.execute(change).rowcount for change in changes):
                connection.commit()
    except Exception as error:
        log.warning(
            "token %s could not be stored again",
            known.token_id,
            exc_info=without_values(error),
        )
    finally:
        state.rekeying.discard(known.token_id)


def _changes(state: State, known: ImportedCandidate) -> list[Update]:
    pepper_set = cast("PepperSet", state.pepper_set)
    row, token, old = state.models.Import, state.models.Token, known.keyed_digest
    fresh = pepper_set.keyed_digest("plain", known.token.ascii)
    rounds = state.settings.import_bcrypt_rounds
    hashed = crypto_tokens.run_blocking(crypto_tokens.hash_token, fresh.secret, rounds)
    return [
        update(row)
        .where(row.digest == old.digest, row.token_id == known.token_id)
        # In this order: MariaDB reads the new value of a column it has just set.
        .ordered_values(
            (row.source, _source(state, known)),
            (row.digest, fresh.digest),
            (row.pepper, fresh.pepper.id),
            (row.strength, strength_of(known.token.ascii)),
        ),
        update(token)
        .where(token.id == known.token_id, token.secret_hash == known.found.secret_hash)
        .values(check_digest=fresh.check, secret_hash=hashed),
    ]


def _source(state: State, known: ImportedCandidate) -> ColumnElement[Any]:
    """Return the keyed foreign digest under the newest pepper; NULL if there was none.

    By it an import of the same digest finds the token that exists.
    """
    pepper_set, old = cast("PepperSet", state.pepper_set), known.keyed_digest.pepper
    row, materials = state.models.Import, digests_by_kind(known.token.ascii)
    imported_as = func.coalesce(row.source, row.digest, type_=row.digest.type)
    kind = row.digest.type
    whens = [
        (
            imported_as
            == literal(
                KeyedDigest.of(old, kind=name, material=materials[name]).digest, kind
            ),
            literal(pepper_set.keyed_digest(name, materials[name]).digest, kind),
        )
        for name in DIGESTS
    ]
    return case(*whens, else_=null())
