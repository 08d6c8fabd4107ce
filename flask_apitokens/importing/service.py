"""Check tokens of another system, hash them under a pepper and store them.

No plaintext is stored, and no error repeats one. Importing the same token again changes
nothing, even if it was renamed, revoked or deleted since.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Collection
from collections.abc import Sequence
from dataclasses import dataclass
from dataclasses import field
from datetime import datetime
from typing import Any

from sqlalchemy import or_
from sqlalchemy import select
from sqlalchemy.exc import IntegrityError

from flask_apitokens.core.actor import Actor
from flask_apitokens.core.context import Context
from flask_apitokens.core.events import TokenImported
from flask_apitokens.crypto import tokens as crypto_tokens
from flask_apitokens.crypto.foreign_digests import DIGESTS
from flask_apitokens.crypto.foreign_digests import LENGTHS
from flask_apitokens.crypto.foreign_digests import SHORTEST
from flask_apitokens.crypto.foreign_digests import KeyedDigest
from flask_apitokens.crypto.foreign_digests import PepperSet
from flask_apitokens.crypto.foreign_digests import canonical
from flask_apitokens.crypto.foreign_digests import strength_of
from flask_apitokens.crypto.plaintext import Plaintext
from flask_apitokens.db.models import Token
from flask_apitokens.domain import email_binding
from flask_apitokens.domain import unique_keys
from flask_apitokens.domain import validation
from flask_apitokens.errors import Conflict
from flask_apitokens.errors import ImportRefused

from . import names as import_names
from .owners import ImportOwner

log = logging.getLogger("flask_apitokens")
#: A number that a spreadsheet or a table of floats made of a token of digits. There
#: is a sign or a point, because a hexadecimal token may be digits and one "e".
_NUMBER = re.compile(
    rb"[+-]?([0-9](\.[0-9]+)?[eE][+-]|[0-9]\.[0-9]+[eE])[0-9]{1,3}|[0-9]+\.0+"
)


@dataclass(frozen=True)
class ImportItem:
    """A checked token that is to be imported.

    :param keyed_digest: what the token is stored as.
    :param keyed_digests: every form in which it may already be stored.
    :param name: empty for a generated name.
    """

    owner: ImportOwner
    keyed_digest: KeyedDigest = field(repr=False)
    keyed_digests: Sequence[KeyedDigest] = field(repr=False)
    strength: str
    name: str
    service: str | None
    scopes: tuple[str, ...]
    expires_at: datetime | None

    @property
    def digests(self) -> list[bytes]:
        """The digests under which it may already be stored."""
        return [keyed.digest for keyed in self.keyed_digests]


@dataclass(frozen=True)
class ExistingImport:
    """An earlier import of a token.

    :param token_id: None if the token was deleted since.
    :param owner_key: :attr:`ImportOwner.key` of its owner; None if it was deleted.
    """

    token_id: str | None
    owner_key: tuple[Any, str] | None


def checked_item(
    ctx: Context,
    text: Plaintext,
    *,
    pepper_set: PepperSet,
    owner: ImportOwner,
    digest: str | None = None,
    name: str = "",
    service: str | None = None,
    scopes: Collection[str] = (),
    expires_at: datetime | None = None,
) -> ImportItem:
    """Check a token that is to be imported.

    :param text: the token, or its digest if *digest* is given.
    :param digest: what the other system stored, one of
        :data:`.foreign_digests.DIGESTS`.
    :param name: empty for a generated name; a name that is taken gets a number.
    :param service: a declared service; the owner need not be subscribed to it.
    :param scopes: empty for all scopes of the service.
    :param expires_at: an aware time; None for never, and so is a year such as 9999.
    :raises DomainError: with what is wrong, and no part of the token.
    :raises ValueError: for a naive datetime.
    """
    if expires_at is not None and expires_at.tzinfo is None:
        raise ValueError(f"a naive datetime, {expires_at!r}, is not a moment")
    stored = _stored_form(pepper_set, text, digest=digest)
    if service is not None and service not in ctx.services_of(owner.account_id):
        raise ImportRefused("There is no such service in the account.")
    if expires_at is not None and expires_at > validation.LATEST:
        expires_at = None
    known = tuple(ctx.catalog.services[service].scopes) if service else ()
    return ImportItem(
        **stored,
        owner=owner,
        name=validation.checked_name(ctx, name) if name.strip() else "",
        service=service,
        scopes=validation.checked_scopes(ctx, service, scopes or known),
        expires_at=expires_at,
    )


def _stored_form(
    pepper_set: PepperSet, text: Plaintext, *, digest: str | None
) -> dict[str, Any]:
    """Return the keyed digests of a token and its strength."""
    if digest is None:
        _check_token(pepper_set, text)
        token = Plaintext((canonical(text.reveal()) or b"").decode())
        keyed_digest = pepper_set.keyed_digest("plain", token.ascii)
        keyed_digests = pepper_set.keyed_digests(token.ascii)
        strength = strength_of(token.ascii)
    else:
        keyed_digest = pepper_set.keyed_digest(digest, _digest_in(text, digest))
        material = keyed_digest.material
        keyed_digests = pepper_set.keyed_digests_of(digest, material)
        strength = "unknown"
    return {
        "keyed_digest": keyed_digest,
        "keyed_digests": keyed_digests,
        "strength": strength,
    }


def _check_token(pepper_set: PepperSet, text: Plaintext) -> None:
    length = len(canonical(text.reveal()) or b"")
    if not length:
        raise ImportRefused(
            "A token has at most 512 characters, all of them letters, digits and "
            "- . _ ~ + / = (RFC 6750)."
        )
    if length < SHORTEST:
        raise ImportRefused(
            f"A token of less than {SHORTEST} characters can be guessed."
        )
    if _NUMBER.fullmatch(text.ascii):
        raise ImportRefused(
            "It is a number that a spreadsheet made of the token. Export the token "
            "again, as text."
        )
    if pepper_set.is_own(text.ascii):
        raise ImportRefused(
            "It has the form of this application's own tokens (APITOKENS_BRAND)."
        )


def _digest_in(text: Plaintext, digest: str) -> bytes:
    """Return the bytes of a hexadecimal digest; Django's sha512$$ may precede it."""
    if digest not in DIGESTS:
        raise ImportRefused(f"Digests are one of {', '.join(DIGESTS)}.")
    number = LENGTHS[digest]
    form = rf"(?:{digest.partition('-')[0]}\$\$)?[0-9A-Fa-f]{{{number}}}"
    if not re.fullmatch(form, text.reveal()):
        raise ImportRefused(f"A {digest} digest is {number} hexadecimal digits.")
    return bytes.fromhex(text.reveal()[-number:])


