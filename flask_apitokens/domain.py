"""What every domain function is given: a session, the schema, the rules, a clock."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC
from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session
from sqlalchemy.orm import scoped_session

from .catalog import Catalog
from .config import Settings
from .models import Models


def utcnow() -> datetime:
    """This moment, aware and in UTC."""
    return datetime.now(UTC)


@dataclass(frozen=True)
class Actor:
    """Who does something, for the audit log: kept as text, so that it outlives them.

    :param label: what people read, usually an email address.
    :param id: the primary key as text; none for the command line and the system.
    :param ip: the address the act came from, where it came over the network.
    """

    label: str
    id: str | None = None
    ip: str | None = None


#: the plugin itself, or host code that names nobody
SYSTEM = Actor("system")


@dataclass(frozen=True)
class Domain:
    """The surroundings of a domain function.

    :param session: the host's; domain functions flush it, edges commit it.
    :param notify: sends a signal by its name with the application as the sender.
    """

    session: Session | scoped_session[Any]
    models: Models
    settings: Settings
    catalog: Catalog
    user_label: Callable[[Any], str]
    account_of: Callable[[Any], str]
    notify: Callable[..., None]
    now: Callable[[], datetime] = utcnow

    def key_text(self, user: Any) -> str:
        """The primary key of *user* as text, for the audit log and for digests."""
        return str(self.models.user_id(user))
