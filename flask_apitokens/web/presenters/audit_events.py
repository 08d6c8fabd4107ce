"""The audit log: events as texts, a page of them, and a CSV file."""

from __future__ import annotations

import json
from collections.abc import Mapping
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from flask import url_for

from flask_apitokens.audit.queries import GROUPS
from flask_apitokens.catalog import Catalog
from flask_apitokens.core import csv_export
from flask_apitokens.core.actor import HOLDER
from flask_apitokens.core.actor import SYSTEM
from flask_apitokens.core.time_format import Moment
from flask_apitokens.core.time_format import moment
from flask_apitokens.core.time_format import to_the_second
from flask_apitokens.db.models import Event
from flask_apitokens.db.pagination import KeysetPage
from flask_apitokens.i18n import gettext as _
from flask_apitokens.i18n import ngettext as _n

from .widgets import Badge
from .widgets import PageLinks

#: the header of the CSV file
CSV_HEADER = (
    *("time", "person", "action", "token_id", "token_name", "service"),
    *("subject", "ip", "detail"),
)


def action_badges() -> dict[str, Badge]:
    """Return the badge of each action."""
    return {
        "generated": Badge(_("Token generated"), "ok"),
        "imported": Badge(_("Token imported"), "ok"),
        "renamed": Badge(_("Token renamed"), "plain"),
        "moved": Badge(_("Token moved"), "plain"),
        "rotated": Badge(_("Token rotated"), "plain"),
        "late-use": Badge(_("Used after rotation"), "bad"),
        "revoked": Badge(_("Token revoked"), "bad"),
        "deactivated": Badge(_("Token deactivated"), "bad"),
        "activated": Badge(_("Token activated"), "ok"),
        "deleted": Badge(_("Token deleted"), "bad"),
        "subscription-activated": Badge(_("Subscription turned on"), "ok"),
        "subscription-deactivated": Badge(_("Subscription turned off"), "warn"),
        "service-enabled": Badge(_("Service turned on for everybody"), "ok"),
        "service-disabled": Badge(_("Service turned off for everybody"), "warn"),
        "access-requested": Badge(_("Access requested"), "plain"),
        "access-withdrawn": Badge(_("Access request withdrawn"), "plain"),
        "access-approved": Badge(_("Access request approved"), "ok"),
        "access-declined": Badge(_("Access request declined"), "bad"),
    }


def groups_offered() -> list[tuple[str, str]]:
    """Return the choices of the event filter."""
    words = {
        "generated": _("Generated"),
        "imported": _("Imported"),
        "renamed": _("Renamed"),
        "moved": _("Moved to another owner"),
        "rotated": _("Rotated, or used after rotation"),
        "ended": _("Revoked, deactivated or deleted"),
        "activated": _("Activated"),
        "services": _("Subscriptions and services"),
        "requests": _("Access requests"),
    }
    return [("", _("All events")), *((group, words[group]) for group in GROUPS)]


# -- of one token --------------------------------------------------------------


@dataclass(frozen=True)
class EventLine:
    """A line in the events of one token.

    :param by: the person, or what acted in place of one.
    :param note: the reason, or the other token of a rotation.
    """

    at: Moment
    text: str
    by: str
    ip: str
    note: str = ""


def event_line(event: Event) -> EventLine:
    """Return an event of one token as a line."""
    words = {
        "generated": _("Generated"),
        "imported": _("Imported"),
        "revoked": _("Revoked"),
        "deleted": _("Deleted"),
        "rotated": _("Rotated"),
        "late-use": _("Refused: still used after rotation"),
        "deactivated": _("Deactivated"),
        "activated": _("Activated"),
        "moved": _("Moved to another owner"),
        "renamed": _("Renamed to “%(name)s”", name=event.token_name or ""),
    }
    return EventLine(
        moment(event.at),
        words.get(event.action, event.action),
        _person(event),
        event.ip or "",
        str(event.detail.get("reason") or "") or _replacement(event),
    )


def _person(event: Event) -> str:
    named = {SYSTEM.label: _("System"), HOLDER: _("Holder of the token")}
    label = event.actor_label
    return label if event.actor_id is not None else named.get(label, label)


# -- of an account -------------------------------------------------------------