def existing_imports(
    ctx: Context, several: Sequence[ImportItem]
) -> dict[bytes, ExistingImport]:
    """Return the earlier imports of these tokens, by each of their digests."""
    row, token = ctx.models.Import, ctx.models.Token
    digests = [digest for item in several for digest in item.digests]
    columns = (
        *(row.digest, row.source, token.id),
        *(token.owner_id, token.account_id, token.userless),
    )
    query = (
        select(*columns)
        .outerjoin(token, token.id == row.token_id)
        .where(or_(row.digest.in_(digests), row.source.in_(digests)))
    )
    found: dict[bytes, ExistingImport] = {}
    for digest, source, token_id, owner_id, account_id, userless in (
        ctx.session.execute(query).all() if digests else ()
    ):
        whose = (owner_id, account_id if userless else "") if token_id else None
        for one in (digest, source):
            if one is not None:
                found[bytes(one)] = ExistingImport(token_id, whose)
    return found


def existing_import(
    item: ImportItem, known: dict[bytes, ExistingImport]
) -> ExistingImport | None:
    """Return the earlier import of a token, or None.

    :param known: from :func:`existing_imports`.
    :raises ImportRefused: if the earlier import has another owner.
    """
    found = next((known[one] for one in item.digests if one in known), None)
    if found and found.owner_key and found.owner_key != item.owner.key:
        raise ImportRefused("The same token was imported for another owner.")
    return found


