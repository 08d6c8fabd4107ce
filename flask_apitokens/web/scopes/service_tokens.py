"""Tokens of one service before an administrator: a user's, and the userless ones."""

from __future__ import annotations

import secrets
from abc import abstractmethod
from dataclasses import dataclass
from dataclasses import replace
from typing import Any

from flask import request
from flask import url_for
from flask.typing import ResponseReturnValue
from markupsafe import Markup
from sqlalchemy import Select

from flask_apitokens.catalog import Service
from flask_apitokens.core.text import searchable
from flask_apitokens.db.models import Token
from flask_apitokens.domain import subscriptions
from flask_apitokens.domain import token_counts
from flask_apitokens.domain import token_list
from flask_apitokens.domain import users as account_users
from flask_apitokens.domain import validation
from flask_apitokens.domain.token_list import ListQuery
from flask_apitokens.errors import DomainError
from flask_apitokens.i18n import gettext as _
from flask_apitokens.web.admin_pages import NAME
from flask_apitokens.web.admin_pages import begin
from flask_apitokens.web.pages import page
from flask_apitokens.web.presenters.generate_form import FieldErrors
from flask_apitokens.web.presenters.generate_form import GenerateInput
from flask_apitokens.web.presenters.generate_form import GenerateView
from flask_apitokens.web.presenters.generate_form import presented
from flask_apitokens.web.presenters.token_list import Overview
from flask_apitokens.web.presenters.token_list import Wording
from flask_apitokens.web.presenters.widgets import Badge
from flask_apitokens.web.service_tabs import section_of
from flask_apitokens.web.service_users import people_args
from flask_apitokens.web.service_users import user_panels
from flask_apitokens.web.urls import UrlSet

from .admin_tokens import TOKEN
from .admin_tokens import AdminVisit

#: what of a label a suggested name has room for
_LABEL = 70


@dataclass(frozen=True)
class ServiceVisit(AdminVisit):
    """An administrator in front of tokens of one service."""

    service: Service
    on: bool

    @property
    def services(self) -> list[Service]:
        """The service, which goes without saying."""
        return [self.service] if self.may_generate else []

    @property
    def values(self) -> dict[str, str]:
        """What the addresses carry."""
        return {"slug": self.service.slug}

    @property
    @abstractmethod
    def label(self) -> str:
        """What a token here is called before its number."""

    @property
    @abstractmethod
    def title(self) -> str:
        """Of the generate dialog."""

    @property
    @abstractmethod
    def warning(self) -> str:
        """What to know before a token is generated here."""

    def form(
        self,
        entered: GenerateInput,
        *,
        form_id: str = "",
        refusals: FieldErrors | None = None,
    ) -> GenerateView:
        """The generate form, which knows the service."""
        return presented(
            self.ctx,
            entered,
            self.services,
            form_id=form_id,
            refusals=refusals,
            at=self.at,
            title=self.title,
            warning=self.warning,
            suggested=self._suggested(),
        )

    def named(self, entered: GenerateInput) -> GenerateInput:
        """*wish*, with a name that nobody had to think of, in this service."""
        entered = replace(entered, service=self.service.slug)
        return (
            entered
            if entered.name.strip()
            else replace(entered, name=self._suggested())
        )

    def _suggested(self) -> str:
        label = searchable(self.label)[:_LABEL] or self.service.slug
        number = token_counts.count_up_to(self.ctx, self.tokens()) + 1
        name = f"{label} {number}"
        try:
            validation.check_name_free(
                self.ctx, self.owner, name, account_id=self.account
            )
        except DomainError:
            # Somebody counted on their own; to look for a gap could take for ever.
            return f"{label} {number}-{secrets.token_hex(2)}"
        return name


