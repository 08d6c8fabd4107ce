"""The methods for subscriptions, services and requests for access."""

from __future__ import annotations

from typing import Any

from flask_apitokens.core.actor import SYSTEM
from flask_apitokens.core.actor import Actor
from flask_apitokens.core.context import Context
from flask_apitokens.db.models import ServiceSetting
from flask_apitokens.db.models import Subscription
from flask_apitokens.state import current_apitokens


class ServiceMethods:
    """Decide which user and which account may use which service."""

    def subscribe(self, user: Any, slug: str, *, actor: Actor = SYSTEM) -> Subscription:
        """Let *user* use a service; this approves a request that waits for it.

        :param user: a user.
        :param slug: the service.
        :param actor: the person or program that acts.
        :returns: the row of the subscription.
        :raises ServiceUnavailable: if no such service is declared.
        """
        from flask_apitokens.domain import subscriptions

        return subscriptions.activate(
            current_apitokens.context(), user, slug, actor=actor
        )

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
        from flask_apitokens.domain import subscriptions

        return subscriptions.deactivate(
            current_apitokens.context(), user, slug, actor=actor
        )

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
        from flask_apitokens.domain import subscriptions

        return subscriptions.switch_service(
            current_apitokens.context(), account_id, slug, active=True, actor=actor
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
        from flask_apitokens.domain import subscriptions

        return subscriptions.switch_service(
            current_apitokens.context(), account_id, slug, active=False, actor=actor
        )

    # -- requests for access ---------------------------------------------------

    def request_access(
        self, user: Any, slug: str, *, reason: str = "", actor: Actor | None = None
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
        from flask_apitokens.domain import access_requests

        ctx = current_apitokens.context()
        who = actor or _actor_of(ctx, user)
        return access_requests.request(ctx, user, slug, reason=reason, actor=who)

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
        from flask_apitokens.domain import access_requests

        ctx = current_apitokens.context()
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
        from flask_apitokens.domain import access_requests

        return access_requests.settle(
            current_apitokens.context(),
            user,
            slug,
            approve=approve,
            reason=reason,
            actor=actor,
        )


def _actor_of(ctx: Context, user: Any) -> Actor:
    return Actor(ctx.user_label(user), ctx.key_text(user))
