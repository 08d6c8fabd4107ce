"""A token as the pages show it.

Frozen values of plain text: a template decides nothing and runs no query.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from dataclasses import replace
from datetime import datetime
from datetime import timedelta

from flask_apitokens.catalog import Catalog
from flask_apitokens.core.time_format import Moment
from flask_apitokens.core.time_format import ago
from flask_apitokens.core.time_format import day
from flask_apitokens.core.time_format import in_days
from flask_apitokens.core.time_format import in_use
from flask_apitokens.core.time_format import moment
from flask_apitokens.crypto.plaintext import Plaintext
from flask_apitokens.crypto.tokens import IMPORTED
from flask_apitokens.db.models import Token
from flask_apitokens.i18n import gettext as _

from .widgets import Badge

#: the scopes that a row names; it counts the rest
TAGS_SHOWN = 2
#: the statuses of tokens that work, or will work again without the owner's doing
LIVE = frozenset({"active", "expiring", "paused"})
#: the statuses of tokens that work now
WORKING = frozenset({"active", "expiring"})
#: the action of a token that can be rotated, after its first one
ROTATE = "rotate"
#: A token is marked "Never shown" if no browser has received its plaintext by then.
SHOWN_WITHIN = timedelta(seconds=15)


@dataclass(frozen=True)
class Note:
    """The line under a status: text, with ``{day}`` where it shows the moment."""

    text: str
    moment: Moment | None = None


@dataclass(frozen=True)
class Row:
    """A token in a list, in a dialog or on its own page.

    :param in_use: the last use as a sentence, empty for a token never used.
    :param live: whether the token works, or may work again: it can be revoked.
    :param fresh: whether this request generated it.
    :param owner: the owner's label, empty on the owner's own pages.
    :param reason: why an administrator deactivated it.
    :param actions: the names of what the signed-in user can do with it.
    :param recorded: whether calls are recorded, so that no last use means never.
    :param imported: whether another system made it, so that we never showed it.
    :param email_changed: whether it stopped because its owner's email address changed.
    :param networks: the address ranges it may be used from; empty for all.
    """

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
    in_use: str
    status: str
    badge: Badge
    live: bool
    note: Note = Note("")
    never_shown: bool = False
    fresh: bool = False
    owner: str = ""
    reason: str = ""
    actions: tuple[str, ...] = ()
    recorded: bool = True
    imported: bool = False
    email_changed: bool = False
    networks: tuple[str, ...] = ()

    @property
    def tags(self) -> tuple[str, ...]:
        """The scopes that the row names."""
        return self.scopes[:TAGS_SHOWN]

    @property
    def more_tags(self) -> int:
        """The number of further scopes."""
        return max(0, len(self.scopes) - TAGS_SHOWN)

    @property
    def shown_actions(self) -> tuple[str, ...]:
        """The actions beside the row: all of them, or the first beside a menu."""
        return self.actions if len(self.actions) <= 2 else self.actions[:1]

    @property
    def menu_actions(self) -> tuple[str, ...]:
        """The actions in the menu of the row; none if there is no menu."""
        return self.actions[len(self.shown_actions) :]

    @property
    def unused(self) -> str:
        """The text in place of a last use that is not known."""
        return _("Never used") if self.recorded else _("Not recorded")

    @property
    def use(self) -> str:
        """The last use, with the address it came from."""
        if self.last_used is None:
            return self.unused
        if not self.last_used_ip:
            return self.last_used.text
        return _("%(when)s from %(ip)s", when=self.last_used.text, ip=self.last_used_ip)


@dataclass(frozen=True)
class Example:
    """Code that uses a token, in the language that *label* names."""

    label: str
    text: str

    @property
    def needs_address(self) -> bool:
        """Whether the reader has to set the address of this site."""
        return "API_URL" in self.text


@dataclass(frozen=True)
class NewToken:
    """A new token with its plaintext, which only one response shows.

    :param lines: of a ``.env`` file, up to the plaintext, which the script adds.
    :param download: a data URL, so that a download needs no second request.
    :param back: the address of the list that has the token now.
    :param toast: the notification after the dialog is closed.
    :param old: what happens to the token that this one replaces.
    """

    row: Row
    plaintext: Plaintext
    account_id: str
    lines: str
    download: Plaintext
    examples: Sequence[Example]
    docs_url: str = ""
    dialog: bool = True
    back: str = ""
    toast: str = ""
    old: str = ""

    @property
    def file_name(self) -> str:
        """The file name of the download."""
        return f"api-token-{self.row.id}.txt"


def kind_label(kind: str) -> str:
    """Return the short name of a kind of token."""
    return {"api": _("API"), "access": _("Access")}.get(kind, kind)


def status_badges() -> dict[str, Badge]:
    """Return the badge of each status."""
    return {
        "active": Badge(_("Active"), "ok"),
        "expiring": Badge(_("Expires soon"), "warn"),
        "paused": Badge(_("Paused"), "warn"),
        "expired": Badge(_("Expired"), "bad"),
        "revoked": Badge(_("Revoked"), "off"),
        "deactivated": Badge(_("Deactivated"), "off"),
    }


def own_actions(status: str) -> tuple[str, ...]:
    """Return the actions of an owner for a token with this status.

    A token that can be rotated has :data:`ROTATE` as well.
    """
    return ("rename", "revoke", "delete") if status in LIVE else ("delete",)


def _note(token: Token, status: str, *, now: datetime, paused_by: str) -> Note:
    if status == "revoked" and token.revoked_at:
        return _on(token.revoked_at)
    if status == "deactivated" and token.deactivated_at:
        return _on(token.deactivated_at)
    if status == "paused":
        return Note(paused_by or _("Access to the service is off"))
    if token.expires_at is None:
        return Note(_("No expiry"))
    if status == "expired":
        return _on(token.expires_at)
    expires = moment(token.expires_at, day(token.expires_at))
    if status == "expiring":
        wait = in_days(token.expires_at, now)
        # Translators: the last day of a token: "21 Nov 2026, in 5 days".
        return Note(_("{day}, %(wait)s", wait=wait), expires)
    # Translators: a token works "Until 21 Nov 2026".
    return Note(_("Until {day}"), expires)


def _on(at: datetime) -> Note:
    # Translators: a token was revoked, or has expired, "On 21 Nov 2026".
    return Note(_("On {day}"), moment(at, day(at)))


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
    rotatable: bool = False,
) -> Row:
    """Return a token as a row.

    :param status: one of :data:`flask_apitokens.domain.token_status.STATUSES`.
    :param paused_by: why a paused token does not work.
    :param actions: by default the actions of its owner.
    :param rotatable: whether a successor could take its place, if it works.

    The other parameters are those of :class:`Row`.
    """
    row = _plain_row(token, status, catalog=catalog, now=now)
    unseen = token.shown_at is None and not fresh and not row.imported
    moved = email_changed and row.live
    first, *rest = actions or own_actions(status)
    # A token that is tied to an old email address does not work, but its successor is
    # tied to the owner's present address.
    if rotatable and (status in WORKING or moved):
        rest.insert(0, ROTATE)
    return replace(
        row,
        note=_note(token, status, now=now, paused_by=paused_by),
        never_shown=unseen and now - token.created_at > SHOWN_WITHIN,
        fresh=fresh,
        owner=owner,
        actions=(first, *rest),
        recorded=recorded,
        email_changed=moved,
    )


def _plain_row(token: Token, status: str, *, catalog: Catalog, now: datetime) -> Row:
    """Return what the token itself says, independent of the page."""
    end, used = token.expires_at, token.last_used_at
    return Row(
        id=token.id,
        name=token.name,
        kind=token.kind,
        kind_label=kind_label(token.kind),
        service=catalog.label(token.service),
        scopes=tuple(token.scopes),
        created=moment(token.created_at),
        created_by=token.created_by,
        last_used=ago(used, now) if used else None,
        last_used_ip=token.last_used_ip or "",
        expires=moment(end, day(end)) if end else None,
        expires_in=in_days(end, now) if end else "",
        in_use=in_use(used, now) if used else "",
        status=status,
        badge=status_badges()[status],
        live=status in LIVE,
        reason=token.deactivated_reason or "",
        imported=token.scheme == IMPORTED,
        networks=tuple(token.networks or ()),
    )
