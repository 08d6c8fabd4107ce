"""Tokens before an administrator: a user's in a service, the userless ones, all."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from dataclasses import replace
from typing import Any

from flask import request
from flask.typing import ResponseReturnValue
from markupsafe import Markup
from sqlalchemy import Select

from flask_apitokens import figures
from flask_apitokens import listing
from flask_apitokens import people
from flask_apitokens import present
from flask_apitokens import questions
from flask_apitokens import rules
from flask_apitokens import statuses
from flask_apitokens import subscriptions
from flask_apitokens import tokens as domain_tokens
from flask_apitokens.catalog import Service
from flask_apitokens.errors import Conflict
from flask_apitokens.errors import DomainError
from flask_apitokens.generating import ECHOED
from flask_apitokens.generating import GenerateView
from flask_apitokens.generating import Refusals
from flask_apitokens.generating import Wish
from flask_apitokens.generating import presented
from flask_apitokens.happenings import Happening
from flask_apitokens.i18n import gettext as _
from flask_apitokens.i18n import ngettext as _n
from flask_apitokens.listing import ListQuery
from flask_apitokens.models import Token
from flask_apitokens.places import Place
from flask_apitokens.present import Chip
from flask_apitokens.present import Overview
from flask_apitokens.present import Row
from flask_apitokens.present import Wording
from flask_apitokens.questions import Confirm
from flask_apitokens.views import page
from flask_apitokens.views import store
from flask_apitokens.views.admin import NAME
from flask_apitokens.views.admin import Figure
from flask_apitokens.views.admin import begin
from flask_apitokens.views.admin.services import people_args
from flask_apitokens.views.admin.services import section_of
from flask_apitokens.views.admin.services import user_panels
from flask_apitokens.views.changes import ask
from flask_apitokens.views.changes import asked
from flask_apitokens.views.changes import chosen_live
from flask_apitokens.views.changes import done
from flask_apitokens.views.changes import here
from flask_apitokens.views.visit import Visit

PAGE_SIZE = 25
_TOKEN = f"{NAME}.all_token"


@dataclass(frozen=True)
class AdminVisit(Visit):
    """An administrator in front of tokens of their own account."""

    account: str

    @property
    def account_id(self) -> str:
        """The administrator's account, which every token here is of."""
        return self.account

    @property
    @abstractmethod
    def wording(self) -> Wording:
        """What the list says of itself."""

    def actions(self, status: str) -> tuple[str, ...]:
        """What can be done with a token of this status."""
        if status == "deactivated":
            return ("revoke", "delete")
        return present.own_actions(status)

    def rows(self, found: Sequence[Token], *, fresh: str = "") -> list[Row]:
        """Tokens as an administrator sees them."""
        domain, account_id = self.domain, self.account
        known = statuses.statuses_of(domain, found, account_id=account_id)
        owners = listing.owners_of(domain, found)
        on = subscriptions.services_on(domain, account_id)
        rows = []
        for token in found:
            owner = owners.get(token.owner_id)
            status = known.get(token.id) or statuses.status_of(domain, token)
            hindrance = self._hindrance(token, owner)
            if hindrance and status in present.LIVE:
                # What only the host's callables know, no statement could say.
                status = "paused"
            rows.append(
                present.row_of(
                    token,
                    status,
                    catalog=domain.catalog,
                    now=domain.now(),
                    fresh=token.id == fresh,
                    owner="" if owner is None else domain.user_label(owner),
                    paused_by=hindrance or _service_off(token, on),
                    actions=self.actions(status),
                    recorded=domain.settings.usage != "off",
                )
            )
        return rows

    def _hindrance(self, token: Token, owner: Any) -> str:
        """What keeps a token from working besides its service."""
        if token.userless:
            return ""
        if owner is None or self.domain.account_of(owner) != self.account:
            return _("Its owner has left the account")
        if not people.is_enabled(self.domain, owner):
            return _("Its owner is disabled")
        return (
            "" if self.domain.may_use_api(owner) else _("Its owner has no API access")
        )

    def overview(self, query: ListQuery, *, fresh: str = "") -> Overview:
        """The list and what stands around it."""
        domain = self.domain
        owned = figures.count_up_to(domain, self.tokens(), present.TOOLBAR_ABOVE)
        found = listing.page_in(
            domain, self.tokens(), query, account_id=self.account, size=PAGE_SIZE
        )
        shown = present.list_of(
            found,
            self.rows(found.items, fresh=fresh),
            query,
            owned=owned,
            services_shown=False,
            may_generate=self.may_generate,
            at=self.at,
            wording=self.wording,
            makers_shown=True,
        )
        return Overview(
            list=shown,
            account_id=self.account,
            expiring=0,
            expiring_days=domain.settings.expiring_days,
            statuses=present.statuses_offered(),
            services=(),
        )


