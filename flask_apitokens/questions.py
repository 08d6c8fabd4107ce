"""The questions before something ends: what will break, in words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from dataclasses import replace

from .i18n import gettext as _
from .i18n import ngettext as _n
from .present import Row


@dataclass(frozen=True)
class Confirm:
    """A question before something ends."""

    title: str
    action: str
    text: str
    keep: str
    go: str
    rows: Sequence[Row]
    strong: str = ""
    many: bool = False
    #: the list as it was, for who keeps what there is
    back: str = ""
    #: what was wrong with the form that asked
    problem: str = ""


def revoke_question(row: Row, action: str) -> Confirm:
    """Ask before a token is revoked."""
    return Confirm(
        title=_("Revoke “%(name)s”?", name=row.name),
        action=action,
        strong=_("Connections using this token stop at once."),
        text=_(
            "Make sure no script or service still relies on it. This cannot be undone."
        ),
        keep=_("Keep token"),
        go=_("Revoke token"),
        rows=[row],
    )


def revoke_many_question(rows: Sequence[Row], action: str) -> Confirm:
    """Ask before the tokens selected are revoked."""
    if len(rows) == 1:
        return replace(revoke_question(rows[0], action), many=True)
    return Confirm(
        # The singular is for languages that count another way.
        title=_n("Revoke %(n)s token?", "Revoke %(n)s tokens?", len(rows)),
        action=action,
        strong=_("Connections using these tokens stop at once."),
        text=_(
            "Make sure no script or service still relies on them. "
            "This cannot be undone."
        ),
        keep=_n("Keep token", "Keep tokens", len(rows)),
        go=_n("Revoke token", "Revoke tokens", len(rows)),
        rows=rows,
        many=True,
    )


def delete_question(row: Row, action: str) -> Confirm:
    """Ask before a token is deleted: what breaks, or that nothing does."""
    question = Confirm(
        title=_("Delete “%(name)s” from the list?", name=row.name),
        action=action,
        text=_inactive(row.status),
        keep=_("Keep token"),
        go=_("Delete token"),
        rows=[row],
    )
    if not row.live:
        return question
    return replace(
        question,
        title=_("Delete “%(name)s”?", name=row.name),
        strong=row.in_use or _never_in_use(row),
        text=_(
            "Make sure no service connects through this token. Connections using it "
            "stop working as soon as it is deleted, and it cannot be restored."
        ),
    )


def _never_in_use(row: Row) -> str:
    return _("Never used.") if row.recorded else _("Its use is not recorded.")


def _inactive(status: str) -> str:
    # Whole sentences: a translator cannot work with halves.
    if status == "expired":
        return _(
            "This token has already expired, so nothing stops working. Its entry "
            "disappears from your list. The audit log keeps the record."
        )
    if status == "deactivated":
        return _(
            "This token is already deactivated, so nothing stops working. Its entry "
            "disappears from your list. The audit log keeps the record."
        )
    return _(
        "This token is already revoked, so nothing stops working. Its entry "
        "disappears from your list. The audit log keeps the record."
    )