@dataclass(frozen=True)
class EventRow:
    """An event in the audit log of an account.

    :param about: the token, the user or the service that the event is about.
    :param code: the id of the token.
    :param sub: the owner of the token, or the service.
    :param note: the former name, the reason, or the other token of a rotation.
    """

    at: Moment
    person: str
    badge: Badge
    about: str
    code: str
    sub: str
    note: str
    ip: str


def row_of(event: Event, catalog: Catalog) -> EventRow:
    """Return an event as a row."""
    subject = event.subject_label or event.subject_id or ""
    service = catalog.label(event.service) if event.service else ""
    if event.token_id:
        about, sub = event.token_name or "", _whose(event, subject)
    elif subject:
        about, sub = subject, service or _("The API as a whole")
    else:
        about, sub = service, ""
    return EventRow(
        to_the_second(event.at),
        _person(event),
        action_badges().get(event.action, Badge(event.action, "plain")),
        about,
        event.token_id or "",
        sub,
        _note(event),
        event.ip or "",
    )


def _whose(event: Event, subject: str) -> str:
    """Return the owner of the token if that is not the person who acted."""
    if event.subject_id is None:
        return _("Userless")
    mine = event.actor_id == event.subject_id
    return "" if mine else _("of %(who)s", who=subject)


def _note(event: Event) -> str:
    detail = event.detail
    if detail.get("old_name"):
        return _("was “%(name)s”", name=detail["old_name"])
    if detail.get("why") == "owner deleted":
        return _("Its owner was deleted")
    return str(detail.get("reason") or "") or _replacement(event)


def _replacement(event: Event) -> str:
    """Return the other token of a rotation, or the former owner."""
    if event.detail.get("successor"):
        return _("replaced by %(id)s", id=event.detail["successor"])
    if event.detail.get("predecessor"):
        return _("replaces %(id)s", id=event.detail["predecessor"])
    if event.detail.get("from_label"):
        return _("from %(who)s", who=event.detail["from_label"])
    return ""


@dataclass(frozen=True)
class EventList:
    """One page of the audit log: the content of ``#at-list``.

    :param args: the search and the filters, as arguments of an address.
    :param address: of a page that shows the same list.
    :param focus: whether the page was reached by a page link, not by a search.
    """

    rows: Sequence[EventRow]
    args: Mapping[str, Any]
    links: PageLinks
    address: str
    focus: bool = False

    @property
    def count(self) -> str:
        """The number of events on this page, as text."""
        return _n("%(n)s event", "%(n)s events", len(self.rows))

    @property
    def announce(self) -> str:
        """The text that a screen reader speaks when the list changes."""
        number = len(self.rows)
        if self.focus and self.rows:
            first, last = self.rows[0].at.text, self.rows[-1].at.text
            return _("Events of %(last)s to %(first)s", last=last, first=first)
        if self.links.next:
            return _n(
                "More than %(n)s event found", "More than %(n)s events found", number
            )
        return _n("%(n)s event found", "%(n)s events found", number)


def list_of(
    page: KeysetPage[Event],
    catalog: Catalog,
    *,
    args: Mapping[str, Any],
    place: Mapping[str, Any],
    focus: bool,
) -> EventList:
    """Return one page of events with the links to its neighbours.

    :param args: the search and the filters, as arguments of an address.
    :param place: the page, likewise.
    """
    items, url = page.items, partial(url_for, "apitokens_admin.audit")
    newer = {**args, "after": items[0].id} if items and page.has_newer else None
    older = {**args, "before": items[-1].id} if items and page.has_older else None
    rows = [row_of(event, catalog) for event in items]
    links = PageLinks.of(url, previous=newer, following=older)
    return EventList(rows, args, links, url(**args, **place), focus)


# -- as a file -----------------------------------------------------------------


def csv_cells(row: Any) -> Sequence[str | None]:
    """Return the cells of an event below :data:`CSV_HEADER`.

    :param row: with the attributes of :data:`.audit.queries.COLUMNS`.
    """
    return (
        csv_export.at(row.at),
        row.actor_label,
        row.action,
        row.token_id,
        row.token_name,
        row.service,
        row.subject_label or row.subject_id,
        row.ip,
        json.dumps(row.detail, ensure_ascii=False) if row.detail else "",
    )