def _service_off(token: Token, on: dict[str, bool]) -> str:
    if token.service is not None and not on.get(token.service, False):
        return _("The service is off")
    return _("Subscription is off")


# -- of one service ------------------------------------------------------------


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
        self, wish: Wish, *, form_id: str = "", refusals: Refusals | None = None
    ) -> GenerateView:
        """The generate form, which knows the service."""
        return presented(
            self.domain,
            wish,
            self.services,
            form_id=form_id,
            refusals=refusals,
            at=self.at,
            title=self.title,
            warning=self.warning,
            suggested=self._suggested(),
        )

    def named(self, wish: Wish) -> Wish:
        """*wish*, with a name that nobody had to think of, in this service."""
        wish = replace(wish, service=self.service.slug)
        return wish if wish.name.strip() else replace(wish, name=self._suggested())

    def _suggested(self) -> str:
        number = figures.count_up_to(self.domain, self.tokens())
        while True:
            number += 1
            name = f"{self.label[:70]} {number}"
            try:
                rules.check_name_free(
                    self.domain, self.owner, name, account_id=self.account
                )
            except DomainError:
                continue
            return name


@dataclass(frozen=True)
class UserTokens(ServiceVisit):
    """An administrator in front of one user's tokens in a service."""

    member: Any
    active: bool
    #: whether the dialog was opened among all users, who are listed there
    among_users: bool = False

    @property
    def at(self) -> Place:
        """The page of the user in the service."""
        values: dict[str, Any] = {
            **self.values,
            "key": self.domain.key_text(self.member),
        }
        if self.among_users:
            values |= {"among": "users", **people_args()}
        return Place(f"{NAME}.user_", _TOKEN, values)

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
        return self.active and people.is_enabled(self.domain, self.member)

    @property
    def label(self) -> str:
        """What people call the user."""
        name = getattr(self.member, "name", None)
        return str(name or self.domain.user_label(self.member))

    @property
    def title(self) -> str:
        """Whom the token is for."""
        return _("Generate token for %(name)s", name=self.label)

    @property
    def warning(self) -> str:
        """That the user could do it alone."""
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
        return listing.owned_in(
            self.domain, self.account, self.service.slug, self.member
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
            chip=Chip(_("Subscription active"), "ok")
            if on
            else Chip(_("No access"), "off"),
        )


def begin_user(slug: str, key: str) -> UserTokens:
    """An administrator in front of one user's tokens in a service.

    :raises NotFound: if the account has no such service or user.
    """
    admin = begin()
    service = admin.service(slug)
    member = people.user_in(admin.domain, admin.account_id, key)
    active = subscriptions.is_active(admin.domain, member, slug)
    on = subscriptions.is_on(admin.domain, admin.account_id, slug)
    among_users = request.args.get("among") == "users"
    return UserTokens(
        *(admin.domain, admin.user, admin.account_id, service, on),
        *(member, active, among_users),
    )


@dataclass(frozen=True)
class UserlessTokens(ServiceVisit):
    """An administrator in front of the userless tokens of a service."""

    @property
    def at(self) -> Place:
        """The service's section of userless tokens."""
        return Place(f"{NAME}.userless_", _TOKEN, self.values)

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
        return listing.userless_in(self.domain, self.account, self.service.slug)

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
    on = subscriptions.is_on(admin.domain, admin.account_id, slug)
    service = admin.service(slug)
    return UserlessTokens(admin.domain, admin.user, admin.account_id, service, on)


# -- of the whole account ------------------------------------------------------


