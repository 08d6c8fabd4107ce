"""The users of a service, as administrators list them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from flask import request
from markupsafe import Markup

from flask_apitokens.domain import subscriptions
from flask_apitokens.domain import users as account_users
from flask_apitokens.domain.users import Member
from flask_apitokens.domain.users import UserQuery
from flask_apitokens.web.presenters.users import MemberList
from flask_apitokens.web.presenters.users import MemberRow
from flask_apitokens.web.presenters.users import member_list

from . import htmx
from .admin_pages import Admin
from .pages import partial
from .query_args import searched
from .service_tabs import section_of


def asked_people() -> UserQuery:
    """Return the users that this address asks for. Invalid arguments are ignored."""
    args = request.args
    state = args.get("state", "")
    return UserQuery(
        q=searched(args.get("q", "")),
        state=state if state in account_users.STATES else "",
        page=max(args.get("page", 1, type=int), 1),
    )


def people_args() -> dict[str, Any]:
    """Return the arguments of an address that shows the same users again."""
    query = asked_people()
    every = {"q": query.q, "state": query.state, "page": query.page}
    return {name: value for name, value in every.items() if value not in ("", 1)}


def user_list(admin: Admin, slug: str) -> MemberList:
    """Return the users that this address asks for, each with their subscription."""
    ctx, query = admin.ctx, asked_people()
    found = account_users.page_of(ctx, admin.account_id, slug, query=query)
    on = subscriptions.is_on(ctx, admin.account_id, slug)
    rows = [_row(admin, member, on=on) for member in found.items]
    focus = request.args.get("focus", "") == "list"
    shown = member_list(found, rows, query=query, slug=slug, focus=focus)
    return replace(shown, is_on=on)


def _row(admin: Admin, member: Member, *, on: bool) -> MemberRow:
    ctx, user = admin.ctx, member.user
    return MemberRow.of(
        member,
        key=ctx.key_text(user),
        names=account_users.names_of(ctx, user),
        usable=on and member.active and ctx.may_use_api(user),
        allowed=ctx.may_use_api(user),
        enabled=account_users.is_enabled(ctx, user),
        now=ctx.now(),
        recorded=ctx.records_calls,
    )


def user_panels(admin: Admin, slug: str) -> dict[str, Markup]:
    """Return the list of users and the tabs above it, by their element ids."""
    shown = user_list(admin, slug)
    return {
        htmx.LIST: users_partial(replace(shown, announce="")),
        htmx.TABS: tabs_partial(admin, slug),
    }


def users_partial(shown: MemberList) -> Markup:
    """Render the list of users."""
    return partial("users", folder="admin", list=shown)


def tabs_partial(admin: Admin, slug: str) -> Markup:
    """Render the tabs of a service, which count its users and tokens."""
    return partial("tabs", folder="admin", section=section_of(admin, slug, "users"))
