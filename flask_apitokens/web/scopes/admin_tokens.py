"""Every token of an account, and what all lists of an administrator share."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from collections.abc import Sequence
from dataclasses import dataclass
from dataclasses import replace
from typing import Any

from flask import url_for
from flask.typing import ResponseReturnValue
from sqlalchemy import Select

from flask_apitokens.catalog import Service
from flask_apitokens.core.context import Context
from flask_apitokens.db.models import Token
from flask_apitokens.db.pagination import format_count
from flask_apitokens.domain import email_binding
from flask_apitokens.domain import expiry as token_expiry
from flask_apitokens.domain import subscriptions
from flask_apitokens.domain import token_counts
from flask_apitokens.domain import token_list
from flask_apitokens.domain import token_status
from flask_apitokens.domain import users as account_users
from flask_apitokens.domain import validation
from flask_apitokens.domain.token_list import OUTSIDE
from flask_apitokens.domain.token_list import ListQuery
from flask_apitokens.i18n import gettext as _
from flask_apitokens.i18n import ngettext as _n
from flask_apitokens.usage import labels as call_labels
from flask_apitokens.web.admin_pages import NAME
from flask_apitokens.web.admin_pages import begin
from flask_apitokens.web.pages import page
from flask_apitokens.web.presenters import token_list as list_presenter
from flask_apitokens.web.presenters import tokens as token_presenter
from flask_apitokens.web.presenters.token_list import Overview
from flask_apitokens.web.presenters.token_list import Wording
from flask_apitokens.web.presenters.tokens import Row
from flask_apitokens.web.presenters.widgets import Stat
from flask_apitokens.web.urls import UrlSet

from .scope import Visit

PAGE_SIZE = 25
#: the endpoint of the page of one token
TOKEN = f"{NAME}.all_token"


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
        return token_presenter.own_actions(status)

    def rows(self, found: Sequence[Token], *, fresh: str = "") -> list[Row]:
        """Tokens as an administrator sees them."""
        ctx, account_id = self.ctx, self.account
        known = token_status.statuses_of(ctx, found, account_id=account_id)
        owners = token_list.owners_of(ctx, found)
        labels = self._owner_labels(found, owners)
        on = subscriptions.services_on(ctx, account_id)
        rows = []
        for token in found:
            owner = owners.get(token.owner_id)
            status = known.get(token.id) or token_status.status_of(ctx, token)
            hindrance = self._hindrance(token, owner)
            if hindrance and status in token_presenter.LIVE:
                # What only the host's callables know, no statement could say.
                status = "paused"
            rows.append(
                token_presenter.row_of(
                    token,
                    status,
                    catalog=ctx.catalog,
                    now=ctx.now(),
                    fresh=token.id == fresh,
                    owner=labels.get(token.id, ""),
                    paused_by=hindrance or _service_off(token, on),
                    actions=self.actions(status),
                    recorded=ctx.records_calls,
                )
            )
        return rows

    def _owner_labels(
        self, found: Sequence[Token], owners: Mapping[Any, Any]
    ) -> dict[str, str]:
        """What people call the owners, by the ids of their tokens."""
        ctx = self.ctx
        owned = {t.id: owners[t.owner_id] for t in found if t.owner_id in owners}
        left = {
            token_id: ctx.key_text(owner)
            for token_id, owner in owned.items()
            if ctx.account_of(owner) != self.account
        }
        known = call_labels.last_owners(ctx, self.account, left)
        labels = {
            token_id: ctx.user_label(owner)
            for token_id, owner in owned.items()
            if token_id not in left
        }
        return labels | left | known

    def _hindrance(self, token: Token, owner: Any) -> str:
        """What keeps a token from working besides its service."""
        if token.userless:
            return ""
        if owner is None or self.ctx.account_of(owner) != self.account:
            return _("Its owner has left the account")
        if not account_users.is_enabled(self.ctx, owner):
            return _("Its owner is disabled")
        if not self.ctx.may_use_api(owner):
            return _("Its owner has no API access")
        moved = email_binding.has_moved(self.ctx, token, owner)
        return _("Its owner has another email address") if moved else ""

    def overview(self, query: ListQuery, *, fresh: str = "") -> Overview:
        """The list and what stands around it."""
        ctx = self.ctx
        owned = token_counts.count_up_to(
            ctx, self.tokens(), list_presenter.TOOLBAR_ABOVE
        )
        found = token_list.page_in(
            ctx, self.tokens(), query, account_id=self.account, size=PAGE_SIZE
        )
        shown = list_presenter.list_of(
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
            expiring_days=ctx.settings.expiring_days,
            statuses=list_presenter.statuses_offered(),
            services=(),
        )


def _service_off(token: Token, on: dict[str, bool]) -> str:
    if token.service is not None and not on.get(token.service, False):
        return _("The service is off")
    return _("Subscription is off")


@dataclass(frozen=True)
class Outside:
    """That tokens outlive what the settings allow by now, and where they are listed."""

    strong: str
    text: str
    href: str


@dataclass(frozen=True)
class AllTokens(AdminVisit):
    """An administrator in front of every token of the account."""

    @property
    def at(self) -> UrlSet:
        """The page of all tokens."""
        return UrlSet(f"{NAME}.all_", TOKEN)

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
        return token_list.of_account(self.ctx, self.account)

    def actions(self, status: str) -> tuple[str, ...]:
        """To stop it, for a while or for good."""
        if status in token_presenter.LIVE:
            return ("deactivate", "revoke")
        return ("activate", "revoke") if status == "deactivated" else ("delete",)

    def overview(self, query: ListQuery, *, fresh: str = "") -> Overview:
        """The list with all its filters."""
        shown = super().overview(replace(query, sort="-created"), fresh=fresh)
        days = self.ctx.settings.unused_days
        unused = _n("Unused for %(n)s day", "Unused for %(n)s days", days)
        return replace(
            shown,
            # A million tokens in another order would have to be sorted first.
            list=replace(
                shown.list, makers_shown=False, owners_shown=True, sorts=False
            ),
            services=list_presenter.services_offered(self.ctx.catalog),
            kinds=[
                ("", _("All kinds")),
                ("api", _("API tokens")),
                ("access", _("Access tokens")),
            ],
            # Where nothing is recorded, nobody knows.
            uses=[("", _("Any use")), ("never", _("Never used")), ("unused", unused)]
            if self.ctx.records_calls
            else (),
            policies=self._policies(),
            origins=_origins(self.ctx),
        )

    def _policies(self) -> list[tuple[str, str]]:
        """The choices of the filter by lifetime, none where there is no longest."""
        if self.ctx.settings.expiry_max is None:
            return []
        return [("", _("Any lifetime")), (OUTSIDE, _("Longer than allowed now"))]

    def _outside(self) -> Outside | None:
        """What is said of tokens that outlive the policy; none where there are none."""
        ctx = self.ctx
        days = ctx.settings.expiry_max
        if days is None:
            return None
        model = ctx.models.Token
        live, longer = (
            validation.is_live(ctx, model),
            token_expiry.outlives(ctx, model),
        )
        number = token_counts.count_up_to(ctx, self.tokens().where(live, longer))
        if not number:
            return None
        return Outside(
            _n(
                "%(count)s token works for longer than new ones may.",
                "%(count)s tokens work for longer than new ones may.",
                number,
                count=format_count(number),
            ),
            _n(
                "The longest lifetime is %(n)s day now. What was generated before "
                "keeps working.",
                "The longest lifetime is %(n)s days now. What was generated before "
                "keeps working.",
                days,
            ),
            self.at.url("tokens", policy=OUTSIDE),
        )

    def page(self, overview: Overview, *, status: int = 200) -> ResponseReturnValue:
        """The page with its figures."""
        return page(
            "apitokens/admin/tokens.html",
            status=status,
            overview=overview,
            figures=self._figures(),
            outside=self._outside(),
        )

    @property
    def token_template(self) -> str:
        """The page of one token, below the administrators' ways."""
        return "apitokens/admin/token.html"

    @property
    def rotate_warning(self) -> str:
        """That somebody else has to get it."""
        return _(
            "You will see the new token once and have to pass it on safely to whoever "
            "uses the old one."
        )

    def usage_url(self, token: Token) -> str:
        """The usage history of the account, of this token alone."""
        if not self.ctx.records_calls:
            return ""
        return url_for(f"{NAME}.usage", token=token.id)

    def whose(self, row: Row) -> str:
        """Whose a token is, which its page says."""
        return row.owner or _("Userless")

    def _figures(self) -> list[Stat]:
        ctx = self.ctx
        numbers = token_counts.figures_of(ctx, self.account)
        days, unused = ctx.settings.expiring_days, ctx.settings.unused_days
        shown = [
            Stat(_("Active"), format_count(numbers.live)),
            Stat(
                _n("Expire within %(n)s day", "Expire within %(n)s days", days),
                format_count(numbers.expiring),
            ),
        ]
        if ctx.records_calls:
            shown += [
                Stat(_("Never used"), format_count(numbers.never_used)),
                Stat(
                    _n("Unused for %(n)s day", "Unused for %(n)s days", unused),
                    format_count(numbers.unused),
                ),
            ]
        if numbers.weak is not None:
            shown.append(Stat(_("Imported and weak"), format_count(numbers.weak)))
        return shown


def _origins(ctx: Context) -> list[tuple[str, str]]:
    """The choices of where tokens are from, none where all are our own."""
    if not ctx.settings.peppers:
        return []
    return [
        ("", _("Any origin")),
        ("imported", _("Imported")),
        ("weak", _("Imported and weak")),
    ]


def begin_all() -> AllTokens:
    """An administrator in front of every token of the account."""
    admin = begin()
    return AllTokens(admin.ctx, admin.user, admin.account_id)
