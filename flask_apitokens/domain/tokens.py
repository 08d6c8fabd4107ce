"""Generate, find, rename, revoke and delete tokens.

Every query starts at the owner or at the account, so the id of another owner's token is
not found. Functions flush; their callers commit.
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
from flask_apitokens.core.context import Context
from flask_apitokens.core.events import TokenDeleted
from flask_apitokens.core.events import TokenGenerated
from flask_apitokens.core.events import TokenRenamed
from flask_apitokens.core.events import TokenRevoked
from flask_apitokens.crypto import tokens as crypto_tokens
from flask_apitokens.crypto.plaintext import Plaintext
from flask_apitokens.db.models import Token
from flask_apitokens.errors import AlreadyGenerated
from flask_apitokens.errors import Conflict
from flask_apitokens.errors import DomainError
from flask_apitokens.errors import NameTaken
from flask_apitokens.errors import TokenNotFound
from flask_apitokens.errors import UserNotFound
from flask_apitokens.i18n import ngettext as _n

from . import email_binding
from . import unique_keys
from . import validation
from .token_list import owned_by

#: the highest number of tokens that one request can select
SELECTION_LIMIT = 500
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
) -> tuple[Token, Plaintext]:
    """Generate a token.

    :param owner: the user it acts for; None makes a userless token.
    :param kind: "api", or "access", which must expire.
    :param service: the slug of a service that the owner may use; None for none.
    :param scopes: the scopes of that service that the token has.
    :param expires_at: an aware moment; None for never.
    :param networks: the ranges of addresses it may be used from; empty for all.
    :param account_id: the account of a userless token.
    :param form_key: the hidden field that names the submitted form. A form that is
        submitted twice makes one token.
    :param shown: whether the caller shows the plaintext at once, so that the token
        need not be marked as shown later.
    :returns: the row and the plaintext, which is stored nowhere.
    :raises DomainError: one of its subclasses, whose message says what to change.
    """
    validation.check_kind(ctx, kind)
    account = validation.checked_account(ctx, owner, account_id)
    service = validation.checked_service(ctx, owner, service, account_id=account)
    scopes = validation.checked_scopes(ctx, service, scopes)
    validation.check_expiry(ctx, kind, expires_at)
    pinned = validation.checked_networks(ctx, networks)
    now = ctx.now()
    token = ctx.models.Token(
        kind=kind,
        name=validation.checked_name(ctx, name),
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
    return token, _store(ctx, token, owner, actor=actor, form_key=form_key)


def check_form_is_new(ctx: Context, owner: Any, form_key: str) -> None:
    """Recognize a form that is submitted again, before its other errors are shown.

    :raises AlreadyGenerated: if this form made a token before.
    """
    owner_id = None if owner is None else ctx.models.user_id(owner)
    if unique_keys.is_form_used(ctx, unique_keys.form_digest(owner_id, form_key)):
        raise AlreadyGenerated


def _store(
    ctx: Context, token: Token, owner: Any, *, actor: Actor, form_key: str | None
) -> Plaintext:
    """Insert a token under the constraints on names, forms and numbers."""
    once = unique_keys.form_digest(token.owner_id, form_key)
    _check_early(ctx, token, owner, once=once)
    minted = crypto_tokens.mint(ctx.settings.brand)
    minted.hashed(ctx.settings.bcrypt_rounds).store_in(token)
    # The lock makes parallel requests of one owner run one after the other. On SQLite
    # it also begins the transaction: a savepoint that began it would commit at its end.
    if not ctx.lock_user(token.owner_id):
        raise UserNotFound
    if unique_keys.is_form_used(ctx, once):
        raise AlreadyGenerated
    token.live_name = _live_name(token, token.name)
    unique_keys.release_name(ctx, token.live_name)
    email_binding.bind(ctx, token, owner)
    try:
        with ctx.savepoint():
            ctx.session.add(token)
            made = ctx.snapshot(token, actor, owner=owner)
            ctx.record(
                TokenGenerated(at=ctx.now(), actor=actor, token=made), form_key=once
            )
            ctx.session.flush()
            validation.check_limit(ctx, token)
    except IntegrityError:
        raise _violation(ctx, token, once) from None
    return minted.plaintext


def _check_early(ctx: Context, token: Token, owner: Any, *, once: bytes | None) -> None:
    """Refuse what the constraints would refuse later, before bcrypt takes its time."""
    if unique_keys.is_form_used(ctx, once):
        raise AlreadyGenerated
    try:
        validation.check_name_free(ctx, owner, token.name, account_id=token.account_id)
        validation.check_room(ctx, owner)
    except DomainError:
        # A parallel request with the same form may have taken the name or the place.
        if unique_keys.is_form_used(ctx, once, lock=True):
            raise AlreadyGenerated from None
        raise


def _violation(ctx: Context, token: Token, once: bytes | None) -> Exception:
    """Return the error for the constraint that a parallel request made us violate."""
    # Locking reads see what was committed since this transaction began.
    if unique_keys.is_form_used(ctx, once, lock=True):
        return AlreadyGenerated()
    model = ctx.models.Token
    holder = select(model.id).where(model.live_name == _live_name(token, token.name))
    taken = ctx.session.scalar(holder.with_for_update(read=True))
    return NameTaken(token.name) if taken else Conflict()


def _live_name(token: Token, name: str) -> bytes:
    owner_id = None if token.userless else token.owner_id
    return unique_keys.live_name_of(owner_id, token.account_id, name=name)


def find_among(ctx: Context, among: Select[Token], token_id: str) -> Token:
    """Return one token of a list.

    :param among: the query of the list, such as :func:`.token_list.owned_by`.
    :raises TokenNotFound: if the list has no token with this id.
    """
    if not _ID.fullmatch(token_id):
        raise TokenNotFound
    query = among.where(ctx.models.Token.id == token_id)
    token = ctx.session.scalars(query).one_or_none()
    if token is None:
        raise TokenNotFound
    return token


def find_token(ctx: Context, token_id: str) -> Token:
    """Return the token with an id, of any owner or of none.

    :raises TokenNotFound: if no token has this id.
    """
    token = None
    if _ID.fullmatch(token_id):
        token = ctx.session.get(ctx.models.Token, token_id)
    if token is None:
        raise TokenNotFound
    return token


def all_of(ctx: Context, owner: Any) -> Sequence[Token]:
    """Return every token of *owner*, newest first."""
    model = ctx.models.Token
    newest = owned_by(ctx, owner).order_by(model.created_at.desc(), model.id.desc())
    return ctx.session.scalars(newest).all()


def find_many(
    ctx: Context, among: Select[Token], ids: Collection[str]
) -> Sequence[Token]:
    """Return the tokens of a list with these *ids*, newest first.

    Ids that are not in the list are ignored.

    :param among: the query of the list, such as :func:`.token_list.owned_by`.
    :raises DomainError: if there are more than :data:`SELECTION_LIMIT` different ids.
    """
    model = ctx.models.Token
    known = {token_id for token_id in ids if _ID.fullmatch(token_id)}
    if len(known) > SELECTION_LIMIT:
        message = _n(
            "Select at most %(n)s token at a time.",
            "Select at most %(n)s tokens at a time.",
            SELECTION_LIMIT,
        )
        raise DomainError(message)
    newest = (model.created_at.desc(), model.id.desc())
    return ctx.session.scalars(among.where(model.id.in_(known)).order_by(*newest)).all()


def lock(ctx: Context, token: Token) -> bool:
    """Lock a token and its owner until the transaction ends, and read the row anew.

    :returns: False if the owner's row was deleted, see :meth:`.Context.lock_user`.
    :raises TokenNotFound: if another request has deleted the row.
    """
    try:
        has_owner = ctx.lock_user(token.owner_id)
        ctx.session.refresh(token, with_for_update=True)
    except InvalidRequestError:
        if token not in ctx.session and not inspect(token).was_deleted:
            # The row belongs to another session: an error of the caller, and no
            # sign that it was deleted.
            raise
        raise TokenNotFound from None
    return has_owner


def rename(ctx: Context, token: Token, name: str, *, actor: Actor) -> Token:
    """Give a live token another name.

    :raises InvalidName: if the name cannot be stored.
    :raises NameTaken: if another live token of the owner has the name.
    :raises TokenNotFound: if the token is revoked or was deleted.
    """
    new = validation.checked_name(ctx, name)
    lock(ctx, token)
    old = token.name
    if token.revoked_at is not None:
        raise TokenNotFound
    if new == old:
        return token
    live_name = _live_name(token, new)
    unique_keys.release_name(ctx, live_name)
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
    """Revoke a token for good; its row stays. A second call changes nothing.

    :raises TokenNotFound: if the row was deleted.
    """
    end(ctx, token, actor=actor)
    return token


def end(ctx: Context, token: Token, *, actor: Actor) -> bool:
    """Revoke a token as :func:`revoke` does.

    :returns: whether this call revoked it, and not an earlier one.
    :raises TokenNotFound: if the row was deleted.
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
    """Lock the owners of tokens, and return the tokens in the order to change them in.

    Two requests that change the same rows in the same order cannot deadlock. Owners
    are locked in the order of their keys, like subscriptions that are saved together.
    Tokens follow in the order of their ids, like the writes of the usage recorder.
    """
    for key in sorted({token.owner_id for token in several if token.owner_id}, key=str):
        ctx.lock_user(key)
    return sorted(several, key=lambda token: token.id)


def revoke_many(
    ctx: Context, among: Select[Token], ids: Collection[str], *, actor: Actor
) -> list[Token]:
    """Revoke the tokens of a list with these *ids*.

    :returns: the tokens that this call revoked.
    """
    live = [t for t in find_many(ctx, among, ids) if t.revoked_at is None]
    live = lock_in_order(ctx, live)
    return [token for token in live if end(ctx, token, actor=actor)]


def delete(ctx: Context, token: Token, *, actor: Actor) -> None:
    """Delete a token. The audit log keeps its id and name.

    :raises TokenNotFound: if the row was deleted before.
    """
    lock(ctx, token)
    gone = ctx.snapshot(token, actor)
    ctx.record(TokenDeleted(at=ctx.now(), actor=actor, token=gone))
    ctx.session.delete(token)
    ctx.session.flush()


def mark_shown(ctx: Context, token_id: str) -> None:
    """Store that the response with the plaintext was sent."""
    model = ctx.models.Token
    ctx.session.execute(
        update(model)
        .where(model.id == token_id, model.shown_at.is_(None))
        .values(shown_at=ctx.now())
        .execution_options(synchronize_session=False)
    )
