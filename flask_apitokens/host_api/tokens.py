"""The methods for tokens."""

from __future__ import annotations

from collections.abc import Collection
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from flask_apitokens.core.actor import SYSTEM
from flask_apitokens.core.actor import Actor
from flask_apitokens.core.context import SAME
from flask_apitokens.core.context import Same
from flask_apitokens.db.models import Token
from flask_apitokens.errors import ConfigurationError
from flask_apitokens.state import current_apitokens


class TokenMethods:
    """Generate, find, change and import tokens."""

    def generate(
        self,
        *,
        owner: Any,
        name: str,
        kind: str = "api",
        service: str | None = None,
        scopes: Collection[str] = (),
        expires_at: datetime | None = None,
        networks: Collection[str] = (),
        account_id: str | None = None,
        actor: Actor = SYSTEM,
    ) -> tuple[Token, str]:
        """Generate a token.

        :param owner: the user it acts for; None makes a userless token of *account_id*.
        :param name: unique among the owner's live tokens, at most 80 characters.
        :param kind: "api", or "access", which must expire.
        :param service: the slug of a service that the owner may use; None for none.
        :param scopes: the scopes of that service that the token has.
        :param expires_at: an aware moment; None for never, which is refused if
            ``APITOKENS_EXPIRY_MAX`` is set. ``APITOKENS_EXPIRY_DEFAULT`` is for the
            pages and the command line only.
        :param networks: ranges of addresses such as ``192.0.2.0/24``; empty for all.
        :param account_id: the account of a userless token.
        :param actor: the person or program that acts.
        :returns: the row and the plaintext, which cannot be shown again later.
        :raises DomainError: one of its subclasses, whose message says what to change.
        """
        from flask_apitokens.domain import tokens

        token, plaintext = tokens.generate(
            current_apitokens.context(),
            owner,
            name=name,
            kind=kind,
            service=service,
            scopes=scopes,
            expires_at=expires_at,
            networks=networks,
            account_id=account_id,
            actor=actor,
            shown=True,
        )
        return token, plaintext.reveal()

    def tokens_of(self, owner: Any) -> Sequence[Token]:
        """Return all tokens of a user, newest first.

        :param owner: a user.
        """
        from flask_apitokens.domain import tokens

        return tokens.all_of(current_apitokens.context(), owner)

    def find_token(self, token_id: str) -> Token:
        """Return the token with an id, of any owner or of none.

        :param token_id: the 12 characters of ``current_token.id``.
        :raises TokenNotFound: if no token has this id.
        """
        from flask_apitokens.domain import tokens

        return tokens.find_token(current_apitokens.context(), token_id)

    def revoke(self, token: Token, *, actor: Actor = SYSTEM) -> Token:
        """Revoke a token for good; its row stays. A second call changes nothing.

        :param token: from :meth:`tokens_of`, :meth:`find_token` or :meth:`generate`.
        :param actor: the person or program that acts.
        :returns: the same row.
        :raises TokenNotFound: if the row was deleted.
        """
        from flask_apitokens.domain import tokens

        return tokens.revoke(current_apitokens.context(), token, actor=actor)

    def rotate(
        self,
        token: Token,
        *,
        grace: int | None = None,
        expires_at: datetime | None | Same = SAME,
        actor: Actor = SYSTEM,
    ) -> tuple[Token, str]:
        """Give a token a successor with the same name, service, scopes and owner.

        :param token: from :meth:`tokens_of`, :meth:`find_token` or :meth:`generate`.
        :param grace: the days that the token still works, one of
            ``APITOKENS_ROTATION_GRACE``; by default the shortest that is more than 0.
        :param expires_at: an aware moment; None for never; by default the successor
            has the same life as the token had, within ``APITOKENS_EXPIRY_MAX``.
        :param actor: the person or program that acts.
        :returns: the successor and its plaintext, which cannot be shown again later.
        :raises Conflict: if the token has a successor, or does not work any more.
        :raises TokenNotFound: if the row was deleted.
        :raises DomainError: another of its subclasses, whose message says what to
            change.
        """
        from flask_apitokens.domain import rotation

        successor, plaintext = rotation.rotate(
            current_apitokens.context(),
            token,
            grace=grace,
            expires_at=expires_at,
            actor=actor,
            shown=True,
        )
        return successor, plaintext.reveal()

    def delete(self, token: Token, *, actor: Actor = SYSTEM) -> None:
        """Revoke a token and delete its row.

        :param token: from :meth:`tokens_of`, :meth:`find_token` or :meth:`generate`.
        :param actor: the person or program that acts.
        :raises TokenNotFound: if the row was deleted before.
        """
        from flask_apitokens.domain import tokens

        tokens.delete(current_apitokens.context(), token, actor=actor)

    def deactivate(self, token: Token, reason: str, *, actor: Actor = SYSTEM) -> Token:
        """Stop a token until it is activated again; its owner is told the reason.

        :param token: from :meth:`tokens_of`, :meth:`find_token` or :meth:`generate`.
        :param reason: a sentence for the owner, at most 500 characters.
        :param actor: the person or program that acts.
        :returns: the same row.
        :raises InvalidReason: if the reason is missing or cannot be stored.
        :raises Conflict: if the token is revoked.
        :raises TokenNotFound: if the row was deleted.
        """
        from flask_apitokens.domain import activation

        return activation.deactivate(
            current_apitokens.context(), token, reason, actor=actor
        )

    def activate(self, token: Token, *, actor: Actor = SYSTEM) -> Token:
        """Let a deactivated token work again.

        :param token: from :meth:`tokens_of`, :meth:`find_token` or :meth:`generate`.
        :param actor: the person or program that acts.
        :returns: the same row.
        :raises Conflict: if the token is revoked.
        :raises TokenNotFound: if the row was deleted.
        """
        from flask_apitokens.domain import activation

        return activation.activate(current_apitokens.context(), token, actor=actor)

    def move_owner(
        self, old: Any, new: Any, *, actor: Actor = SYSTEM
    ) -> Sequence[Token]:
        """Give a user everything of another one, or of the key that the user had.

        Tokens, subscriptions, requests for access and the usage history follow. A name
        that a live token of *new* has gets a number, such as "Deploy (2)". The audit
        log keeps its lines, and gets one for each token.

        :param old: a user, or the primary key that a user has or had.
        :param new: a user, or the primary key of one.
        :param actor: the person or program that acts.
        :returns: the tokens that have another owner now, the oldest first.
        :raises UserNotFound: if there is no user *new*.
        :raises DifferentAccounts: if the two users belong to different accounts.
        :raises LimitReached: if both have live tokens, and together more than
            ``APITOKENS_MAX_PER_OWNER``. Revoke some of them first.
        """
        from flask_apitokens.domain import owner_move

        return owner_move.move_owner(current_apitokens.context(), old, new, actor=actor)

    def import_token(
        self,
        token: str,
        *,
        owner: Any,
        name: str = "",
        digest: str | None = None,
        service: str | None = None,
        scopes: Collection[str] = (),
        expires_at: datetime | None = None,
        account_id: str = "",
        actor: Actor = SYSTEM,
    ) -> Token | None:
        """Import a token of another system, which keeps working unchanged.

        Importing the same token again changes nothing and returns its row. See
        ``docs/how-to/importing.md``.

        :param token: the plaintext; with *digest*, the digest the other system stored.
        :param owner: the user it acts for; None for a userless token of *account_id*.
        :param name: by default "Imported token"; a name that is taken gets a number.
        :param digest: "sha256", "sha512" or "sha512-unhex" if *token* is a digest in
            hexadecimal digits.
        :param service: the slug of a declared service; None for none.
        :param scopes: the scopes of that service; empty for all of them.
        :param expires_at: an aware moment; None for never.
        :param account_id: the account of a userless token.
        :param actor: the person or program that acts.
        :returns: the row; None if the token was imported before and deleted since.
        :raises ImportRefused: if the text cannot be a token, or another user has it.
        :raises ConfigurationError: if ``APITOKENS_PEPPERS`` is not set.
        :raises Conflict: if another process imports the same token at this moment.
        """
        from flask_apitokens.crypto.plaintext import Plaintext
        from flask_apitokens.importing import service as import_service
        from flask_apitokens.importing.owners import import_owner

        text = Plaintext(token)
        del token  # so that no traceback has it
        pepper_set, ctx = current_apitokens.pepper_set, current_apitokens.context()
        if pepper_set is None:
            raise ConfigurationError("importing tokens takes APITOKENS_PEPPERS")
        item = import_service.checked_item(
            ctx,
            text,
            pepper_set=pepper_set,
            owner=import_owner(ctx, owner, account_id),
            digest=digest,
            name=name,
            service=service,
            scopes=scopes,
            expires_at=expires_at,
        )
        return import_service.import_one(ctx, item, actor=actor)
