"""The generate form: its choices, what the user entered, and its validation."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from collections.abc import Sequence
from dataclasses import dataclass
from dataclasses import field
from dataclasses import replace
from datetime import datetime
from typing import Any

from flask_apitokens.catalog import Service
from flask_apitokens.core import networks
from flask_apitokens.core.context import Context
from flask_apitokens.db.models import NAME_LENGTH
from flask_apitokens.domain import validation
from flask_apitokens.errors import DomainError
from flask_apitokens.errors import InvalidKind
from flask_apitokens.errors import ServiceUnavailable
from flask_apitokens.i18n import gettext as _
from flask_apitokens.i18n import ngettext as _n
from flask_apitokens.web.forms import GenerateForm
from flask_apitokens.web.forms import cleaned
from flask_apitokens.web.urls import OWN
from flask_apitokens.web.urls import UrlSet

from .expiry_choices import date_range
from .expiry_choices import expiry_of
from .expiry_choices import expiry_options
from .expiry_choices import expiry_values
from .expiry_choices import first_expiry
from .widgets import ErrorItem
from .widgets import Option
from .widgets import Summary

#: The most characters of a field that a refused form repeats.
ECHOED = 500
#: the length of as many of the longest networks as are allowed, with line ends
NETWORKS_LENGTH = 1000
#: the fields that show an error, each with the element the error summary links to
TARGETS = {
    "name": "at-field-name",
    "service": "at-field-service",
    "scope": "at-scopes",
    "expiry": "at-expiry",
    "networks": "at-field-networks",
}


@dataclass(frozen=True)
class GenerateInput:
    """What the user entered, as plain text."""

    kind: str
    name: str
    service: str
    scopes: Sequence[str]
    expiry: str
    expiry_date: str
    networks: str = ""

    @classmethod
    def of(cls, form: GenerateForm) -> GenerateInput:
        """Return what the user entered into *form*."""
        expiry, day = form.expiry.data, form.expiry_date.data
        if form.kind.data == "access" and form.access_expiry.data:
            expiry, day = form.access_expiry.data, form.access_expiry_date.data
        return cls(
            kind=form.kind.data or "",
            name=cleaned(form.name.data),
            service=form.service.data or "",
            scopes=tuple(form.scope.data or ()),
            expiry=expiry or "",
            expiry_date=day or "",
            networks=cleaned(form.networks.data),
        )


@dataclass(frozen=True)
class ExpiryGroup:
    """The expiry choices of a kind of token.

    Each kind has its own, of which the stylesheet shows those of the chosen kind. So a
    choice that fits is selected whatever kind is chosen, also without script.

    :param kind: empty if the form offers one kind.
    :param id: of the element.
    :param name: of the fields; that of the date ends in ``_date``.
    """

    kind: str
    id: str
    name: str
    options: Sequence[Option]
    selected: str
    date: str = ""
    error: str = ""


@dataclass(frozen=True)
class GenerateView:
    """The form as it is rendered.

    :param first_day, last_day: the range of the date field.
    :param title: of the dialog.
    :param warning: for an administrator who generates for a user.
    :param suggested: the name if the field is left empty; empty if it is required.
    :param service_known: whether the page is about one service.
    :param networks_offered: whether the token can be limited to networks.
    """

    form_id: str
    entered: GenerateInput
    kinds: Sequence[Option]
    services: Sequence[tuple[str, str]]
    scopes: Sequence[Option]
    expiries: Sequence[ExpiryGroup]
    first_day: str
    last_day: str
    errors: Mapping[str, str]
    summary: Summary | None = None
    name_length: int = NAME_LENGTH
    at: UrlSet = OWN
    title: str = ""
    warning: str = ""
    suggested: str = ""
    service_known: bool = False
    networks_offered: bool = True
    networks_length: int = NETWORKS_LENGTH


@dataclass
class FieldErrors:
    """All errors of a form, so that the user can correct them at once.

    :param general: an error that belongs to no field.
    """

    fields: dict[str, str] = field(default_factory=dict)
    general: str = ""

    def add(self, error: DomainError) -> None:
        """Add *error* to its field."""
        if error.field in TARGETS:
            self.fields.setdefault(error.field, error.message)
        else:
            self.general = error.message

    def __bool__(self) -> bool:
        return bool(self.fields or self.general)


def first_input(ctx: Context, services: Sequence[Service]) -> GenerateInput:
    """Return the values of a new form: those that give the least access."""
    settings = ctx.settings
    service = services[0] if services else None
    return GenerateInput(
        kind=settings.kinds[0],
        name="",
        service=service.slug if service else "",
        scopes=tuple(service.scopes)[:1] if service else (),
        expiry=first_expiry(ctx, settings.kinds[0]),
        expiry_date="",
    )


def presented(
    ctx: Context,
    entered: GenerateInput,
    services: Sequence[Service],
    *,
    form_id: str = "",
    refusals: FieldErrors | None = None,
    at: UrlSet = OWN,
    title: str = "",
    warning: str = "",
    suggested: str = "",
) -> GenerateView:
    """Return the form filled in with what the user entered.

    :param services: those the user may generate tokens for.
    :param form_id: of the form that was refused; a new form gets a new id.

    The other parameters are those of :class:`GenerateView`.
    """
    refusals = refusals or FieldErrors()
    first_day, last_day = date_range(ctx)
    entered = _repeatable(entered, services)
    return GenerateView(
        form_id=form_id or secrets.token_urlsafe(16),
        entered=entered,
        kinds=[option for option in _kinds(ctx) if option.value in ctx.settings.kinds],
        services=[(service.slug, service.name) for service in services],
        scopes=scopes_of(services, entered.service),
        expiries=_expiries(ctx, entered, error=refusals.fields.get("expiry", "")),
        first_day=first_day,
        last_day=last_day,
        errors={name: refusals.fields.get(name, "") for name in TARGETS},
        summary=_summary(refusals) if refusals else None,
        at=at,
        title=title or _("Generate new token"),
        warning=warning,
        suggested=suggested,
        service_known="slug" in at.values,
        networks_offered=ctx.settings.allowed_networks,
    )


def _repeatable(entered: GenerateInput, services: Sequence[Service]) -> GenerateInput:
    """Return the input as the form shows it again: shortened, with a known service."""
    if services and entered.service not in {service.slug for service in services}:
        # The service was switched off meanwhile. Offer another, without its scopes.
        entered = replace(entered, service=services[0].slug, scopes=())
    return replace(
        entered,
        name=entered.name[:ECHOED],
        expiry_date=entered.expiry_date[:ECHOED],
        networks=entered.networks[:NETWORKS_LENGTH],
    )


def _expiries(ctx: Context, entered: GenerateInput, *, error: str) -> list[ExpiryGroup]:
    """Return the expiry choices of each kind; what was entered is of one kind."""
    kinds, groups = ctx.settings.kinds, []
    here = entered.kind if entered.kind in kinds else kinds[0]
    for kind in kinds:
        values, first = expiry_values(ctx, kind=kind), first_expiry(ctx, kind)
        options = expiry_options(ctx, values)
        name = "access_expiry" if kind == "access" and len(kinds) > 1 else "expiry"
        shown = kind if len(kinds) > 1 else ""
        group = ExpiryGroup(shown, "at-expiry-2", name, options, first)
        if kind == here:
            # An access token always has a choice selected, also after a refusal.
            keeps = kind == "api" or entered.expiry in values
            group = replace(
                group,
                id=TARGETS["expiry"],
                selected=entered.expiry if keeps else first,
                date=entered.expiry_date,
                error=error,
            )
        groups.append(group)
    return groups


def _kinds(ctx: Context) -> tuple[Option, ...]:
    api = _("Sent in the Authorization header of each request.")
    if not ctx.settings.schemes:
        header = ctx.settings.headers[0]
        api = _("Sent in the header %(header)s of each request.", header=header)
    if ctx.settings.expiry_max is None:
        api = " ".join((api, _("Can be set to never expire.")))
    access = _(
        "For tools that sign in through the Login API, such as issue trackers. "
        "Always expires."
    )
    return (
        Option("api", _("API token"), api, _("Recommended")),
        Option("access", _("Access token"), access),
    )


def scopes_of(services: Sequence[Service], slug: str) -> list[Option]:
    """Return the scopes of the service *slug* as choices."""
    for service in services:
        if service.slug == slug:
            known = service.scopes.values()
            return [
                Option(scope.name, scope.name, scope.description) for scope in known
            ]
    return []


def _summary(refusals: FieldErrors) -> Summary:
    strong = _("The token was not generated.")
    items = [
        ErrorItem(TARGETS[name], refusals.fields[name])
        for name in TARGETS
        if name in refusals.fields
    ]
    if refusals.general:
        return Summary(strong, refusals.general, items)
    # A single problem is named by its link, so that a count would say nothing.
    several = _n("Fix %(n)s problem:", "Fix %(n)s problems:", len(items))
    return Summary(strong, several if len(items) > 1 else "", items)


def validate(
    ctx: Context,
    owner: Any,
    entered: GenerateInput,
    *,
    services: Sequence[Service],
    account_id: str = "",
) -> tuple[FieldErrors, datetime | None]:
    """Return the errors of a form, and the moment its token would expire.

    :param owner: the user the token is for; ``None`` for a userless token.
    :param account_id: of a userless token.
    """
    refusals = FieldErrors()
    expires_at = None
    if entered.kind not in ctx.settings.kinds:
        refusals.add(InvalidKind())
    try:
        name = validation.checked_name(ctx, entered.name)
        validation.check_name_free(ctx, owner, name, account_id=account_id)
    except DomainError as error:
        refusals.add(error)
    try:
        _check_access(ctx, entered, services)
    except DomainError as error:
        refusals.add(error)
    try:
        expires_at = expiry_of(ctx, entered, kind=entered.kind)
        validation.check_expiry(ctx, entered.kind, expires_at)
    except DomainError as error:
        refusals.add(error)
    try:
        validation.checked_networks(ctx, networks.in_words(entered.networks))
    except DomainError as error:
        refusals.add(error)
    return refusals, expires_at


def service_gone() -> ServiceUnavailable:
    """Return the error for a service that the form offers no longer."""
    return ServiceUnavailable(_("This service is no longer available. Choose another."))


def _check_access(
    ctx: Context, entered: GenerateInput, services: Sequence[Service]
) -> None:
    """Check service and scopes: where services exist, a token is for one."""
    if not ctx.catalog:
        return
    if entered.service not in {service.slug for service in services}:
        raise service_gone()
    validation.checked_scopes(ctx, entered.service, entered.scopes)
