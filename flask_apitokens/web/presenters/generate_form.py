"""The generate form: what it offers, and whether what was asked for can be had."""

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
from flask_apitokens.web.urls import OWN
from flask_apitokens.web.urls import UrlSet

from .expiry_choices import date_range
from .expiry_choices import expiry_of
from .expiry_choices import expiry_options
from .expiry_choices import expiry_words
from .widgets import ErrorItem
from .widgets import Option
from .widgets import Summary

#: what comes back into a field of what was sent in it: nobody typed megabytes
ECHOED = 500
#: what the widest networks, as many as there may be, take up with their line ends
NETWORKS_LENGTH = 1000
#: the fields that have a place for an error, and where the summary's link leads
TARGETS = {
    "name": "name",
    "service": "service",
    "scope": "at-scopes",
    "expiry": "at-expiry",
    "networks": "networks",
}


@dataclass(frozen=True)
class GenerateInput:
    """What the form was filled in with, as plain text."""

    kind: str
    name: str
    service: str
    scopes: Sequence[str]
    expiry: str
    expiry_date: str
    networks: str = ""

    @classmethod
    def of(cls, form: GenerateForm) -> GenerateInput:
        """What *form* asks for."""
        return cls(
            kind=form.kind.data or "",
            name=form.name.data or "",
            service=form.service.data or "",
            scopes=tuple(form.scope.data or ()),
            expiry=form.expiry.data or "",
            expiry_date=form.expiry_date.data or "",
            networks=form.networks.data or "",
        )


@dataclass(frozen=True)
class GenerateView:
    """The form as it is rendered: choices, input, errors."""

    form_id: str
    entered: GenerateInput
    kinds: Sequence[Option]
    services: Sequence[tuple[str, str]]
    scopes: Sequence[Option]
    expiries: Sequence[Option]
    #: the range of the date field
    first_day: str
    last_day: str
    errors: Mapping[str, str]
    summary: Summary | None = None
    name_length: int = NAME_LENGTH
    at: UrlSet = OWN
    #: of the dialog
    title: str = ""
    #: what an administrator should know who generates for somebody else
    warning: str = ""
    #: what it is called if nobody names it; empty where a name is needed
    suggested: str = ""
    #: whether the service goes without saying
    service_known: bool = False
    #: whether it may be limited to networks, and how much may be written about them
    networks_offered: bool = True
    networks_length: int = NETWORKS_LENGTH


@dataclass
class FieldErrors:
    """What speaks against a wish, all of it, so that it can be put right at once."""

    fields: dict[str, str] = field(default_factory=dict)
    #: what no single field can put right
    general: str = ""

    def add(self, error: DomainError) -> None:
        """Note *error* beside its field."""
        if error.field in TARGETS:
            self.fields.setdefault(error.field, error.message)
        else:
            self.general = error.message

    def __bool__(self) -> bool:
        return bool(self.fields or self.general)


def first_input(ctx: Context, services: Sequence[Service]) -> GenerateInput:
    """What a new form is filled in with: the least access there is."""
    settings = ctx.settings
    words = expiry_words(ctx)
    word = str(settings.expiry_default or "never")
    service = services[0] if services else None
    return GenerateInput(
        kind=settings.kinds[0],
        name="",
        service=service.slug if service else "",
        scopes=tuple(service.scopes)[:1] if service else (),
        expiry=word if word in words else words[0],
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
    """The form filled in with *wish*.

    :param services: those the user may generate for.
    :param form_id: of the form that was refused; a new form gets a new one.
    :param at: the list the token will stand in.
    :param warning: what an administrator should know.
    :param suggested: the name of a token that is not given one.
    """
    first_day, last_day = date_range(ctx)
    refusals = refusals or FieldErrors()
    offered = {service.slug for service in services}
    if services and entered.service not in offered:
        # It was switched off meanwhile: what is offered instead, with its own scopes.
        entered = replace(entered, service=services[0].slug, scopes=())
    entered = replace(
        entered,
        name=entered.name[:ECHOED],
        expiry_date=entered.expiry_date[:ECHOED],
        networks=entered.networks[:NETWORKS_LENGTH],
    )
    return GenerateView(
        form_id=form_id or secrets.token_urlsafe(16),
        entered=entered,
        kinds=[option for option in _kinds(ctx) if option.value in ctx.settings.kinds],
        services=[(service.slug, service.name) for service in services],
        scopes=scopes_of(services, entered.service),
        expiries=expiry_options(ctx, expiry_words(ctx)),
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


def _kinds(ctx: Context) -> tuple[Option, ...]:
    api = _(
        "Sent in the Authorization header of each request. Can be set to never expire."
    )
    if ctx.settings.expiry_max is not None:
        api = _("Sent in the Authorization header of each request.")
    access = _(
        "For tools that sign in through the Login API, such as issue trackers. "
        "Always expires."
    )
    return (
        Option("api", _("API token"), api, _("Recommended")),
        Option("access", _("Access token"), access),
    )


def scopes_of(services: Sequence[Service], slug: str) -> list[Option]:
    """The access a token of the service *slug* can have."""
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
    intro = _n("Fix %(n)s thing:", "Fix %(n)s things:", len(items))
    return Summary(strong, intro, items)


def validate(
    ctx: Context,
    owner: Any,
    entered: GenerateInput,
    services: Sequence[Service],
    *,
    account_id: str = "",
) -> tuple[FieldErrors, datetime | None]:
    """Everything that speaks against *wish*, and the moment its token would expire.

    :param account_id: of a userless token.
    """
    refusals = FieldErrors()
    expires_at = None
    if entered.kind not in ctx.settings.kinds:
        refusals.add(InvalidKind())
    try:
        name = validation.clean_name(entered.name)
        validation.check_name_free(ctx, owner, name, account_id=account_id)
    except DomainError as error:
        refusals.add(error)
    try:
        _check_access(ctx, entered, services)
    except DomainError as error:
        refusals.add(error)
    try:
        expires_at = expiry_of(ctx, entered)
        validation.check_expiry(ctx, entered.kind, expires_at)
    except DomainError as error:
        refusals.add(error)
    try:
        validation.checked_networks(ctx, networks.in_words(entered.networks))
    except DomainError as error:
        refusals.add(error)
    return refusals, expires_at


def _check_access(
    ctx: Context, entered: GenerateInput, services: Sequence[Service]
) -> None:
    """Where the host declares services, a user's token is for one of them."""
    if not ctx.catalog:
        return
    if entered.service not in {service.slug for service in services}:
        raise ServiceUnavailable
    validation.checked_scopes(ctx, entered.service, entered.scopes)
