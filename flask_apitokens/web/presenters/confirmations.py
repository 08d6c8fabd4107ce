"""The confirmations before something stops working: what will break."""

from __future__ import annotations

from collections.abc import Mapping
from collections.abc import Sequence
from dataclasses import dataclass
from dataclasses import field
from dataclasses import replace
from datetime import datetime

from flask_apitokens.core.time_format import ago
from flask_apitokens.db.models import REASON_LENGTH
from flask_apitokens.db.pagination import COUNT_LIMIT
from flask_apitokens.domain.users import Member
from flask_apitokens.i18n import gettext as _
from flask_apitokens.i18n import ngettext as _n

from .tokens import Row

#: the most users that a confirmation names
_FACTS = 20


@dataclass(frozen=True)
class Reason:
    """The field for a reason, which the owner of the token reads."""

    text: str = ""
    error: str = ""
    length: int = REASON_LENGTH
    required: bool = True
    help: str = ""


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
        calls={token_id: f"{number:,}" for token_id, number in numbers.items()},
    )


def revoke_question(row: Row, action: str) -> Confirm:
    """Return the confirmation for revoking a token."""
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


def deactivate_question(row: Row, action: str) -> Confirm:
    """Return the confirmation, with a reason, for deactivating a user's token."""
    if row.owner:
        title = _("Deactivate “%(name)s” of %(who)s?", name=row.name, who=row.owner)
        told = _(
            "Connections using this token stop at once. %(who)s gets a message with "
            "your reason.",
            who=row.owner,
        )
    else:
        title = _("Deactivate “%(name)s”?", name=row.name)
        told = _("Connections using this token stop at once.")
    return Confirm(
        title=title,
        action=action,
        strong=row.in_use or _never_in_use(row),
        text=told,
        keep=_("Keep token"),
        go=_("Deactivate token"),
        rows=[row],
        reason=Reason(),
    )


def deactivate_many_question(rows: Sequence[Row], action: str) -> Confirm:
    """Return the confirmation, with a reason, for deactivating the selected tokens."""
    if len(rows) == 1:
        return replace(deactivate_question(rows[0], action), many=True)
    return Confirm(
        title=_n("Deactivate %(n)s token?", "Deactivate %(n)s tokens?", len(rows)),
        action=action,
        strong=_("Connections using these tokens stop at once."),
        text=_("Their owners get a message with your reason."),
        keep=_n("Keep token", "Keep tokens", len(rows)),
        go=_n("Deactivate token", "Deactivate tokens", len(rows)),
        rows=rows,
        many=True,
        reason=Reason(),
    )


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


def service_off_question(name: str, tokens: int, *, action: str, back: str) -> Confirm:
    """Return the confirmation for switching a service off for a whole account."""
    return Confirm(
        title=_("Turn off %(service)s for everybody?", service=name),
        action=action,
        strong=_stopping(tokens, _("at once")),
        text=_paused(tokens),
        keep=_("Keep it on"),
        go=_("Turn off"),
        rows=(),
        back=back,
        hidden=[("active", "0")],
    )


def users_off_question(
    losing: Sequence[tuple[str, Member]],
    *,
    action: str,
    back: str,
    hidden: Sequence[tuple[str, str]],
    now: datetime,
    recorded: bool = True,
) -> Confirm:
    """Return the confirmation for switching a service off for some users.

    :param losing: the labels of the users, with their tokens.
    """
    users, tokens = len(losing), sum(member.tokens for _label, member in losing)
    return Confirm(
        title=_n(
            "Turn off API access for %(n)s user?",
            "Turn off API access for %(n)s users?",
            users,
        ),
        action=action,
        strong=_stopping(tokens, _("when you save")),
        text=_paused(tokens),
        keep=_("Back to editing"),
        go=_("Save and turn off"),
        rows=(),
        back=back,
        facts=[
            (label, _holding(member, now, recorded=recorded))
            for label, member in losing[:_FACTS]
        ],
        hidden=hidden,
    )


def decline_question(who: str, service: str, *, action: str, back: str) -> Confirm:
    """Return the confirmation, with an optional reason, for declining a request."""
    return Confirm(
        title=_("Decline the request of %(who)s?", who=who),
        action=action,
        text=_(
            "%(who)s is told that access to %(service)s was declined, and can ask "
            "again.",
            who=who,
            service=service,
        ),
        keep=_("Keep waiting"),
        go=_("Decline request"),
        rows=(),
        back=back,
        reason=Reason(
            required=False,
            help=_("Shown to the user and kept in the audit log."),
        ),
        hidden=[("do", "decline")],
    )


def _stopping(tokens: int, when: str) -> str:
    if not tokens:
        return _("No token stops working.")
    if tokens > COUNT_LIMIT:
        return _(
            "More than %(n)s tokens stop working %(when)s.",
            n=f"{COUNT_LIMIT:,}",
            when=when,
        )
    return _n(
        "%(n)s token stops working %(when)s.",
        "%(n)s tokens stop working %(when)s.",
        tokens,
        when=when,
    )


def _paused(tokens: int) -> str:
    if not tokens:
        return ""
    return _n(
        "It is paused, not deleted, and works again if you turn access back on.",
        "They are paused, not deleted, and work again if you turn access back on.",
        tokens,
    )


def _holding(member: Member, now: datetime, *, recorded: bool) -> str:
    if not member.tokens:
        return _("No tokens")
    tokens = _n("%(n)s token", "%(n)s tokens", member.tokens)
    if not recorded:
        return tokens
    if member.last_used_at is None:
        return _("%(tokens)s, never used", tokens=tokens)
    used = ago(member.last_used_at, now).text
    return _("%(tokens)s, last used %(when)s", tokens=tokens, when=used)


def delete_question(row: Row, action: str) -> Confirm:
    """Return the confirmation for deleting a token from the list."""
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
