"""The services of an account: what each one is, and which users may use it."""

from __future__ import annotations

from collections.abc import Sequence
from collections.abc import Set
from dataclasses import replace

from flask import request
from flask import url_for
from flask.typing import ResponseReturnValue

from flask_apitokens.domain import access_requests
from flask_apitokens.domain import subscriptions
from flask_apitokens.domain import users as account_users
from flask_apitokens.domain.users import Member
from flask_apitokens.errors import Conflict
from flask_apitokens.errors import DomainError
from flask_apitokens.i18n import gettext as _
from flask_apitokens.i18n import ngettext as _n
from flask_apitokens.web import htmx
from flask_apitokens.web.admin_pages import NAME
from flask_apitokens.web.admin_pages import Admin
from flask_apitokens.web.admin_pages import load_admin
from flask_apitokens.web.confirm import ask_unless_confirmed
from flask_apitokens.web.confirm import report_in_list
from flask_apitokens.web.forms import require_genuine_form
from flask_apitokens.web.pages import leave_notice
from flask_apitokens.web.pages import navigate
from flask_apitokens.web.pages import page
from flask_apitokens.web.pages import redirect_with_notice
from flask_apitokens.web.pages import store_change
from flask_apitokens.web.presenters.access_confirmations import service_off_question
from flask_apitokens.web.presenters.access_confirmations import users_off_question
from flask_apitokens.web.presenters.confirmations import Confirm
from flask_apitokens.web.service_tabs import figures_of
from flask_apitokens.web.service_tabs import section_of
from flask_apitokens.web.service_tabs import with_calls
from flask_apitokens.web.service_users import people_args
from flask_apitokens.web.service_users import tabs_partial
from flask_apitokens.web.service_users import user_list
from flask_apitokens.web.service_users import users_partial

#: the most changes that one form may make
MAX_CHANGES = 500


def services() -> ResponseReturnValue:
    """Show every service of the account in a line."""
    admin = load_admin()
    shown, recorded = figures_of(admin, admin.services), admin.ctx.records_calls
    return page(
        "apitokens/admin/services.html",
        title=_("API services"),
        figures=with_calls(admin, shown) if recorded else shown,
        waiting=access_requests.count_waiting_users(admin.ctx, admin.account_id),
        recorded=recorded,
        retention=admin.ctx.settings.usage_retention_days,
    )


def service(slug: str) -> ResponseReturnValue:
    """Show a service, and its switch for the whole account."""
    admin = load_admin()
    section = section_of(admin, slug, "service")
    return page(
        "apitokens/admin/service.html",
        title=section.title,
        section=section,
        settings=admin.ctx.settings,
    )


def switch(slug: str) -> ResponseReturnValue:
    """Turn a service on for the whole account, or off after a question."""
    admin = load_admin()
    section = section_of(admin, slug, "service")
    name, url = section.service.name, url_for(f"{NAME}.service", slug=slug)
    turn_on = request.values.get("active") == "1"
    if turn_on:
        require_genuine_form()
    else:
        action = url_for(f"{NAME}.switch", slug=slug)
        question = service_off_question(
            name, section.figures.tokens, action=action, back=url
        )
        asked = ask_unless_confirmed(question, needs_flag=True)
        if asked is not None:
            return asked
    store_change(
        admin.ctx,
        lambda: subscriptions.switch_service(
            admin.ctx, admin.account_id, slug, active=turn_on, actor=admin.actor
        ),
    )
    if turn_on:
        leave_notice(_("%(service)s is on again.", service=name))
    else:
        leave_notice(_("%(service)s is off for everybody.", service=name))
    return navigate(url)


# -- users ---------------------------------------------------------------------


def users(slug: str) -> ResponseReturnValue:
    """Show every user of the account, each with a switch."""
    admin = load_admin()
    admin.service(slug)
    shown = user_list(admin, slug)
    if htmx.wants_fragment():
        return htmx.fragment(users_partial(shown))
    section = section_of(admin, slug, "users")
    return page(
        "apitokens/admin/service_users.html",
        title=section.title,
        section=section,
        list=shown,
    )


