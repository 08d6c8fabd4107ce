"""The arguments that every domain function shares: session, schema, settings, clock."""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from dataclasses import field
from datetime import UTC
from datetime import datetime
from enum import Enum
from typing import Any
from typing import Final

from sqlalchemy import select
from sqlalchemy import text
from sqlalchemy import update
from sqlalchemy.exc import StatementError
from sqlalchemy.orm import Session
from sqlalchemy.orm import scoped_session

from flask_apitokens.catalog import Catalog
from flask_apitokens.catalog import Service
from flask_apitokens.config import Settings
from flask_apitokens.db import engines
from flask_apitokens.db.mapping import Models
from flask_apitokens.db.models import Subscription
from flask_apitokens.db.models import Token

from . import journal
from .actor import Actor
from .callbacks import Callbacks
from .events import DomainEvent
from .snapshots import SubscriptionSnapshot
from .snapshots import TokenSnapshot


def utcnow() -> datetime:
    """Return the current moment, aware and in UTC."""
    return datetime.now(UTC)


class Same(Enum):
    """The type of :data:`SAME`."""

    SAME = "same"


#: an expiry that gives a successor the same life as its predecessor had
SAME: Final = Same.SAME


@dataclass(frozen=True)
class Context:
    """The arguments that every domain function shares.

    :param session: the host's; domain functions flush it, their callers commit it.
    :param deliver: hands a committed event to the subscribers; returns whether all of
        them succeeded.
    :param undelivered: the committed events that a subscriber failed for.
    """

    session: Session | scoped_session[Any]
    models: Models
    settings: Settings
    catalog: Catalog
    callbacks: Callbacks
    deliver: Callable[[DomainEvent], bool]
    now: Callable[[], datetime] = utcnow
    undelivered: list[DomainEvent] = field(default_factory=list)

    # -- what the host decides -------------------------------------------------

    def user_label(self, user: Any) -> str:
        """Return the name that people read for *user*."""
        return self.callbacks.user_label(user)

    def account_of(self, user: Any) -> str:
        """Return the account of *user*; empty if the host has only one."""
        return self.callbacks.account_of(user)

    def may_use_api(self, user: Any) -> bool:
        """Return whether *user* may hold tokens and call the API with them."""
        allowed = self.callbacks.can_use_api
        return allowed is None or allowed(user)

    def services_of(self, account_id: str) -> dict[str, Service]:
        """Return the declared services that an account has, by slug."""
        declared, has = self.catalog.services, self.callbacks.services_for
        if has is None:
            return dict(declared)
        slugs = has(account_id)
        return {slug: service for slug, service in declared.items() if slug in slugs}

    @property
    def records_calls(self) -> bool:
        """Whether calls are recorded, so that there is a usage history to show."""
        return self.settings.usage != "off"

    @property
    def dialect(self) -> str:
        """SQLAlchemy's name of the database that has our tables."""
        return self.session.get_bind(self.models.Token).dialect.name

    def key_text(self, user: Any) -> str:
        """Return the primary key of *user* as text, for the audit log and digests."""
        return str(self.models.user_id(user))

    # -- events ----------------------------------------------------------------

    def record(
        self,
        event: DomainEvent,
        *,
        form_key: bytes | None = None,
        is_logged: bool = True,
    ) -> None:
        """Append *event* to the audit log and deliver it after the commit.

        A rollback, also that of a savepoint, undoes both.

        :param form_key: the digest of the submitted form, unique in the audit log.
        :param is_logged: False if the audit log has the act already, as the row of
            another event.
        """
        if is_logged and event.action:
            row = self.models.Event(**event.log_columns(), form_key=form_key)
            self.session.add(row)
        journal.record(self.session, lambda: self._deliver(event))

    def _deliver(self, event: DomainEvent) -> None:
        # The journal logs what this raises.
        is_delivered = False
        try:
            is_delivered = self.deliver(event)
        finally:
            if not is_delivered:
                self.undelivered.append(event)

    def snapshot(
        self,
        token: Token,
        actor: Actor,
        *,
        owner: Any = None,
        owner_label: str | None = None,
    ) -> TokenSnapshot:
        """Return *token* as events describe it.

        :param actor: the actor of the event, who is often the owner.
        :param owner: the owner, if the caller has loaded the user.
        :param owner_label: the owner's label, if the caller knows it.
        """
        return TokenSnapshot(
            id=token.id,
            name=token.name,
            kind=token.kind,
            service=token.service,
            scopes=tuple(token.scopes),
            networks=tuple(token.networks or ()),
            account_id=token.account_id,
            userless=token.userless,
            owner_id=token.owner_id,
            owner_label=owner_label or self._owner_label(token, actor, owner=owner),
            expires_at=token.expires_at,
        )

    def _owner_label(self, token: Token, actor: Actor, *, owner: Any) -> str | None:
        if token.userless:
            return None
        if owner is None:
            if actor.id == str(token.owner_id):
                return actor.label
            owner = self.session.get(self.models.user, token.owner_id)
        # The label of a user who has moved to another account is private to that
        # account, so the log of this one must not show it.
        if owner is None or self.account_of(owner) != token.account_id:
            return None
        return self.user_label(owner)

    def subscription_snapshot(
        self, row: Subscription, user: Any
    ) -> SubscriptionSnapshot:
        """Return the subscription *row* of *user* as events describe it."""
        return SubscriptionSnapshot(
            user_id=self.models.user_id(user),
            user_label=self.user_label(user),
            account_id=self.account_of(user),
            service=row.service,
            active=row.active,
        )

    # -- locks -----------------------------------------------------------------

    def lock_for_write(self) -> None:
        """Begin a real transaction, and take the write lock of SQLite.

        An engine in AUTOCOMMIT begins none. SQLite has no locks on rows; the update
        changes no row and still takes the lock.
        """
        model = self.models.Token
        where = {"mapper": model}
        engines.begin_transaction(self.session.connection(bind_arguments=where))
        if self.dialect == "sqlite":
            change = update(model).where(model.id == "").values(live_name=None)
            self.session.execute(change.execution_options(synchronize_session=False))

    @contextmanager
    def savepoint(self) -> Iterator[None]:
        """Begin a savepoint; the text of an error leaves out its statement's values.

        They are the hash and the digest of a token, and the application may log it.
        """
        try:
            with self.session.begin_nested():
                yield
        except StatementError as error:
            engines.without_values(error)
            raise

    def lock_user(self, user_id: Any) -> bool:
        """Lock what belongs to a user until the transaction ends.

        :param user_id: the primary key; None, for userless tokens, locks no user.
        :returns: False if the user's row was deleted. SQLite, which ignores foreign
            keys by default, would accept new rows of that user.
        """
        self.lock_for_write()
        key = self.models.user_key
        # Inserting a row that refers to the user need not wait: key_share permits it.
        row = select(key).where(key == user_id).with_for_update(key_share=True)
        if user_id is None:
            return True
        # A column alone does not tell the session in which database its table is.
        where = {"mapper": self.models.user}
        if self.session.execute(row, bind_arguments=where).first() is None:
            return False
        self._claim(user_id)
        return True

    def _claim(self, user_id: Any) -> None:
        """Write a row of the user's, where PostgreSQL reads rows as they were before.

        Above READ COMMITTED the lock alone is no use: what was committed while it was
        awaited is not seen, so two requests could each find room for a token. Of two
        that write the same row, PostgreSQL ends the second one.

        Only a write does that. An advisory lock and ``FOR UPDATE`` make the second one
        wait, and then it still reads its old snapshot. An update of the user's own row
        would run the application's triggers and its columns that tell of a change.
        """
        level = text("SELECT current_setting('transaction_isolation')")
        where = {"mapper": self.models.Subscription}
        if self.dialect != "postgresql" or self.session.scalar(
            level, bind_arguments=where
        ) not in {"repeatable read", "serializable"}:
            return
        from sqlalchemy.dialects.postgresql import insert

        model = self.models.Subscription
        # The row of the API as a whole: until it is switched it means nothing.
        claim = insert(model).values(user_id=user_id, service="")
        claim = claim.on_conflict_do_update(
            index_elements=[model.user_id, model.service],
            set_={"service": claim.excluded.service},
        )
        self.session.execute(claim)
