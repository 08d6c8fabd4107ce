"""The confirmations before something stops working: what will break."""

from __future__ import annotations

from collections.abc import Mapping
from collections.abc import Sequence
from dataclasses import dataclass
from dataclasses import field
from dataclasses import replace

from flask_apitokens.db.models import REASON_LENGTH
from flask_apitokens.errors import InvalidReason
from flask_apitokens.i18n import gettext as _
from flask_apitokens.i18n import ngettext as _n
from flask_apitokens.i18n import number as number_text

from .tokens import Row
from .widgets import Option


@dataclass(frozen=True)
class Reason:
    """The field for a reason, which the owner of the token reads.

    :param causes: reasons to choose from, beside or in place of a text.
    :param cause: the one that was chosen.
    """

    text: str = ""
    error: str = ""
    length: int = REASON_LENGTH
    required: bool = True
    help: str = ""
    causes: Sequence[Option] = ()
    cause: str = ""


@dataclass(frozen=True)
class Confirm:
    """A confirmation, in a dialog or on a page.

    :param back: the address of the list, for "Keep".
    :param problem: what was wrong with the form that was sent.
    :param facts: pairs of a user and what the user loses.
    :param hidden: further fields of the form.
    :param calls_label: of the numbers of calls.
    :param calls: how many calls each token made, by token id.
    :param id_label: the text beside the id of the token.
    :param difference: how it differs from the other confirmation.
    :param other: the text and the address of a link to the other confirmation.
    """

    title: str
    action: str
    text: str
    keep: str
    go: str
    rows: Sequence[Row]
    strong: str = ""
    many: bool = False
    back: str = ""
    problem: str = ""
    reason: Reason | None = None
    facts: Sequence[tuple[str, str]] = ()
    hidden: Sequence[tuple[str, str]] = ()
    calls_label: str = ""
    calls: Mapping[str, str] = field(default_factory=dict)
    id_label: str = ""
    difference: str = ""
    other: tuple[str, str] | None = None

    @property
    def stops_tokens(self) -> bool:
        """Whether working tokens would stop, so that their calls are worth showing."""
        return bool(self.rows) and bool(self.strong or self.many)


def with_calls(question: Confirm, numbers: Mapping[str, int], *, days: int) -> Confirm:
    """Return the confirmation with the number of calls of each token.

    :param numbers: from :func:`flask_apitokens.usage.totals.calls_of`.
    :param days: the days that the numbers cover.
    """
    return replace(
        question,
        calls_label=_n("Calls in %(n)s day", "Calls in %(n)s days", days),
        calls={token_id: number_text(number) for token_id, number in numbers.items()},
    )


def revoke_question(row: Row, action: str, *, delete_url: str = "") -> Confirm:
    """Return the confirmation for revoking a token.

    :param delete_url: of the confirmation for deleting it, which this one offers.
    """
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
        difference=_("It stays in the list, marked as revoked. Deleting removes it."),
        other=(_("Delete instead"), delete_url) if delete_url else None,
    )


