"""The methods of ``APITokens`` that an application calls.

Each method imports the rules when it is called, because a process that only guards
calls never needs them.
"""

from __future__ import annotations

from collections.abc import Collection
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from flask_apitokens.core.actor import SYSTEM
from flask_apitokens.core.actor import Actor
from flask_apitokens.core.context import SAME
from flask_apitokens.core.context import Context
from flask_apitokens.core.context import Same
from flask_apitokens.db.models import Event
from flask_apitokens.db.models import ServiceSetting
from flask_apitokens.db.models import Subscription
from flask_apitokens.db.models import Token

from .errors import ConfigurationError
from .state import current_apitokens


class HostAPI:
    """The methods of :class:`~flask_apitokens.APITokens` for an application's code.

    They work in ``db.session``, inside an application context. The application commits
    it. Signals are sent and ``on_notice`` is called after that commit; a rollback
    discards them with the change.

    The *actor* of a method is the person or program that acts, for the audit log. An
    owner gets no notice of what the application does without naming an actor.
    """

    # -- tokens ----------------------------------------------------------------

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
        :param expires_at: an aware moment; None for never.
        :param networks: the ranges of addresses it may be used from, such as
            ``192.0.2.0/24``; empty for all addresses.
        :param account_id: the account of a userless token.
        :param actor: the person or program that acts.
        :returns: the row and the plaintext, which cannot be shown again later.
        :raises DomainError: one of its subclasses, whose message says what to change.
        """
        from .domain import tokens

        return tokens.generate(
            _context(),
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
        """Return all tokens of a user, newest first.

        :param owner: a user.
        """
        from .domain import tokens

        return tokens.all_of(_context(), owner)

    def find_token(self, token_id: str) -> Token:
        """Return the token with an id, of any owner or of none.

        :param token_id: the 12 characters of ``current_token.id``.
        :raises TokenNotFound: if no token has this id.
        """
        from .domain import tokens

        return tokens.find_token(_context(), token_id)

    def revoke(self, token: Token, *, actor: Actor = SYSTEM) -> Token:
        """Revoke a token for good; its row stays. A second call changes nothing.

        :param token: from :meth:`tokens_of`, :meth:`find_token` or :meth:`generate`.
        :param actor: the person or program that acts.
        :returns: the same row.
        :raises TokenNotFound: if the row was deleted.
        """
        from .domain import tokens

        return tokens.revoke(_context(), token, actor=actor)

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
        from .domain import rotation

        return rotation.rotate(
            _context(),
            token,
            grace=grace,
            expires_at=expires_at,
            actor=actor,
            shown=True,
        )

    def delete(self, token: Token, *, actor: Actor = SYSTEM) -> None:
        """Revoke a token and delete its row.

        :param token: from :meth:`tokens_of`, :meth:`find_token` or :meth:`generate`.
        :param actor: the person or program that acts.
        :raises TokenNotFound: if the row was deleted before.
        """
        from .domain import tokens

        tokens.delete(_context(), token, actor=actor)

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
        from .domain import activation

        return activation.deactivate(_context(), token, reason, actor=actor)

    def activate(self, token: Token, *, actor: Actor = SYSTEM) -> Token:
        """Let a deactivated token work again.

        :param token: from :meth:`tokens_of`, :meth:`find_token` or :meth:`generate`.
        :param actor: the person or program that acts.
        :returns: the same row.
        :raises Conflict: if the token is revoked.
        :raises TokenNotFound: if the row was deleted.
        """
        from .domain import activation

        return activation.activate(_context(), token, actor=actor)

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
        from .importing import service as import_service
        from .importing.owners import import_owner

        pepper_set, ctx = current_apitokens.pepper_set, _context()
        if pepper_set is None:
            raise ConfigurationError("importing tokens takes APITOKENS_PEPPERS")
        item = import_service.checked_item(
            ctx,
            token,
            pepper_set=pepper_set,
            owner=import_owner(ctx, owner, account_id),
            digest=digest,
            name=name,
            service=service,
            scopes=scopes,
            expires_at=expires_at,
        )
        return import_service.import_one(ctx, item, actor=actor)

    # -- services --------------------------------------------------------------

    def subscribe(self, user: Any, slug: str, *, actor: Actor = SYSTEM) -> Subscription:
        """Let *user* use a service; this approves a request that waits for it.

        :param user: a user.
        :param slug: the service.
        :param actor: the person or program that acts.
        :returns: the row of the subscription.
        :raises ServiceUnavailable: if no such service is declared.
        """
        from .domain import subscriptions

        return subscriptions.activate(_context(), user, slug, actor=actor)

    def unsubscribe(
        self, user: Any, slug: str, *, actor: Actor = SYSTEM
    ) -> Subscription:
        """Stop *user* from using a service; the tokens for it are paused.

        :param user: a user.
        :param slug: the service.
        :param actor: the person or program that acts.
        :returns: the row of the subscription.
        :raises ServiceUnavailable: if no such service is declared.
        """
        from .domain import subscriptions

        return subscriptions.deactivate(_context(), user, slug, actor=actor)

    def enable_service(
        self, slug: str, account_id: str = "", *, actor: Actor = SYSTEM
    ) -> ServiceSetting:
        """Switch a service on for a whole account. A service is on by default.

        :param slug: the service.
        :param account_id: the account; empty if the application has no accounts.
        :param actor: the person or program that acts.
        :returns: the row of the switch.
        :raises ServiceUnavailable: if the account has no such service.
        """
        from .domain import subscriptions

        return subscriptions.switch_service(
            _context(), account_id, slug, active=True, actor=actor
        )

    def disable_service(
        self, slug: str, account_id: str = "", *, actor: Actor = SYSTEM
    ) -> ServiceSetting:
        """Switch a service off for a whole account; the tokens for it are paused.

        :param slug: the service.
        :param account_id: the account; empty if the application has no accounts.
        :param actor: the person or program that acts.
        :returns: the row of the switch.
        :raises ServiceUnavailable: if the account has no such service.
        """
        from .domain import subscriptions

        return subscriptions.switch_service(
            _context(), account_id, slug, active=False, actor=actor
        )

    # -- requests for access ---------------------------------------------------

    def request_access(
        self, user: Any, slug: str, reason: str = "", *, actor: Actor | None = None
    ) -> Subscription:
        """Ask for access in the name of *user*; the administrators are told.

        :param user: a user.
        :param slug: a service that the user lacks; empty for the API as a whole.
        :param reason: a text for the administrators, at most 500 characters.
        :param actor: the person or program that acts, by default the user.
        :returns: the row of the subscription, which has the request.
        :raises Conflict: if the user has the access, or has asked for it already.
        :raises InvalidReason: if the reason cannot be stored.
        """
        from .domain import access_requests

        ctx = _context()
        who = actor or _actor_of(ctx, user)
        return access_requests.request(ctx, user, slug, reason, actor=who)

    def withdraw_access(
        self, user: Any, slug: str, *, actor: Actor | None = None
    ) -> Subscription:
        """Withdraw a request for access in the name of *user*.

        :param user: the user who asked.
        :param slug: the service; empty for the API as a whole.
        :param actor: the person or program that acts, by default the user.
        :returns: the row of the subscription.
        :raises Conflict: if no such request waits.
        """
        from .domain import access_requests

        ctx = _context()
        who = actor or _actor_of(ctx, user)
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
        """Approve or decline a request; the user is told.

        An approved request subscribes the user to the service. A request for the API
        as a whole only records the decision: the application grants that itself
        (``can_use_api``), for example in a receiver of ``access_decided``.

        :param user: the user who asked.
        :param slug: the service; empty for the API as a whole.
        :param approve: whether to approve the request.
        :param reason: a text for the user, at most 500 characters.
        :param actor: the person or program that acts.
        :returns: the row of the subscription.
        :raises Conflict: if no such request waits, or the account has no such service.
        :raises InvalidReason: if the reason cannot be stored.
        """
        from .domain import access_requests

        return access_requests.settle(
            _context(), user, slug, approve=approve, reason=reason, actor=actor
        )

    # -- the audit log ---------------------------------------------------------

    def audit_log(
        self,
        account_id: str = "",
        *,
        q: str = "",
        since: datetime | None = None,
        before: int | None = None,
        limit: int = 50,
    ) -> Sequence[Event]:
        """Return the newest events of an account, newest first.

        :param account_id: the account; empty if the application has no accounts.
        :param q: a part of a user's label, of a token's name or of its id.
        :param since: an aware moment; older events are left out.
        :param before: the ``id`` of an event; only older ones, to read on from it.
        :param limit: the highest number of events.
        """
        from .audit import queries as audit_queries

        query = audit_queries.LogQuery(q=q, since=since, before=before)
        return audit_queries.newest(
            _context(), query, account_id=account_id, limit=limit
        )


def _context() -> Context:
    return current_apitokens.context()


def _actor_of(ctx: Context, user: Any) -> Actor:
    return Actor(ctx.user_label(user), ctx.key_text(user))