@dataclass(frozen=True)
class UserTokens(ServiceVisit):
    """An administrator in front of one user's tokens in a service."""

    member: Any
    active: bool
    #: whether the dialog was opened among all users, who are listed there
    among_users: bool = False

    @property
    def at(self) -> UrlSet:
        """The page of the user in the service."""
        values: dict[str, Any] = {
            **self.values,
            "key": self.ctx.key_text(self.member),
        }
        if self.among_users:
            values |= {"among": "users", **people_args()}
        return UrlSet(f"{NAME}.user_", TOKEN, values)

    def panels(self, query: ListQuery, *, fresh: str = "") -> dict[str, Markup]:
        """The list that the dialog stands before: the user's tokens, or the users."""
        if self.among_users:
            return user_panels(begin(), self.service.slug)
        return super().panels(query, fresh=fresh)

    @property
    def owner(self) -> Any:
        """The user."""
        return self.member

    @property
    def may_generate(self) -> bool:
        """Whether a new token of theirs would work."""
        return self.active and account_users.is_enabled(self.ctx, self.member)

    @property
    def label(self) -> str:
        """What people call the user."""
        return account_users.names_of(self.ctx, self.member)[0]

    @property
    def title(self) -> str:
        """Whom the token is for."""
        return _("Generate token for %(name)s", name=self.label)

    @property
    def warning(self) -> str:
        """That the user could do it alone, where they can."""
        if not self.ctx.settings.self_service:
            return _("You will see the token once and have to pass it on safely.")
        return _(
            "You will see the token once and have to pass it on safely. If %(name)s "
            "can sign in, it is better that they generate their own.",
            name=self.label,
        )

    @property
    def wording(self) -> Wording:
        """Whose tokens they are."""
        return Wording(
            _("Tokens of %(name)s", name=self.label),
            _("No tokens yet"),
            _("%(name)s has no token for this service.", name=self.label),
            _("Generate token"),
        )

    def tokens(self) -> Select[Token]:
        """The user's tokens in the service."""
        return token_list.owned_in(
            self.ctx, self.account, self.service.slug, self.member
        )

    def page(self, overview: Overview, *, status: int = 200) -> ResponseReturnValue:
        """The user in the service."""
        on = self.may_generate
        return page(
            "apitokens/admin/user_tokens.html",
            status=status,
            overview=overview,
            service=self.service,
            name=self.label,
            chip=Badge(_("Subscription active"), "ok")
            if on
            else Badge(_("No access"), "off"),
            history_url=self._history_url(),
        )

    def _history_url(self) -> str:
        """The calls of the user in the service; empty where nothing is recorded."""
        if not self.ctx.records_calls:
            return ""
        key = self.ctx.key_text(self.member)
        return url_for(f"{NAME}.service_usage", slug=self.service.slug, user=key)


def begin_user(slug: str, key: str) -> UserTokens:
    """An administrator in front of one user's tokens in a service.

    :raises NotFound: if the account has no such service or user.
    """
    admin = begin()
    service = admin.service(slug)
    member = account_users.user_in(admin.ctx, admin.account_id, key)
    active = subscriptions.is_active(admin.ctx, member, slug)
    on = subscriptions.is_on(admin.ctx, admin.account_id, slug)
    among_users = request.args.get("among") == "users"
    return UserTokens(
        *(admin.ctx, admin.user, admin.account_id, service, on),
        *(member, active, among_users),
    )


@dataclass(frozen=True)
class UserlessTokens(ServiceVisit):
    """An administrator in front of the userless tokens of a service."""

    @property
    def at(self) -> UrlSet:
        """The service's section of userless tokens."""
        return UrlSet(f"{NAME}.userless_", TOKEN, self.values)

    @property
    def owner(self) -> Any:
        """Nobody."""
        return None

    @property
    def may_generate(self) -> bool:
        """Whether the service is on."""
        return self.on

    @property
    def label(self) -> str:
        """The service."""
        return self.service.name

    @property
    def title(self) -> str:
        """What is generated."""
        return _("Generate userless token")

    @property
    def warning(self) -> str:
        """That it is not tied to a person."""
        return _(
            "You will see the token once. Anyone who has it can call this service, so "
            "pass it on with care."
        )

    @property
    def wording(self) -> Wording:
        """That they are nobody's."""
        return Wording(
            _("Userless tokens"),
            _("No userless tokens yet"),
            _("Generate one for a machine or a shared tool that is nobody's own."),
            _("Generate token"),
        )

    def tokens(self) -> Select[Token]:
        """The userless tokens of the service."""
        return token_list.userless_in(self.ctx, self.account, self.service.slug)

    def page(self, overview: Overview, *, status: int = 200) -> ResponseReturnValue:
        """The section of the service."""
        admin = begin()
        return page(
            "apitokens/admin/service_userless.html",
            status=status,
            overview=overview,
            section=section_of(admin, self.service.slug, "userless_tokens"),
        )


def begin_userless(slug: str) -> UserlessTokens:
    """An administrator in front of the userless tokens of a service.

    :raises NotFound: if the account has no such service.
    """
    admin = begin()
    on = subscriptions.is_on(admin.ctx, admin.account_id, slug)
    service = admin.service(slug)
    return UserlessTokens(admin.ctx, admin.user, admin.account_id, service, on)
