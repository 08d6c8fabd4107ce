"""Events about subscriptions, requests for access and services."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from .events import DomainEvent
from .events import subject_columns
from .snapshots import ServiceSettingSnapshot
from .snapshots import SubscriptionSnapshot


@dataclass(frozen=True, kw_only=True)
class SubscriptionEvent(DomainEvent):
    """An event about a user's access to a service."""

    subscription: SubscriptionSnapshot

    def _about(self) -> dict[str, Any]:
        subscription = self.subscription
        return {
            "account_id": subscription.account_id,
            "service": subscription.service or None,
            **subject_columns(subscription.user_id, subscription.user_label),
        }


@dataclass(frozen=True, kw_only=True)
class SubscriptionChanged(SubscriptionEvent):
    """A subscription was switched on or off."""

    SIGNAL = "subscription_changed"

    @property
    def action(self) -> str:
        """The action in the audit log."""
        state = "activated" if self.subscription.active else "deactivated"
        return f"subscription-{state}"


@dataclass(frozen=True, kw_only=True)
class AccessRequested(SubscriptionEvent):
    """A user asks for access."""

    SIGNAL = "access_requested"
    ACTION = "access-requested"

    reason: str

    @property
    def detail(self) -> dict[str, Any]:
        """The reason."""
        return {"reason": self.reason}


@dataclass(frozen=True, kw_only=True)
class AccessWithdrawn(SubscriptionEvent):
    """A user withdrew a request for access."""

    SIGNAL = "access_withdrawn"
    ACTION = "access-withdrawn"


@dataclass(frozen=True, kw_only=True)
class AccessDecided(SubscriptionEvent):
    """A request for access was approved or declined."""

    SIGNAL = "access_decided"

    approved: bool
    reason: str

    @property
    def action(self) -> str:
        """The action in the audit log."""
        return "access-approved" if self.approved else "access-declined"

    @property
    def detail(self) -> dict[str, Any]:
        """The reason."""
        return {"reason": self.reason}


@dataclass(frozen=True, kw_only=True)
class ServiceChanged(DomainEvent):
    """A service was switched on or off for a whole account."""

    SIGNAL = "service_changed"

    setting: ServiceSettingSnapshot

    @property
    def action(self) -> str:
        """The action in the audit log."""
        return "service-enabled" if self.setting.active else "service-disabled"

    def _about(self) -> dict[str, Any]:
        setting = self.setting
        return {"account_id": setting.account_id, "service": setting.service}
