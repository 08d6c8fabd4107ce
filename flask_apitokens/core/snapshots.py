"""Snapshots: frozen copies of rows, which events and notices carry.

They stay readable when the row is changed or deleted later.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any


@dataclass(frozen=True, kw_only=True)
class TokenSnapshot:
    """A token at the moment of an event.

    :param owner_id: the primary key of the owner; None for a userless token.
    :param owner_label: the name of the owner, usually an email address. None for a
        userless token, and if the owner is not known in the token's account.
    """

    id: str
    name: str
    kind: str
    service: str | None
    scopes: tuple[str, ...]
    networks: tuple[str, ...]
    account_id: str
    userless: bool
    owner_id: Any
    owner_label: str | None
    expires_at: datetime | None


@dataclass(frozen=True, kw_only=True)
class SubscriptionSnapshot:
    """The subscription of a user to a service at the moment of an event.

    :param service: the slug of the service; empty for the API as a whole.
    :param active: whether the user may use it; None if it was never switched.
    """

    user_id: Any
    user_label: str
    account_id: str
    service: str
    active: bool | None


@dataclass(frozen=True, kw_only=True)
class ServiceSettingSnapshot:
    """The switch of a service for a whole account at the moment of an event."""

    account_id: str
    service: str
    active: bool
