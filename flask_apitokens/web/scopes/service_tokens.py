"""The scopes of one service: the tokens of a user in it, and its userless tokens."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flask import request
from flask import url_for

from flask_apitokens.catalog import Service
from flask_apitokens.core.context import Context
from flask_apitokens.domain import subscriptions
from flask_apitokens.domain import token_list
from flask_apitokens.domain import users as account_users
from flask_apitokens.i18n import gettext as _
from flask_apitokens.web.admin_pages import NAME
from flask_apitokens.web.admin_pages import Admin
from flask_apitokens.web.admin_pages import load_admin
from flask_apitokens.web.presenters.token_list import Wording
from flask_apitokens.web.presenters.widgets import Badge
from flask_apitokens.web.service_tabs import section_of
from flask_apitokens.web.service_users import people_args
from flask_apitokens.web.service_users import user_panels
from flask_apitokens.web.urls import UrlSet

from .admin_tokens import TOKEN
from .admin_tokens import AdminTokenScope
from .token_scope import Actions


def load_user_scope(slug: str, key: str) -> AdminTokenScope:
    """Load the scope of one user's tokens in a service.

    :param key: the user's primary key as text.
    :raises NotFound: if the account has no such service or user.
    """
    admin = load_admin()
    ctx, service = admin.ctx, admin.service(slug)
    member = account_users.user_in(ctx, admin.account_id, key)
    active = subscriptions.is_active(ctx, member, slug)
    has_access = active and account_users.is_enabled(ctx, member)
    name = account_users.names_of(ctx, member)[0]
    values: dict[str, Any] = {"slug": slug, "key": ctx.key_text(member)}
    # The dialog was opened on the page of all users, to which it returns.
    among_users = request.args.get("among") == "users"
    if among_users:
        values |= {"among": "users", **people_args()}
    return AdminTokenScope(
        **_in_service(admin, service, can_generate=has_access),
        urls=UrlSet(f"{NAME}.user_", TOKEN, values),
        tokens=token_list.owned_in(ctx, admin.account_id, slug, owner=member),
        owner=member,
        label=name,
        form_title=_("Generate token for %(name)s", name=name),
        form_warning=_user_warning(name, self_service=ctx.settings.self_service),
        wording=Wording(
            _("Tokens of %(name)s", name=name),
            _("No tokens yet"),
            _("%(name)s has no token for this service.", name=name),
            _("Generate token"),
        ),
        template="apitokens/admin/user_tokens.html",
        page_context=lambda: {
            "title": name,
            "service": service,
            "is_on": subscriptions.is_on(ctx, admin.account_id, slug),
            "name": name,
            "chip": _access_badge(active=has_access),
            "history_url": _history_url(ctx, slug, values["key"]),
        },
        list_panels=(lambda: user_panels(admin, slug)) if among_users else None,
    )


def _access_badge(*, active: bool) -> Badge:
    if active:
        return Badge(_("Subscription active"), "ok")
    return Badge(_("No access"), "off")


def _history_url(ctx: Context, slug: str, key: str) -> str:
    if not ctx.records_calls:
        return ""
    return url_for(f"{NAME}.service_usage", slug=slug, user=key)


def _user_warning(name: str, *, self_service: bool) -> str:
    if not self_service:
        return _("You will see the token once and have to pass it on safely.")
    return _(
        "You will see the token once and have to pass it on safely. If %(name)s "
        "can sign in, it is better that they generate their own.",
        name=name,
    )


def load_userless_scope(slug: str) -> AdminTokenScope:
    """Load the scope of the userless tokens of a service.

    :raises NotFound: if the account has no such service.
    """
    admin = load_admin()
    ctx, service = admin.ctx, admin.service(slug)
    is_on = subscriptions.is_on(ctx, admin.account_id, slug)
    return AdminTokenScope(
        **_in_service(admin, service, can_generate=is_on),
        urls=UrlSet(f"{NAME}.userless_", TOKEN, {"slug": slug}),
        tokens=token_list.userless_in(ctx, admin.account_id, slug),
        owner=None,
        label=service.name,
        form_title=_("Generate userless token"),
        form_warning=_(
            "You will see the token once. Anyone who has it can call this service, so "
            "pass it on with care."
        ),
        wording=Wording(
            _("Userless tokens"),
            _("No userless tokens yet"),
            _("Generate one for a machine or a tool that several users share."),
            _("Generate token"),
        ),
        template="apitokens/admin/service_userless.html",
        page_context=lambda: _userless_context(admin, slug),
    )


def _userless_context(admin: Admin, slug: str) -> Mapping[str, Any]:
    section = section_of(admin, slug, "userless_tokens")
    return {"title": section.title, "section": section}


def _in_service(
    admin: Admin, service: Service, *, can_generate: bool
) -> Mapping[str, Any]:
    """Return the fields that the scopes of one service share."""
    return {
        "ctx": admin.ctx,
        "user": admin.user,
        "account_id": admin.account_id,
        "actions": Actions(generate=can_generate),
        "services": [service] if can_generate else [],
        "service": service,
    }
