"""What the pages show, worked out before a template is asked.

Frozen values made of plain text: a template decides nothing and asks the database for
nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from dataclasses import field
from datetime import datetime
from datetime import timedelta

from flask_apitokens.catalog import Catalog
from flask_apitokens.core.time_format import Moment
from flask_apitokens.core.time_format import ago
from flask_apitokens.core.time_format import day
from flask_apitokens.core.time_format import in_days
from flask_apitokens.core.time_format import in_use
from flask_apitokens.core.time_format import moment
from flask_apitokens.crypto.tokens import IMPORTED
from flask_apitokens.db.models import Token
from flask_apitokens.i18n import gettext as _

from .widgets import Badge

#: tags a row shows before it counts the rest
TAGS_SHOWN = 2
#: the statuses of tokens that work, or will again when nothing is off for them
LIVE = frozenset({"active", "expiring", "paused"})
#: those of them that work now
WORKING = frozenset({"active", "expiring"})
#: a secret that no browser got by then is marked "Never shown"
SHOWN_WITHIN = timedelta(seconds=15)


@dataclass(frozen=True)
class Note:
    """The line under a status: words around a moment."""

    before: str = ""
    moment: Moment | None = None
    after: str = ""


@dataclass(frozen=True)
class Row:
    """One token, as lists, dialogs and its own page show it."""

    id: str
    name: str
    kind: str
    kind_label: str
    service: str
    scopes: tuple[str, ...]
    created: Moment
    created_by: str
    last_used: Moment | None
    last_used_ip: str
    expires: Moment | None
    expires_in: str
    #: the last use as a sentence, empty for a token never used
    in_use: str
    status: str
    badge: Badge
    note: Note
    never_shown: bool
    #: whether it can still open a door: then it can be renamed and revoked
    live: bool
    fresh: bool = False
    #: what an administrator is told of whose it is
    owner: str = ""
    #: why an administrator stopped it
    reason: str = ""
    #: the names of what can be done with it here
    actions: tuple[str, ...] = ()
    #: whether the host has uses recorded at all
    recorded: bool = True
    #: whether another system made it: its value never was here to be shown
    imported: bool = False
    #: whether it waits for an address that its owner no longer has
    email_changed: bool = False
    #: the ranges of addresses it may be used from; none for all
    networks: tuple[str, ...] = ()

    @property
    def tags(self) -> tuple[str, ...]:
        """The scopes a row has room for."""
        return self.scopes[:TAGS_SHOWN]

    @property
    def more_tags(self) -> int:
        """How many scopes it has no room for."""
        return max(0, len(self.scopes) - TAGS_SHOWN)

    @property
    def unused(self) -> str:
        """What is said in place of a last use, where none is known."""
        return _("Never used") if self.recorded else _("Not recorded")

    @property
    def use(self) -> str:
        """Its last use in a sentence: what breaks when it goes."""
        if self.last_used is None:
            return self.unused
        if not self.last_used_ip:
            return self.last_used.text
        return _("%(when)s from %(ip)s", when=self.last_used.text, ip=self.last_used_ip)


@dataclass(frozen=True)
class Example:
    """Lines that use a token, in the language that *label* names."""

    label: str
    text: str


@dataclass(frozen=True)
class NewToken:
    """A new token, the one time its plaintext is at hand."""

    row: Row
    plaintext: str = field(repr=False)
    account_id: str
    download: str = field(repr=False)
    examples: Sequence[Example]
    docs_url: str = ""
    dialog: bool = True
    #: the list it stands in now, and what is said once its dialog is closed
    back: str = ""
    toast: str = ""
    #: what is said of the token whose place it took
    old: str = ""

    @property
    def file_name(self) -> str:
        """What the download is called."""
        return f"api-token-{self.row.id}.txt"


# -- tokens --------------------------------------------------------------------


def kind_label(kind: str) -> str:
    """The short name of a kind of token."""
    return {"api": _("API"), "access": _("Access")}.get(kind, kind)


def status_badges() -> dict[str, Badge]:
    """The chip of each status."""
    return {
        "active": Badge(_("Active"), "ok"),
        "expiring": Badge(_("Expires soon"), "warn"),
        "paused": Badge(_("Paused"), "warn"),
        "expired": Badge(_("Expired"), "bad"),
        "revoked": Badge(_("Revoked"), "off"),
        "deactivated": Badge(_("Deactivated"), "off"),
    }


def own_actions(status: str) -> tuple[str, ...]:
    """What an owner can do with a token of this status."""
    return ("rename", "revoke", "delete") if status in LIVE else ("delete",)


def _note(token: Token, status: str, now: datetime, paused_by: str) -> Note:
    if status == "revoked" and token.revoked_at:
        return Note(_("On"), moment(token.revoked_at, day(token.revoked_at)))
    if status == "deactivated" and token.deactivated_at:
        at = token.deactivated_at
        return Note(_("On"), moment(at, day(at)))
    if status == "paused":
        return Note(paused_by or _("Access to the service is off"))
    if token.expires_at is None:
        return Note(_("No expiry"))
    expires = moment(token.expires_at, day(token.expires_at))
    if status == "expired":
        return Note(_("On"), expires)
    if status == "expiring":
        return Note("", expires, _(", %(wait)s", wait=in_days(token.expires_at, now)))
    return Note(_("Until"), expires)


def row_of(
    token: Token,
    status: str,
    *,
    catalog: Catalog,
    now: datetime,
    fresh: bool = False,
    owner: str = "",
    paused_by: str = "",
    actions: tuple[str, ...] = (),
    recorded: bool = True,
    email_changed: bool = False,
) -> Row:
    """The token as it is shown.

    :param owner: what people call its owner, for others than the owner.
    :param paused_by: what a paused token waits for.
    :param actions: what can be done with it; by default what its owner can.
    :param status: one of :data:`flask_apitokens.tokens.STATUSES`.
    :param fresh: whether it was generated a moment ago, by this very request.
    :param recorded: whether uses are recorded, so that none means never.
    :param email_changed: whether it is tied to an address its owner no longer has.
    """
    at = token.expires_at
    imported = token.scheme == IMPORTED
    unseen = token.shown_at is None and not fresh and not imported
    return Row(
        id=token.id,
        name=token.name,
        kind=token.kind,
        kind_label=kind_label(token.kind),
        service=catalog.label(token.service),
        scopes=tuple(token.scopes),
        created=moment(token.created_at),
        created_by=token.created_by,
        last_used=ago(token.last_used_at, now) if token.last_used_at else None,
        last_used_ip=token.last_used_ip or "",
        expires=moment(at, day(at)) if at else None,
        expires_in=in_days(at, now) if at else "",
        in_use=in_use(token.last_used_at, now) if token.last_used_at else "",
        status=status,
        badge=status_badges()[status],
        note=_note(token, status, now, paused_by),
        never_shown=unseen and now - token.created_at > SHOWN_WITHIN,
        live=status in LIVE,
        fresh=fresh,
        owner=owner,
        reason=token.deactivated_reason or "",
        actions=actions or own_actions(status),
        recorded=recorded,
        imported=imported,
        email_changed=email_changed and status in LIVE,
        networks=tuple(token.networks or ()),
    )


# -- addresses -----------------------------------------------------------------