def hash_item(ctx: Context, item: ImportItem) -> crypto_tokens.Hashed:
    """Return what is stored of a token; slow on purpose, and safe in any thread."""
    make, rounds = crypto_tokens.hash_token, ctx.settings.import_bcrypt_rounds
    return crypto_tokens.Hashed(
        crypto_tokens.mint(ctx.settings.brand).id,
        item.keyed_digest.check,
        crypto_tokens.run_blocking(make, item.keyed_digest.secret, rounds),
    )


def store_items(
    ctx: Context,
    several: Sequence[tuple[ImportItem, crypto_tokens.Hashed]],
    *,
    actor: Actor,
) -> list[Token]:
    """Store tokens that were not imported before.

    :param several: each token with its :func:`hash_item`.
    :returns: the tokens stored, without those that another process stored first.
    :raises Conflict: if another process has just stored the same token or name; try
        again in a new transaction.
    """
    ctx.lock_for_write()
    known = existing_imports(ctx, [item for item, _hash in several])
    fresh = [pair for pair in several if existing_import(pair[0], known) is None]
    names = import_names.names_for(
        ctx, [(item.owner.key, item.name) for item, _hash in fresh]
    )
    made = [
        _row(ctx, item, hashed=hashed, name=name, actor=actor)
        for (item, hashed), name in zip(fresh, names, strict=True)
    ]
    try:
        with ctx.savepoint():
            ctx.session.add_all(made)
            ctx.session.flush()
            for token, (item, _hash) in zip(made, fresh, strict=True):
                _record_import(ctx, token, item, actor=actor)
            ctx.session.flush()
    except IntegrityError:
        raise Conflict from None
    return made


def _row(
    ctx: Context,
    item: ImportItem,
    *,
    hashed: crypto_tokens.Hashed,
    name: str,
    actor: Actor,
) -> Token:
    owner = item.owner
    token = ctx.models.Token(
        # Its callers send it with each call, as before. An access token would first
        # have to be exchanged for a session token.
        kind="api",
        name=name,
        owner_id=owner.owner_id,
        account_id=owner.account_id,
        userless=owner.owner_id is None,
        service=item.service,
        scopes=item.scopes,
        created_at=ctx.now(),
        created_by=actor.label,
        expires_at=item.expires_at,
    )
    hashed.store_in(token)
    token.scheme = crypto_tokens.IMPORTED
    token.live_name = unique_keys.live_name_of(
        owner.owner_id, owner.account_id, name=name
    )
    token.email_digest = email_binding.digest_of(token.id, owner.email)
    return token


def _record_import(
    ctx: Context, token: Token, item: ImportItem, *, actor: Actor
) -> None:
    """Store where the token is looked up, and write the audit log."""
    ctx.session.add(
        ctx.models.Import(
            token_id=token.id,
            digest=item.keyed_digest.digest,
            pepper=item.keyed_digest.pepper.id,
            strength=item.strength,
        )
    )
    imported = TokenImported(
        at=ctx.now(),
        actor=actor,
        token=ctx.snapshot(token, actor, owner_label=item.owner.label),
        strength=item.strength,
        form=item.keyed_digest.kind,
    )
    ctx.record(imported)


def import_one(ctx: Context, item: ImportItem, *, actor: Actor) -> Token | None:
    """Store one token, or return the one that an earlier import stored.

    :returns: None if that one was deleted since; it is not imported again.
    :raises Conflict: if another process is importing the same token now.
    :raises ImportRefused: if the earlier import has another owner.
    """
    before = existing_import(item, existing_imports(ctx, [item]))
    if before is None:
        made = store_items(ctx, [(item, hash_item(ctx, item))], actor=actor)
        return made[0] if made else None
    if before.token_id is None:
        return None
    return ctx.session.get(ctx.models.Token, before.token_id)
