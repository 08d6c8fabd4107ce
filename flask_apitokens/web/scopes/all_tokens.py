"""The scope of the page of all tokens of an account, with its figures and filters."""

from __future__ import annotations

from collections.abc import Mapping
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Select

from flask_apitokens.core.context import Context
from flask_apitokens.db.models import Token
from flask_apitokens.db.pagination import format_count
from flask_apitokens.domain import expiry as token_expiry
from flask_apitokens.domain import token_counts
from flask_apitokens.domain import token_list
from flask_apitokens.domain import validation
from flask_apitokens.domain.token_list import OUTSIDE
from flask_apitokens.i18n import gettext as _
from flask_apitokens.i18n import ngettext as _n
from flask_apitokens.web.admin_pages import NAME
from flask_apitokens.web.admin_pages import load_admin
from flask_apitokens.web.presenters import token_list as list_presenter
from flask_apitokens.web.presenters import tokens as token_presenter
from flask_apitokens.web.presenters.token_list import Wording
from flask_apitokens.web.presenters.widgets import Stat
from flask_apitokens.web.urls import UrlSet

from .admin_tokens import TOKEN
from .admin_tokens import AdminTokenScope
from .token_scope import Actions

#: where the list and its actions are
URLS = UrlSet(f"{NAME}.all_", TOKEN)


@dataclass(frozen=True)
class Outside:
    """A note that tokens outlive the longest lifetime of new ones.

    :param href: lists these tokens.
    """

    strong: str
    text: str
    href: str


def load_all_scope() -> AdminTokenScope:
    """Load the scope of every token of the administrator's account."""
    admin = load_admin()
    ctx, account_id = admin.ctx, admin.account_id
    tokens = token_list.of_account(ctx, account_id)
    return AdminTokenScope(
        ctx=ctx,
        user=admin.user,
        account_id=account_id,
        urls=URLS,
        # A token is generated on the page of its user or service, never here.
        actions=Actions(generate=False, by_status=_actions),
        tokens=tokens,
        owner=None,
        services=(),
        wording=Wording(
            _("All tokens"),
            _("No tokens yet"),
            _("Tokens of this account appear here once a user generates one."),
            "",
        ),
        template="apitokens/admin/tokens.html",
        page_context=lambda: {
            "title": _("All tokens"),
            "figures": _stats(ctx, account_id),
            "outside": _outside(ctx, tokens),
        },
        has_owners=True,
        filters=_filters(ctx),
    )


def _actions(status: str) -> tuple[str, ...]:
    if status in token_presenter.LIVE:
        return ("deactivate", "revoke")
    return ("activate", "revoke") if status == "deactivated" else ("delete",)


def _filters(ctx: Context) -> Mapping[str, Sequence[tuple[str, str]]]:
    """Return the choices of each filter; none where a filter makes no sense."""
    policies = [("", _("Any lifetime")), (OUTSIDE, _("Longer than allowed now"))]
    return {
        "services": list_presenter.services_offered(ctx.catalog),
        "kinds": [
            ("", _("All kinds")),
            ("api", _("API tokens")),
            ("access", _("Access tokens")),
        ],
        "policies": policies if ctx.settings.expiry_max is not None else (),
        "origins": [
            ("", _("Any origin")),
            ("imported", _("Imported")),
            ("weak", _("Imported and weak")),
        ]
        if ctx.settings.peppers
        else (),
    }


def _outside(ctx: Context, tokens: Select[Token]) -> Outside | None:
    days = ctx.settings.expiry_max
    if days is None:
        return None
    model = ctx.models.Token
    live, longer = validation.is_live(ctx, model), token_expiry.outlives(ctx, model)
    number = token_counts.count_up_to(ctx, tokens.where(live, longer))
    if not number:
        return None
    return Outside(
        _n(
            "%(count)s token works longer than new ones may.",
            "%(count)s tokens work longer than new ones may.",
            number,
            count=format_count(number),
        ),
        _n(
            "The longest lifetime is %(n)s day now. Tokens that were generated "
            "before keep working.",
            "The longest lifetime is %(n)s days now. Tokens that were generated "
            "before keep working.",
            days,
        ),
        URLS.url("tokens", policy=OUTSIDE),
    )


def _stats(ctx: Context, account_id: str) -> list[Stat]:
    numbers = token_counts.count_account(ctx, account_id)
    days, unused = ctx.settings.expiring_days, ctx.settings.unused_days
    expiring = _n("Expire within %(n)s day", "Expire within %(n)s days", days)
    shown: list[tuple[str, int, dict[str, str]]] = [
        (_("Active or paused"), numbers.live, {}),
        (expiring, numbers.expiring, {"status": "ending"}),
    ]
    if ctx.records_calls:
        days_unused = _n("Unused for %(n)s day", "Unused for %(n)s days", unused)
        shown += [
            (_("Never used"), numbers.never_used, {"use": "never"}),
            (days_unused, numbers.unused, {"use": "unused"}),
        ]
    if numbers.weak is not None:
        shown.append((_("Imported and weak"), numbers.weak, {"origin": "weak"}))
    return [
        Stat(
            label,
            format_count(number),
            href=URLS.url("tokens", **{"status": "live", **args}) if number else "",
        )
        for label, number, args in shown
    ]
