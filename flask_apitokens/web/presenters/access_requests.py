"""What stands in ``#at-panel``: what a user may not use, and how they ask for it."""

from __future__ import annotations

from collections.abc import Mapping
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from flask_apitokens.core.context import Context
from flask_apitokens.core.time_format import Moment
from flask_apitokens.core.time_format import day_and_time
from flask_apitokens.core.time_format import moment
from flask_apitokens.db.models import REASON_LENGTH
from flask_apitokens.db.models import Subscription
from flask_apitokens.domain import access_requests
from flask_apitokens.i18n import gettext as _

#: what is chosen to ask for each service there is; no service can be called so
ALL = "*"


@dataclass(frozen=True)
class AccessForm:
    """What was typed into the form and why it did not do.

    :param service: what was chosen.
    :param reason: what it is for.
    :param error: what is wrong with the reason.
    :param problem: what is wrong with the form as a whole.
    """

    service: str = ""
    reason: str = ""
    error: str = ""
    problem: str = ""


@dataclass(frozen=True)
class AccessRequestRow:
    """One request of the user's own.

    :param at: when it was made, or decided.
    :param reason: of the user, or of the administrator who declined it; of an
        approval, what it still waits for.
    """

    slug: str
    service: str
    at: Moment
    reason: str


@dataclass(frozen=True)
class AccessPanel:
    """All requests of a user and the form for another."""

    waiting: Sequence[AccessRequestRow]
    declined: Sequence[AccessRequestRow]
    #: granted to no effect yet
    approved: Sequence[AccessRequestRow]
    #: what can be asked for; a single empty value is the API as a whole
    options: Sequence[tuple[str, str]]
    #: whether anybody is there to decide
    answered: bool
    #: whether a message follows the decision
    told: bool
    #: whether it stands in the place of the tokens
    alone: bool
    #: what administrators see the user as
    who: str
    draft: AccessForm
    length: int = REASON_LENGTH

    @property
    def has_form(self) -> bool:
        """Whether there is something to ask for and somebody to ask."""
        return self.answered and bool(self.options)

    @property
    def has_card(self) -> bool:
        """Whether it is said what a user lacks."""
        lacks = self.has_form or (self.alone and not self.waiting)
        return lacks or bool(self.approved)

    @property
    def is_first(self) -> bool:
        """Whether what is lacking is everything, and nothing is under way."""
        return self.alone and not self.waiting


def access_panel(
    ctx: Context,
    user: Any,
    states: Mapping[str, bool],
    *,
    alone: bool,
    draft: AccessForm | None = None,
) -> AccessPanel:
    """What *user* lacks, and what became of their requests.

    :param states: every service of theirs and whether they may use it now.
    :param alone: whether there are no tokens to show above it.
    """
    lacking = access_requests.requestable(ctx, user, states)
    # Who lacks nothing has no use for a request, and most pages save the statement.
    content = not lacking and all(states.values())
    made = {} if content else access_requests.requests_of(ctx, user)
    waiting = {
        slug: row for slug, row in made.items() if access_requests.is_waiting(row)
    }
    declined = [
        row
        for slug, row in made.items()
        if slug in lacking and row.decision == "declined"
    ]
    return AccessPanel(
        waiting=[_waiting(ctx, row) for row in waiting.values()],
        declined=[_declined(ctx, row) for row in declined],
        approved=[
            _request(ctx, row, row.decided_at, awaited)
            for row in made.values()
            if (awaited := _awaited(row, lacking, states))
        ],
        options=_options(ctx, [slug for slug in lacking if slug not in waiting]),
        answered=ctx.callbacks.is_admin is not None,
        told=ctx.callbacks.on_notice is not None,
        alone=alone,
        who=ctx.user_label(user),
        draft=draft or AccessForm(),
    )


def _awaited(
    row: Subscription, lacking: Sequence[str], states: Mapping[str, bool]
) -> str:
    """What an approval still waits for; empty for one that counts, and for no one."""
    if row.decision != "approved":
        return ""
    if row.service == access_requests.WHOLE_API:
        allowed = access_requests.WHOLE_API not in lacking
        return "" if allowed else _("It counts once the application lets you use it.")
    # What is on for its user and off all the same is off for everybody there.
    off = bool(row.active) and states.get(row.service) is False
    if not off or access_requests.WHOLE_API in lacking:
        return ""
    return _("It counts once the service is on for your whole account.")


def _options(ctx: Context, slugs: Sequence[str]) -> list[tuple[str, str]]:
    options = [(slug, label_of(ctx, slug)) for slug in slugs]
    return [*options, (ALL, _("All services"))] if len(options) > 1 else options


def label_of(ctx: Context, slug: str) -> str:
    """What a request is for, in a table."""
    return ctx.catalog.label(slug) if slug else _("The whole API")


def _waiting(ctx: Context, row: Subscription) -> AccessRequestRow:
    return _request(ctx, row, row.requested_at, row.request_reason)


def _declined(ctx: Context, row: Subscription) -> AccessRequestRow:
    return _request(ctx, row, row.decided_at, row.decision_reason)


def _request(
    ctx: Context, row: Subscription, at: Any, reason: str | None
) -> AccessRequestRow:
    slug = row.service
    when = moment(at, day_and_time(at))
    return AccessRequestRow(slug, label_of(ctx, slug), when, reason or "")