@dataclass(frozen=True)
class AllTokens(AdminVisit):
    """An administrator in front of every token of the account."""

    @property
    def at(self) -> Place:
        """The page of all tokens."""
        return Place(f"{NAME}.all_", _TOKEN)

    @property
    def title(self) -> str:
        """As the way there is called."""
        return _("All tokens")

    @property
    def owner(self) -> Any:
        """Nobody: here no token is generated."""
        return None

    @property
    def services(self) -> list[Service]:
        """None, for the same reason."""
        return []

    @property
    def may_generate(self) -> bool:
        """Never: a token is generated in its service."""
        return False

    @property
    def wording(self) -> Wording:
        """That there is no other."""
        return Wording(
            _("All tokens"),
            _("No tokens yet"),
            _("Tokens of this account appear here once somebody generates one."),
            "",
        )

    def tokens(self) -> Select[Token]:
        """Every token of the account."""
        return listing.of_account(self.domain, self.account)

    def actions(self, status: str) -> tuple[str, ...]:
        """To stop it, for a while or for good."""
        if status in present.LIVE:
            return ("deactivate", "revoke")
        return ("activate", "revoke") if status == "deactivated" else ("delete",)

    def overview(self, query: ListQuery, *, fresh: str = "") -> Overview:
        """The list with all its filters."""
        shown = super().overview(replace(query, sort="-created"), fresh=fresh)
        days = self.domain.settings.unused_days
        unused = _n("Unused for %(n)s day", "Unused for %(n)s days", days)
        return replace(
            shown,
            # A million tokens in another order would have to be sorted first.
            list=replace(
                shown.list, makers_shown=False, owners_shown=True, sorts=False
            ),
            services=present.services_offered(self.domain.catalog),
            kinds=[
                ("", _("All kinds")),
                ("api", _("API tokens")),
                ("access", _("Access tokens")),
            ],
            uses=[("", _("Any use")), ("never", _("Never used")), ("unused", unused)],
        )

    def page(self, overview: Overview, *, status: int = 200) -> ResponseReturnValue:
        """The page with its figures."""
        return page(
            "apitokens/admin/tokens.html",
            status=status,
            overview=overview,
            figures=self._figures(),
        )

    def token_page(
        self,
        row: Row,
        events: Sequence[Happening],
        *,
        template: str = "apitokens/admin/token.html",
        owner: str = "",
    ) -> ResponseReturnValue:
        """The page of one token, which says whose it is."""
        whose = owner or row.owner or _("Userless")
        return super().token_page(row, events, template=template, owner=whose)

    def _figures(self) -> list[Figure]:
        domain = self.domain
        numbers = figures.figures_of(domain, self.account)
        days, unused = domain.settings.expiring_days, domain.settings.unused_days
        return [
            Figure(_("Active"), figures.counted(numbers.live)),
            Figure(
                _n("Expire within %(n)s day", "Expire within %(n)s days", days),
                figures.counted(numbers.expiring),
            ),
            Figure(_("Never used"), figures.counted(numbers.never_used)),
            Figure(
                _n("Unused for %(n)s day", "Unused for %(n)s days", unused),
                figures.counted(numbers.unused),
            ),
        ]


def begin_all() -> AllTokens:
    """An administrator in front of every token of the account."""
    admin = begin()
    return AllTokens(admin.domain, admin.user, admin.account_id)


# -- for a while ---------------------------------------------------------------


def deactivate(visit: Visit, token_id: str) -> ResponseReturnValue:
    """The question, which asks for a reason, or the end of a token for a while."""
    token = visit.token(token_id)
    row = visit.row(token)
    if request.method != "POST" and not row.live:
        raise Conflict
    question = questions.deactivate_question(row, here())
    return _deactivating(visit, [token], question, sure=True)


def deactivate_many(visit: Visit) -> ResponseReturnValue:
    """The same for the tokens selected."""
    chosen = chosen_live(visit)
    question = questions.deactivate_many_question(visit.rows(chosen), here())
    sure = request.form.get("confirm") == "1"
    return _deactivating(visit, chosen, question, sure=sure)


def _deactivating(
    visit: Visit, chosen: Sequence[Token], question: Confirm, *, sure: bool
) -> ResponseReturnValue:
    refused = asked(visit, question, sure=sure)
    if refused is not None:
        return refused
    reason = request.form.get("reason", "")
    names = [token.name for token in chosen]
    try:
        # In the order of the ids, as the recorder writes: neither waits for the other.
        for token in sorted(chosen, key=lambda token: token.id):
            domain_tokens.deactivate(visit.domain, token, reason, actor=visit.actor)
        store(visit.domain)
    except DomainError as error:
        if error.field != "reason":
            raise
        visit.domain.session.rollback()
        again = replace(
            question,
            reason=replace(
                question.reason or questions.Reason(),
                text=reason[:ECHOED],
                error=error.message,
            ),
            back=visit.at.url("tokens"),
        )
        return ask(again, error.status)
    if len(names) == 1:
        return done(visit, _("Token “%(name)s” deactivated", name=names[0]))
    message = _n("%(n)s token deactivated", "%(n)s tokens deactivated", len(names))
    return done(visit, message)


def activate(visit: Visit, token_id: str) -> ResponseReturnValue:
    """The question, or a token that works again."""
    token = visit.token(token_id)
    if request.method != "POST" and token.deactivated_at is None:
        raise Conflict
    question = questions.activate_question(visit.row(token), here())
    refused = asked(visit, question)
    if refused is not None:
        return refused
    domain_tokens.activate(visit.domain, token, actor=visit.actor)
    message = _("Token “%(name)s” activated", name=token.name)
    store(visit.domain)
    return done(visit, message)
