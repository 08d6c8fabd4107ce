"""What host code asks for in Python, in its own session and its own transaction.

Each method imports what it needs: a process that only guards calls needs none of it.
"""

from __future__ import annotations

from collections.abc import Collection
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from flask_apitokens.core.actor import SYSTEM
from flask_apitokens.core.actor import Actor
from flask_apitokens.core.context import SAME
from flask_apitokens.core.context import Same
from flask_apitokens.db.models import Event
from flask_apitokens.db.models import ServiceSetting
from flask_apitokens.db.models import Subscription
from flask_apitokens.db.models import Token

from .errors import ConfigurationError
from .state import current_apitokens


class HostAPI:
    """The methods of :class:`~flask_apitokens.APITokens` for an application's code.

    All work in the host's session, which the host commits. People who are to hear of
    it are told at once, by ``on_notice``, since nobody says when that is.
    """

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
        """Make a token in the host's session; the host commits.

        :param owner: the user it acts for; ``None`` makes a userless token of
            *account_id*.
        :param name: unique among the owner's live tokens.
        :param kind: "api", or "access", which must expire.
        :param service: the slug of a service the owner may use.
        :param scopes: what it may do there.
        :param expires_at: an aware moment.
        :param networks: the ranges of addresses it may be used from, such as
            ``192.0.2.0/24``; none for all.
        :param actor: who does it, for the audit log.
        :returns: the row and the plaintext, which nothing can show again.
        :raises DomainError: whichever of its kinds tells what to change.
        """
        from .domain import tokens

        ctx = current_apitokens.context()
        return tokens.generate(
            ctx,
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

    def tokens_of(self, owner: Any) -> Sequence[Token]:
        """All tokens of a user, newest first, in the host's session."""
        from .domain import tokens

        return tokens.all_of(current_apitokens.context(), owner)

    def find_token(self, token_id: str) -> Token:
        """The token with an id, whosever it is, in the host's session.

        :param token_id: the 12 characters people read, ``current_token.id``.
        :raises TokenNotFound: if there is none.
        """
        from .domain import tokens

        return tokens.find_any(current_apitokens.context(), token_id)

    def revoke(self, token: Token, *, actor: Actor = SYSTEM) -> Token:
        """End a token in the host's session; the host commits.

        :param token: one of :meth:`tokens_of`, :meth:`find_token` or :meth:`generate`.
        :raises TokenNotFound: if its row is gone.
        """
        from .domain import tokens

        ctx = current_apitokens.context()
        tokens.revoke(ctx, token, actor=actor)
        return token

    def rotate(
        self,
        token: Token,
        *,
        grace: int | None = None,
        expires_at: datetime | None | Same = SAME,
        actor: Actor = SYSTEM,
    ) -> tuple[Token, str]:
        """Give a token a successor in the host's session; the host commits.

        The successor has the same name, service, scopes, kind, account and owner.

        :param token: one of :meth:`tokens_of`, :meth:`find_token` or :meth:`generate`.
        :param grace: days that the old one works beside it, one of
            ``APITOKENS_ROTATION_GRACE``; by default the shortest that is more than 0.
        :param expires_at: an aware moment, ``None`` for never; by default it lives as
            long as the old one was to, as far as ``APITOKENS_EXPIRY_MAX`` allows.
        :param actor: who does it, for the audit log.
        :returns: the successor and its plaintext, which nothing can show again.
        :raises Conflict: if the token was rotated before, or does not work any more.
        :raises TokenNotFound: if its row is gone.
        :raises DomainError: whichever of its kinds tells what to change.
        """
        from .domain import rotation

        ctx = current_apitokens.context()
        return rotation.rotate(
            ctx,
            token,
            grace=grace,
            expires_at=expires_at,
            actor=actor,
            shown=True,
        )

    def delete(self, token: Token, *, actor: Actor = SYSTEM) -> None:
        """End a token and remove its row, in the host's session; the host commits.

        :param token: one of :meth:`tokens_of`, :meth:`find_token` or :meth:`generate`.
        :raises TokenNotFound: if its row is gone already.
        """
        from .domain import tokens

        ctx = current_apitokens.context()
        tokens.delete(ctx, token, actor=actor)

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
        """Take in a token that another system made; it goes on working as it is.

        In the host's session, which the host commits. The same one again changes
        nothing and answers the row it has; see ``docs/how-to/importing.md``.

        :param token: the plaintext; with *digest*, what the other system kept of it.
        :param owner: the user it acts for; ``None`` for a userless token of
            *account_id*.
        :param name: default, "Imported token"; numbered, as one that is taken.
        :param digest: "sha256", "sha512" or "sha512-unhex" of a digest in hexadecimal.
        :param service: the slug of a declared service.
        :param scopes: what it may do there; default, all of it.
        :param expires_at: an aware moment.
        :param actor: who does it, for the audit log.
        :returns: the row; none for a token that was imported and deleted before.
        :raises ImportRefused: for what cannot be a token, or is somebody else's.
        :raises ConfigurationError: without ``APITOKENS_PEPPERS``.
        :raises Conflict: if the same is being imported at this moment.
        """
        from .importing import (
            service as import_service,  # for hosts that imported tokens alone
        )
        from .importing.owners import import_owner

        state = current_apitokens
        if state.pepper_set is None:
            raise ConfigurationError("importing tokens takes APITOKENS_PEPPERS")
        ctx = state.context()
        item = import_service.checked_item(
            ctx,
            token,
            pepper_set=state.pepper_set,
            owner=import_owner(ctx, owner, account_id),
            digest=digest,
            name=name,
            service=service,
            scopes=scopes,
            expires_at=expires_at,
        )
        return import_service.import_one(ctx, item, actor=actor)

    def subscribe(self, user: Any, slug: str, *, actor: Actor = SYSTEM) -> Subscription:
        """Let *user* use a service, in the host's session; the host commits.

        Who asked for it has their answer, and is told.

        :raises ServiceUnavailable: if no such service is declared.
        """
        from .domain import subscriptions

        ctx = current_apitokens.context()
        return subscriptions.activate(ctx, user, slug, actor=actor)

    def unsubscribe(
        self, user: Any, slug: str, *, actor: Actor = SYSTEM
    ) -> Subscription:
        """Stop *user* from using a service, in the host's session; the host commits.

        :raises ServiceUnavailable: if no such service is declared.
        """
        from .domain import subscriptions

        ctx = current_apitokens.context()
        return subscriptions.deactivate(ctx, user, slug, actor=actor)

    def deactivate(self, token: Token, reason: str, *, actor: Actor = SYSTEM) -> Token:
        """Stop a token until it is activated again; its owner is told the reason.

        :param token: one of :meth:`tokens_of`, :meth:`find_token` or :meth:`generate`.
        :raises InvalidReason: if the reason is missing or cannot be stored.
        :raises Conflict: if the token is revoked.
        :raises TokenNotFound: if its row is gone.
        """
        from .domain import activation

        ctx = current_apitokens.context()
        activation.deactivate(ctx, token, reason, actor=actor)
        return token

    def activate(self, token: Token, *, actor: Actor = SYSTEM) -> Token:
        """Let a deactivated token work again.

        :raises Conflict: if the token is revoked.
        :raises TokenNotFound: if its row is gone.
        """
        from .domain import activation

        ctx = current_apitokens.context()
        activation.activate(ctx, token, actor=actor)
        return token

    def enable_service(
        self, slug: str, account_id: str = "", *, actor: Actor = SYSTEM
    ) -> ServiceSetting:
        """Switch a service on for a whole account, as it is unless switched off.

        :raises ServiceUnavailable: if the account has no such service.
        """
        return self._switch(slug, account_id, active=True, actor=actor)

    def disable_service(
        self, slug: str, account_id: str = "", *, actor: Actor = SYSTEM
    ) -> ServiceSetting:
        """Switch a service off for a whole account: its tokens are paused.

        :raises ServiceUnavailable: if the account has no such service.
        """
        return self._switch(slug, account_id, active=False, actor=actor)

    def _switch(
        self, slug: str, account_id: str, *, active: bool, actor: Actor
    ) -> ServiceSetting:
        from .domain import subscriptions

        ctx = current_apitokens.context()
        switch = subscriptions.switch_service
        return switch(ctx, account_id, slug, active=active, actor=actor)

    def request_access(
        self, user: Any, slug: str, reason: str = "", *, actor: Actor | None = None
    ) -> Subscription:
        """Ask for access in the name of *user*; administrators are told.

        :param slug: a service the user lacks; empty for the API as a whole.
        :param actor: who does it, by default the user.
        :raises Conflict: if it cannot be asked for, or was asked for already.
        :raises InvalidReason: if the reason cannot be stored.
        """
        from .domain import access_requests

        ctx = current_apitokens.context()
        who = actor or Actor(ctx.user_label(user), ctx.key_text(user))
        return access_requests.request(ctx, user, slug, reason, actor=who)

    def withdraw_access(
        self, user: Any, slug: str, *, actor: Actor | None = None
    ) -> Subscription:
        """Take a request for access back in the name of *user*.

        :param slug: what was asked for; empty for the API as a whole.
        :param actor: who does it, by default the user.
        :raises Conflict: if no such request waits.
        """
        from .domain import access_requests

        ctx = current_apitokens.context()
        who = actor or Actor(ctx.user_label(user), ctx.key_text(user))
        return access_requests.withdraw(ctx, user, slug, actor=who)

    def decide_access(
        self,
        user: Any,
        slug: str,
        *,
        approve: bool,
        reason: str = "",
        actor: Actor = SYSTEM,
    ) -> Subscription:
        """Answer what *user* asked for, who is told; approved, the service is on.

        The API as a whole (``can_use_api``) is yours to grant.

        :param slug: what was asked for; empty for the API as a whole.
        :param reason: for the user to read.
        :param actor: who does it, for the audit log.
        :raises Conflict: if no such request waits, or the account has no such service.
        :raises InvalidReason: if the reason cannot be stored.
        """
        from .domain import access_requests

        ctx = current_apitokens.context()
        return access_requests.settle(
            ctx, user, slug, approve=approve, reason=reason, actor=actor
        )

    def audit_log(
        self,
        account_id: str = "",
        *,
        q: str = "",
        since: datetime | None = None,
        before: int | None = None,
        limit: int = 50,
    ) -> Sequence[Event]:
        """The newest events of an account, newest first.

        :param q: part of what a person is called, of a token's name or of its id.
        :param since: an aware moment; nothing from before it.
        :param before: the ``id`` of an event: older ones only, to read on.
        """
        from .audit import queries as audit_queries

        query = audit_queries.LogQuery(q=q, since=since, before=before)
        ctx = current_apitokens.context()
        return audit_queries.newest(ctx, query, account_id=account_id, limit=limit)
