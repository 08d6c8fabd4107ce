"""The content of ``#at-panel``: a user's access requests and the form for another."""

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
from flask_apitokens.domain import subscriptions
from flask_apitokens.i18n import gettext as _

#: the choice that requests every service; no slug can have this value
ALL = "*"


@dataclass(frozen=True)
class AccessForm:
    """The access form as the user filled it in, and its errors.

    :param reason: why the user needs access.
    :param error: about the reason.
    :param problem: about the form as a whole.
    """

    service: str = ""
    reason: str = ""
    error: str = ""
    problem: str = ""


@dataclass(frozen=True)
class AccessRequestRow:
    """One of the user's requests.

    :param at: when it was made, or decided.
    :param reason: of the user, or of the administrator who declined the request. For
        an approval, what else has to happen before it counts.
    """

    slug: str
    service: str
    at: Moment
    reason: str


@dataclass(frozen=True)
class AccessPanel:
    """The requests of a user and the form for another.

    :param approved: the approvals that have no effect yet.
    :param options: what can be requested; a single empty value is the whole API.
    :param answered: whether the host has administrators who can decide.
    :param told: whether the host sends a message about the decision.
    :param alone: whether the panel takes the place of the tokens.
    :param who: the user's label, as administrators see it.
    :param draft: the form, filled in again after an error.
    """

    waiting: Sequence[AccessRequestRow]
    declined: Sequence[AccessRequestRow]
    approved: Sequence[AccessRequestRow]
    options: Sequence[tuple[str, str]]
    answered: bool
    told: bool
    alone: bool
    who: str
    draft: AccessForm
    length: int = REASON_LENGTH

    @property
    def has_form(self) -> bool:
        """Whether there is something to request, and someone who can decide."""
        return self.answered and bool(self.options)

    @property
    def has_card(self) -> bool:
        """Whether the card about missing access is shown."""
        lacks = self.has_form or (self.alone and not self.waiting)
        return lacks or bool(self.approved)

    @property
    def is_first(self) -> bool:
        """Whether the user has no access at all and no request is waiting."""
        return self.alone and not self.waiting


def access_panel(
    ctx: Context,
    user: Any,
    states: Mapping[str, bool],
    *,
    alone: bool,
    draft: AccessForm | None = None,
) -> AccessPanel:
    """Return what *user* can request, and the state of the user's requests.

    :param states: the services of the user's account, and whether each is on.
    :param alone: whether the panel takes the place of the tokens.
    """
    lacking = access_requests.requestable(ctx, user, states)
    # A user who has all access needs no request, so most pages save this statement.
    content = not lacking and all(states.values())
    made = {} if content else access_requests.requests_of(ctx, user)
    waiting = {slug: row for slug, row in made.items() if subscriptions.is_waiting(row)}
    declined = [
        row
        for slug, row in made.items()
        if slug in lacking and row.decision == "declined"
    ]
    return AccessPanel(
        waiting=[_waiting(ctx, row) for row in waiting.values()],
        declined=[_declined(ctx, row) for row in declined],
        approved=[
            _request(ctx, row, row.decided_at, reason=awaited)
            for row in made.values()
            if (awaited := _awaited(row, lacking, states=states))
        ],
        options=_options(ctx, [slug for slug in lacking if slug not in waiting]),
        answered=ctx.callbacks.is_admin is not None,
        told=ctx.callbacks.on_notice is not None,
        alone=alone,
        who=ctx.user_label(user),
        draft=draft or AccessForm(),
    )


def _awaited(
    row: Subscription, lacking: Sequence[str], *, states: Mapping[str, bool]
) -> str:
    """Return why an approval has no effect yet; empty if it has, or is no approval."""
    if row.decision != "approved":
        return ""
    if row.service == access_requests.WHOLE_API:
        allowed = access_requests.WHOLE_API not in lacking
        return (
            ""
            if allowed
            else _("You can use it as soon as the application lets you use the API.")
        )
    # The subscription is on but the service is off: it is off for the whole account.
    off = bool(row.active) and states.get(row.service) is False
    if not off or access_requests.WHOLE_API in lacking:
        return ""
    return _("You can use it as soon as the service is on for your whole account.")


def _options(ctx: Context, slugs: Sequence[str]) -> list[tuple[str, str]]:
    options = [(slug, label_of(ctx, slug)) for slug in slugs]
    return [*options, (ALL, _("All services"))] if len(options) > 1 else options


def label_of(ctx: Context, slug: str) -> str:
    """Return the name of what a request is for."""
    return ctx.catalog.label(slug) if slug else _("The whole API")


def _waiting(ctx: Context, row: Subscription) -> AccessRequestRow:
    return _request(ctx, row, row.requested_at, reason=row.request_reason)


def _declined(ctx: Context, row: Subscription) -> AccessRequestRow:
    return _request(ctx, row, row.decided_at, reason=row.decision_reason)


def _request(
    ctx: Context, row: Subscription, at: Any, *, reason: str | None
) -> AccessRequestRow:
    slug = row.service
    when = moment(at, day_and_time(at))
    return AccessRequestRow(slug, label_of(ctx, slug), when, reason or "")