def save_users(slug: str) -> ResponseReturnValue:
    """Store the subscriptions that the form changes, all of them or none.

    The form says what each row was when it was rendered. Only a row that differs from
    that is a change, so two administrators who save at once do not undo each other's
    changes.
    """
    admin = load_admin()
    admin.service(slug)
    turned_on, turned_off = _changes()
    members = _members(admin, slug, turned_on | turned_off)
    losing = [m for m in members if admin.ctx.key_text(m.user) in turned_off]
    if losing:
        question = _off_question(
            admin, slug, losing, turned_on=turned_on, turned_off=turned_off
        )
        asked = ask_unless_confirmed(question, needs_flag=True)
        if asked is not None:
            return asked
    else:
        require_genuine_form()
    store_change(
        admin.ctx, lambda: _switch_users(admin, slug, turned_on, turned_off=turned_off)
    )
    return _report_saved(admin, slug, len(turned_on), off=len(turned_off))


def _switch_users(
    admin: Admin, slug: str, turned_on: Set[str], *, turned_off: Set[str]
) -> None:
    # Read again inside the change, which is repeated after a deadlock: the rows of the
    # first attempt were rolled back.
    for member in _members(admin, slug, turned_on | turned_off):
        wanted = admin.ctx.key_text(member.user) in turned_on
        change = subscriptions.activate if wanted else subscriptions.deactivate
        change(admin.ctx, member.user, slug, actor=admin.actor)


def _changes() -> tuple[Set[str], Set[str]]:
    """Return the keys of the users that the form turns on, and off."""
    form = request.form
    rows, was, active = (set(form.getlist(name)) for name in ("row", "was", "active"))
    turned_on, turned_off = (active - was) & rows, (was - active) & rows
    if len(turned_on) + len(turned_off) > MAX_CHANGES:
        raise DomainError(
            _n(
                "Save at most %(n)s change at a time.",
                "Save at most %(n)s changes at a time.",
                MAX_CHANGES,
            )
        )
    return turned_on, turned_off


def _members(admin: Admin, slug: str, keys: Set[str]) -> list[Member]:
    """Return the users of the account with these keys.

    :raises Conflict: if a user was deleted or has left the account.
    """
    ctx = admin.ctx
    found = (
        account_users.members(ctx, admin.account_id, slug, keys=keys) if keys else []
    )
    if {ctx.key_text(member.user) for member in found} != set(keys):
        raise Conflict
    # Every request locks rows in this order. Two requests that lock the same rows in
    # different orders could wait for each other for ever.
    return sorted(found, key=lambda member: ctx.key_text(member.user))


def _off_question(
    admin: Admin,
    slug: str,
    losing: Sequence[Member],
    *,
    turned_on: Set[str],
    turned_off: Set[str],
) -> Confirm:
    # The dialog carries the changes of the list's form, since it is sent in its place.
    hidden = [("row", key) for key in sorted(turned_on | turned_off)]
    hidden += [("was", key) for key in sorted(turned_off)]
    hidden += [("active", key) for key in sorted(turned_on)]
    return users_off_question(
        [(admin.ctx.user_label(m.user), m) for m in losing],
        action=url_for(f"{NAME}.save_users", slug=slug, **people_args()),
        back=url_for(f"{NAME}.users", slug=slug, **people_args()),
        hidden=hidden,
        now=admin.ctx.now(),
        recorded=admin.ctx.records_calls,
    )


def _report_saved(admin: Admin, slug: str, on: int, *, off: int) -> ResponseReturnValue:
    sentences = [
        _n("%(n)s user turned on.", "%(n)s users turned on.", on) if on else "",
        _n("%(n)s user turned off.", "%(n)s users turned off.", off) if off else "",
    ]
    message = " ".join([_("Saved."), *filter(None, sentences)])
    if not (on or off):
        message = _("Nothing to save")
    if not htmx.wants_fragment():
        url = url_for(f"{NAME}.users", slug=slug, **people_args())
        return redirect_with_notice(url, message)
    shown = users_partial(replace(user_list(admin, slug), saved=True))
    return report_in_list(shown, message, panels={htmx.TABS: tabs_partial(admin, slug)})
