"""Tokens: generate, find, rename, revoke, delete.

Every query starts at the owner, so somebody else's id is not found rather than
refused. Functions flush; the edges commit.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Select
from sqlalchemy import inspect
from sqlalchemy import select
from sqlalchemy import update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.exc import InvalidRequestError

from flask_apitokens.core.actor import Actor
from flask_apitokens.core.callbacks import NO_ACCOUNT
from flask_apitokens.core.context import Context
from flask_apitokens.core.events import TokenDeleted
from flask_apitokens.core.events import TokenGenerated
from flask_apitokens.core.events import TokenRenamed
from flask_apitokens.core.events import TokenRevoked
from flask_apitokens.crypto import tokens as crypto_tokens
from flask_apitokens.db.models import Token
from flask_apitokens.errors import AlreadyGenerated
from flask_apitokens.errors import ApiNotAllowed
from flask_apitokens.errors import Conflict
from flask_apitokens.errors import DomainError
from flask_apitokens.errors import InvalidKind
from flask_apitokens.errors import NameTaken
from flask_apitokens.errors import TokenNotFound
from flask_apitokens.i18n import gettext as _

from . import email_binding
from . import unique_keys
from . import validation
from .token_list import owned_by

#: how many tokens are looked for, and ended, in one go
MOST_AT_ONCE = 500
_ID = re.compile(f"[{crypto_tokens.ID_ALPHABET}]{{{crypto_tokens.ID_LENGTH}}}")


def generate(
    ctx: Context,
    owner: Any,
    *,
    name: str,
    kind: str = "api",
    service: str | None = None,
    scopes: Collection[str] = (),
    expires_at: datetime | None = None,
    networks: Collection[str] = (),
    account_id: str | None = None,
    actor: Actor,
    form_key: str | None = None,
    shown: bool = False,
) -> tuple[Token, str]:
    """Make a token; its plaintext is in the answer and nowhere else.

    :param owner: the user it acts for; ``None`` makes a userless token.
    :param kind: "api", or "access", which must expire.
    :param service: the slug of a service the owner may use, or none.
    :param scopes: what it may do there.
    :param expires_at: an aware moment, or ``None`` for never.
    :param networks: the ranges of addresses it may be used from; none for all.
    :param account_id: the account of a userless token.
    :param form_key: what names the form that asked: the same one makes no second token.
    :param shown: whether the caller shows the plaintext itself, at once.
    :raises DomainError: whichever of its kinds tells what to change.
    """
    if kind not in ctx.settings.kinds:
        raise InvalidKind
    account = (account_id or "") if owner is None else ctx.account_of(owner)
    if account == NO_ACCOUNT:
        raise ApiNotAllowed
    service = validation.checked_service(ctx, owner, service, account)
    scopes = validation.checked_scopes(ctx, service, scopes)
    validation.check_expiry(ctx, kind, expires_at)
    pinned = validation.checked_networks(ctx, networks)
    minted = crypto_tokens.mint(ctx.settings.brand)
    now = ctx.now()
    token = ctx.models.Token(
        **digests(ctx, minted),
        kind=kind,
        name=validation.clean_name(name),
        owner_id=None if owner is None else ctx.models.user_id(owner),
        account_id=account,
        userless=owner is None,
        service=service,
        scopes=scopes,
        created_at=now,
        created_by=actor.label,
        shown_at=now if shown else None,
        expires_at=expires_at,
        networks=pinned,
    )
    _store(ctx, token, owner, actor=actor, form_key=form_key)
    return token, minted.plaintext


def digests(ctx: Context, minted: crypto_tokens.Minted) -> dict[str, Any]:
    """What of a new plaintext is stored, and how to recognise it by that."""
    plaintext = minted.plaintext.encode()
    rounds = ctx.settings.bcrypt_rounds
    return {
        "id": minted.id,
        "scheme": crypto_tokens.NATIVE,
        "check_digest": crypto_tokens.check_digest(plaintext),
        "secret_hash": crypto_tokens.run_blocking(
            crypto_tokens.hash_token, plaintext, rounds
        ),
    }


def check_form_is_new(ctx: Context, owner: Any, form_key: str) -> None:
    """Tell a form that is sent again from one that asks for what cannot be had.

    :raises AlreadyGenerated: if this form made a token before.
    """
    owner_id = None if owner is None else ctx.models.user_id(owner)
    once = unique_keys.form_digest(owner_id, form_key)
    if unique_keys.event_with(ctx, once):
        raise AlreadyGenerated


def _store(
    ctx: Context, token: Token, owner: Any, *, actor: Actor, form_key: str | None
) -> None:
    """Insert under the constraints that keep names, forms and numbers right."""
    once = (
        None if form_key is None else unique_keys.form_digest(token.owner_id, form_key)
    )
    # Parallel requests of one owner come one after the other. On SQLite this also opens
    # the transaction: a savepoint that came first would commit when it ends.
    ctx.lock_user(token.owner_id)
    if once and unique_keys.event_with(ctx, once):
        raise AlreadyGenerated
    token.live_name = _live_name(token, token.name)
    unique_keys.free_name(ctx, token.live_name)
    email_binding.bind(ctx, token, owner)
    try:
        with ctx.session.begin_nested():
            ctx.session.add(token)
            made = ctx.snapshot(token, actor, owner=owner)
            ctx.record(
                TokenGenerated(at=ctx.now(), actor=actor, token=made), form_key=once
            )
            ctx.session.flush()
            validation.check_limit(ctx, token)
    except IntegrityError:
        raise _lost_to(ctx, token, once) from None


def _lost_to(ctx: Context, token: Token, once: bytes | None) -> Exception:
    """Which constraint a parallel request made us meet."""
    # Locking reads see what was committed since this transaction began.
    if once and unique_keys.event_with(ctx, once, lock=True):
        return AlreadyGenerated()
    model = ctx.models.Token
    holder = select(model.id).where(model.live_name == _live_name(token, token.name))
    taken = ctx.session.scalar(holder.with_for_update(read=True))
    return NameTaken(token.name) if taken else Conflict()


def _live_name(token: Token, name: str) -> bytes:
    owner_id = None if token.userless else token.owner_id
    return unique_keys.live_name_of(owner_id, token.account_id, name)


def get(ctx: Context, among: Select[Token], token_id: str) -> Token:
    """One token of a list.

    :param among: where the list starts: :func:`listing.owned_by` and the like.
    :raises TokenNotFound: if there is none, or it is somebody else's.
    """
    if not _ID.fullmatch(token_id):
        raise TokenNotFound
    query = among.where(ctx.models.Token.id == token_id)
    token = ctx.session.scalars(query).one_or_none()
    if token is None:
        raise TokenNotFound
    return token


def find_token(ctx: Context, token_id: str) -> Token:
    """One token, whoever owns it, userless ones too: for administrators.

    :raises TokenNotFound: if there is none.
    """
    token = None
    if _ID.fullmatch(token_id):
        token = ctx.session.get(ctx.models.Token, token_id)
    if token is None:
        raise TokenNotFound
    return token


def all_of(ctx: Context, owner: Any) -> Sequence[Token]:
    """Every token of *owner*, newest first."""
    model = ctx.models.Token
    newest = owned_by(ctx, owner).order_by(model.created_at.desc(), model.id.desc())
    return ctx.session.scalars(newest).all()


def find_many(
    ctx: Context, among: Select[Token], ids: Collection[str]
) -> Sequence[Token]:
    """The tokens of a list with these *ids*, newest first; others are passed over.

    :param among: where the list starts: :func:`listing.owned_by` and the like.
    :raises DomainError: if there are more than :data:`MOST_AT_ONCE` different ids.
    """
    model = ctx.models.Token
    known = {token_id for token_id in ids if _ID.fullmatch(token_id)}
    if len(known) > MOST_AT_ONCE:
        raise DomainError(_("Select at most %(n)s tokens at a time.", n=MOST_AT_ONCE))
    query = among.where(model.id.in_(known))
    return ctx.session.scalars(
        query.order_by(model.created_at.desc(), model.id.desc())
    ).all()


def lock(ctx: Context, token: Token) -> None:
    """See the row as it is now, and keep it so until the transaction ends.

    :raises TokenNotFound: if another request deleted it in the meantime.
    """
    try:
        ctx.lock_user(token.owner_id)
        ctx.session.refresh(token, with_for_update=True)
    except InvalidRequestError:
        if token not in ctx.session and not inspect(token).was_deleted:
            raise  # a row that another session loaded is not gone
        raise TokenNotFound from None


def rename(ctx: Context, token: Token, name: str, *, actor: Actor) -> Token:
    """Give a live token another name; nothing else of it changes.

    :raises InvalidName: if the name cannot be stored.
    :raises NameTaken: if another live token of the owner has it.
    :raises TokenNotFound: if the token is revoked or gone: its record stays as it was.
    """
    new = validation.clean_name(name)
    lock(ctx, token)
    old = token.name
    if token.revoked_at is not None:
        raise TokenNotFound
    if new == old:
        return token
    live_name = _live_name(token, new)
    unique_keys.free_name(ctx, live_name)
    try:
        with ctx.session.begin_nested():
            token.name = new
            token.live_name = live_name
    except IntegrityError:
        ctx.session.refresh(token)
        raise NameTaken(new) from None
    renamed = ctx.snapshot(token, actor)
    ctx.record(TokenRenamed(at=ctx.now(), actor=actor, token=renamed, old_name=old))
    ctx.session.flush()
    return token


def revoke(ctx: Context, token: Token, *, actor: Actor) -> Token:
    """End a token now; the row stays. A second time changes nothing.

    :raises TokenNotFound: if the row is gone.
    """
    end(ctx, token, actor=actor)
    return token


def end(ctx: Context, token: Token, *, actor: Actor) -> bool:
    """As :func:`revoke`; answers whether it was this call that ended the token.

    :raises TokenNotFound: if the row is gone.
    """
    lock(ctx, token)
    if token.revoked_at is not None:
        return False
    token.revoked_at = ctx.now()
    token.live_name = None
    revoked = ctx.snapshot(token, actor)
    ctx.record(TokenRevoked(at=ctx.now(), actor=actor, token=revoked))
    ctx.session.flush()
    return True


def lock_in_order(ctx: Context, several: Collection[Token]) -> list[Token]:
    """Tokens in the order to change them in, their owners held: nobody deadlocks.

    Owners come first, in the order of their keys, as where several are switched; then
    the tokens in that of their ids, as the recorder writes.
    """
    for key in sorted({token.owner_id for token in several if token.owner_id}, key=str):
        ctx.lock_user(key)
    return sorted(several, key=lambda token: token.id)


def revoke_many(
    ctx: Context, among: Select[Token], ids: Collection[str], *, actor: Actor
) -> list[Token]:
    """Revoke the live tokens of a list with these *ids*; answers which they were."""
    live = [t for t in find_many(ctx, among, ids) if t.revoked_at is None]
    live = lock_in_order(ctx, live)
    return [token for token in live if end(ctx, token, actor=actor)]


def delete(ctx: Context, token: Token, *, actor: Actor) -> None:
    """End a token now and remove its row; events keep its id and name.

    :raises TokenNotFound: if the row is gone already.
    """
    lock(ctx, token)
    gone = ctx.snapshot(token, actor)
    ctx.record(TokenDeleted(at=ctx.now(), actor=actor, token=gone))
    ctx.session.delete(token)
    ctx.session.flush()


def mark_shown(ctx: Context, token_id: str) -> None:
    """Remember that the response with the plaintext was sent."""
    model = ctx.models.Token
    ctx.session.execute(
        update(model)
        .where(model.id == token_id, model.shown_at.is_(None))
        .values(shown_at=ctx.now())
        .execution_options(synchronize_session=False)
    )
