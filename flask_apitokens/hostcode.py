"""What host code asks for in Python, in its own session and its own transaction."""

from __future__ import annotations

from collections.abc import Collection
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from . import access
from . import audit_log
from . import subscriptions
from . import tokens
from .audit_log import LogQuery
from .domain import SYSTEM
from .domain import Actor
from .models import Event
from .models import ServiceSetting
from .models import Subscription
from .models import Token
from .state import current_apitokens


class HostCode:
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
        domain = current_apitokens.domain()
        made = tokens.generate(
            domain,
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
        domain.tell()
        return made

    def tokens_of(self, owner: Any) -> Sequence[Token]:
        """All tokens of a user, newest first, in the host's session."""
        return tokens.all_of(current_apitokens.domain(), owner)

    def revoke(self, token: Token, *, actor: Actor = SYSTEM) -> Token:
        """End a token in the host's session; the host commits.

        :param token: one of :meth:`tokens_of`, or of :meth:`generate`.
        :raises TokenNotFound: if its row is gone.
        """
        domain = current_apitokens.domain()
        tokens.revoke(domain, token, actor=actor)
        domain.tell()
        return token

    def delete(self, token: Token, *, actor: Actor = SYSTEM) -> None:
        """End a token and remove its row, in the host's session; the host commits.

        :param token: one of :meth:`tokens_of`, or of :meth:`generate`.
        :raises TokenNotFound: if its row is gone already.
        """
        domain = current_apitokens.domain()
        tokens.delete(domain, token, actor=actor)
        domain.tell()

    def subscribe(self, user: Any, slug: str, *, actor: Actor = SYSTEM) -> Subscription:
        """Let *user* use a service, in the host's session; the host commits.

        :raises ServiceUnavailable: if no such service is declared.
        """
        domain = current_apitokens.domain()
        return subscriptions.activate(domain, user, slug, actor=actor)

    def unsubscribe(
        self, user: Any, slug: str, *, actor: Actor = SYSTEM
    ) -> Subscription:
        """Stop *user* from using a service, in the host's session; the host commits.

        :raises ServiceUnavailable: if no such service is declared.
        """
        domain = current_apitokens.domain()
        return subscriptions.deactivate(domain, user, slug, actor=actor)

    def deactivate(self, token: Token, reason: str, *, actor: Actor = SYSTEM) -> Token:
        """Stop a token until it is activated again; its owner is told the reason.

        :param token: one of :meth:`tokens_of`, or of :meth:`generate`.
        :raises InvalidReason: if the reason is missing or cannot be stored.
        :raises Conflict: if the token is revoked.
        :raises TokenNotFound: if its row is gone.
        """
        domain = current_apitokens.domain()
        tokens.deactivate(domain, token, reason, actor=actor)
        domain.tell()
        return token

    def activate(self, token: Token, *, actor: Actor = SYSTEM) -> Token:
        """Let a deactivated token work again.

        :raises Conflict: if the token is revoked.
        :raises TokenNotFound: if its row is gone.
        """
        domain = current_apitokens.domain()
        tokens.activate(domain, token, actor=actor)
        domain.tell()
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
        domain = current_apitokens.domain()
        switch = subscriptions.switch_service
        row = switch(domain, account_id, slug, active=active, actor=actor)
        domain.tell()
        return row

    def request_access(
        self, user: Any, slug: str, reason: str = "", *, actor: Actor | None = None
    ) -> Subscription:
        """Ask for access in the name of *user*; administrators are told.

        :param slug: a service the user lacks; empty for the API as a whole.
        :param actor: who does it, by default the user.
        :raises Conflict: if it cannot be asked for, or was asked for already.
        :raises InvalidReason: if the reason cannot be stored.
        """
        domain = current_apitokens.domain()
        who = actor or Actor(domain.user_label(user), domain.key_text(user))
        row = access.request(domain, user, slug, reason, actor=who)
        domain.tell()
        return row

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
        query = LogQuery(q=q, since=since, before=before)
        domain = current_apitokens.domain()
        return audit_log.newest(domain, query, account_id=account_id, limit=limit)
