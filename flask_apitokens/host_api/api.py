"""``HostAPI``: all methods for an application's code."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from flask_apitokens.db.models import Event
from flask_apitokens.state import current_apitokens

from .services import ServiceMethods
from .tokens import TokenMethods


class HostAPI(TokenMethods, ServiceMethods):
    """The methods of :class:`~flask_apitokens.APITokens` for an application's code.

    They work in ``db.session``, inside an application context. The application commits
    it. Signals are sent and ``on_notice`` is called after that commit; a rollback
    discards them with the change.

    The *actor* of a method is the person or program that acts, for the audit log. An
    owner gets no notice of what the application does without naming an actor.
    """

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
        from flask_apitokens.audit import queries as audit_queries

        query = audit_queries.LogQuery(q=q, since=since, before=before)
        return audit_queries.newest(
            current_apitokens.context(), query, account_id=account_id, limit=limit
        )
