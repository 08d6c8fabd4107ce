"""What every domain function is given: a session, the schema, the rules, a clock."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from dataclasses import field
from datetime import UTC
from datetime import datetime
from enum import Enum
from typing import Any
from typing import Final

from sqlalchemy import event
from sqlalchemy import select
from sqlalchemy import update
from sqlalchemy.orm import Session
from sqlalchemy.orm import scoped_session

from flask_apitokens.catalog import Catalog
from flask_apitokens.catalog import Service
from flask_apitokens.config import Settings
from flask_apitokens.db.mapping import Models

from .callbacks import Callbacks
from .callbacks import Notice


def utcnow() -> datetime:
    """This moment, aware and in UTC."""
    return datetime.now(UTC)


class Same(Enum):
    """Stands for an expiry that is as far off as that of a token before once was."""

    SAME = "same"


SAME: Final = Same.SAME


@dataclass(frozen=True)
class Context:
    """The surroundings of a domain function.

    :param session: the host's; domain functions flush it, edges commit it.
    :param notify: sends a signal by its name with the application as the sender.
    """

    session: Session | scoped_session[Any]
    models: Models
    settings: Settings
    catalog: Catalog
    callbacks: Callbacks
    notify: Callable[..., None]
    now: Callable[[], datetime] = utcnow
    #: what is to be told once the transaction is committed
    notices: list[Notice] = field(default_factory=list)

    def user_label(self, user: Any) -> str:
        """What people call *user*."""
        return self.callbacks.user_label(user)

    def account_of(self, user: Any) -> str:
        """The account of *user*; empty where there is only one."""
        return self.callbacks.account_of(user)

    def may_use_api(self, user: Any) -> bool:
        """Whether *user* may hold tokens and call the API with them."""
        allowed = self.callbacks.can_use_api
        return allowed is None or allowed(user)

    def services_of(self, account_id: str) -> dict[str, Service]:
        """The declared services that an account has, by slug."""
        declared, has = self.catalog.services, self.callbacks.services_for
        if has is None:
            return dict(declared)
        slugs = has(account_id)
        return {slug: service for slug, service in declared.items() if slug in slugs}

    def tell_later(self, notice: Notice) -> None:
        """Keep *notice* until what it tells of is committed; a rollback drops it."""
        if not self.notices:
            # Of the session itself: heard of the scoped one, it would be everybody's.
            session = self.session
            own = session() if isinstance(session, scoped_session) else session
            forget = self.notices.clear
            event.listen(own, "after_rollback", lambda _session: forget(), once=True)
        self.notices.append(notice)

    def tell(self) -> bool:
        """Hand the notices to the host; answers whether it took them all."""
        told = list(self.notices)
        self.notices.clear()
        return all([self.callbacks.tell(notice) for notice in told])

    @property
    def records_calls(self) -> bool:
        """Whether calls are recorded at all, so that there is something to be told."""
        return self.settings.usage != "off"

    @property
    def dialect(self) -> str:
        """The name of the database our tables are in, as SQLAlchemy has it."""
        return self.session.get_bind(self.models.Token).dialect.name

    def key_text(self, user: Any) -> str:
        """The primary key of *user* as text, for the audit log and for digests."""
        return str(self.models.user_id(user))

    def lock_for_write(self) -> None:
        """Let nobody write in between, where there are no locks on rows: on SQLite.

        An update that changes nothing takes its write lock.
        """
        model = self.models.Token
        if self.dialect == "sqlite":
            change = update(model).where(model.id == "").values(live_name=None)
            self.session.execute(change.execution_options(synchronize_session=False))

    def lock_user(self, user_id: Any) -> None:
        """Make others who change what is this user's wait until the transaction ends.

        :param user_id: the primary key; ``None``, for what is nobody's, holds nobody.
        """
        self.lock_for_write()
        key = self.models.user_key
        # Rows that only refer to the user need not wait.
        row = select(key).where(key == user_id).with_for_update(key_share=True)
        if user_id is not None:
            # A column alone does not tell the session in which database its table is.
            where = {"mapper": self.models.user}
            self.session.execute(row, bind_arguments=where)