def revoke_many_question(rows: Sequence[Row], action: str) -> Confirm:
    """Return the confirmation for revoking the selected tokens."""
    if len(rows) == 1:
        return replace(revoke_question(rows[0], action), many=True)
    return Confirm(
        # Some languages use the singular form for numbers such as 21.
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


def deactivate_question(row: Row, action: str, *, is_told: bool) -> Confirm:
    """Return the confirmation, with a reason, for deactivating a user's token.

    :param is_told: whether the owner gets a message.
    """
    text = _("Connections using this token stop at once.")
    title = _("Deactivate “%(name)s”?", name=row.name)
    if row.owner:
        title = _("Deactivate “%(name)s” of %(who)s?", name=row.name, who=row.owner)
    if is_told:
        text = _(
            "Connections using this token stop at once. %(who)s gets a message with "
            "your reason.",
            who=row.owner,
        )
    return Confirm(
        title=title,
        action=action,
        strong=row.in_use or _never_in_use(row),
        text=text,
        keep=_("Keep token"),
        go=_("Deactivate token"),
        rows=[row],
        reason=_why([row]),
    )


def deactivate_many_question(
    rows: Sequence[Row], action: str, *, is_told: bool
) -> Confirm:
    """Return the confirmation, with a reason, for deactivating the selected tokens.

    :param is_told: whether one of the owners gets a message.
    """
    if len(rows) == 1:
        question = deactivate_question(rows[0], action, is_told=is_told)
        return replace(question, many=True)
    return Confirm(
        title=_n("Deactivate %(n)s token?", "Deactivate %(n)s tokens?", len(rows)),
        action=action,
        strong=_("Connections using these tokens stop at once."),
        text=_("Their owners get a message with your reason.") if is_told else "",
        keep=_n("Keep token", "Keep tokens", len(rows)),
        go=_n("Deactivate token", "Deactivate tokens", len(rows)),
        rows=rows,
        many=True,
        reason=_why(rows),
    )


def _why(rows: Sequence[Row]) -> Reason:
    """Return the field for the reason, with the usual reasons to choose from."""
    causes = [
        Option("leaked", _("Leaked")),
        Option("left", _("Left")),
        Option("unused", _("Unused")),
        Option("other", _("Other")),
    ]
    if not all(row.recorded for row in rows):
        # Without recorded calls, a token that is used looks like one that is not.
        causes = [option for option in causes if option.value != "unused"]
    if any(row.owner for row in rows):
        return Reason(causes=causes)
    return Reason(causes=causes, help=_("Kept in the audit log."))


def reason_of(cause: str, text: str) -> str:
    """Return a reason as it is stored: what was chosen, and what was typed.

    :raises InvalidReason: if neither was given.
    """
    chosen = {
        "leaked": _("It has leaked"),
        "left": _("Its user has left"),
        "unused": _("It is not used any more"),
        "other": "",
    }
    text = text.strip()
    if not text and cause not in chosen:
        raise InvalidReason(_("Choose a reason or enter one."))
    reason = chosen.get(cause, "")
    if not reason or not text:
        return reason or text
    return _("%(reason)s: %(text)s", reason=reason, text=text)


def overwrite_question(
    row: Row, action: str, *, back: str, hidden: Sequence[tuple[str, str]]
) -> Confirm:
    """Return the confirmation for replacing the only token a user may have."""
    return Confirm(
        title=_("Generate a new token and overwrite the old one?"),
        action=action,
        strong=_("Your current token stops working at once."),
        text=_(
            "Everything that uses it needs the new token before it can connect again."
        ),
        keep=_("Keep current token"),
        go=_("Generate and overwrite"),
        rows=[row],
        back=back,
        hidden=hidden,
        id_label=_("Current token"),
    )


def activate_question(row: Row, action: str) -> Confirm:
    """Return the confirmation for activating a deactivated token."""
    return Confirm(
        title=_("Activate “%(name)s” again?", name=row.name),
        action=action,
        strong=_("Everyone who has this token can use it again at once."),
        text=_("It was deactivated for this reason: %(reason)s", reason=row.reason),
        keep=_("Keep it deactivated"),
        go=_("Activate token"),
        rows=[row],
    )


def delete_question(row: Row, action: str, *, revoke_url: str = "") -> Confirm:
    """Return the confirmation for deleting a token from the list.

    :param revoke_url: of the confirmation for revoking it, which this one offers if
        the token is not revoked or expired.
    """
    question = Confirm(
        title=_("Delete “%(name)s” from the list?", name=row.name),
        action=action,
        text=_inactive(row.status),
        keep=_("Keep token"),
        go=_("Delete token"),
        rows=[row],
    )
    if revoke_url and (row.live or row.status == "deactivated"):
        question = replace(
            question,
            difference=_("Revoking keeps it in the list, marked as revoked."),
            other=(_("Revoke instead"), revoke_url),
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
    # Whole sentences, because a translation cannot be put together from halves.
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
