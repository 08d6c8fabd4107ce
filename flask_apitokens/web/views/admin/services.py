"""The services of an account, and one of them: what it is, who may use it."""

from __future__ import annotations

from collections.abc import Collection
from collections.abc import Sequence
from dataclasses import replace

from flask import redirect
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
from flask_apitokens.web.confirm import answered
from flask_apitokens.web.forms import ConfirmForm
from flask_apitokens.web.forms import StaleForm
from flask_apitokens.web.pages import leave_notice
from flask_apitokens.web.pages import page
from flask_apitokens.web.pages import partial
from flask_apitokens.web.pages import stored
from flask_apitokens.web.pages import toast
from flask_apitokens.web.presenters.confirmations import Confirm
from flask_apitokens.web.presenters.confirmations import service_off_question
from flask_apitokens.web.presenters.confirmations import users_off_question
from flask_apitokens.web.service_tabs import figures_of
from flask_apitokens.web.service_tabs import section_of
from flask_apitokens.web.service_tabs import with_calls
from flask_apitokens.web.service_users import asked_people
from flask_apitokens.web.service_users import people_args
from flask_apitokens.web.service_users import tabs_partial
from flask_apitokens.web.service_users import user_list
from flask_apitokens.web.service_users import users_partial

#: changes that one form may carry
MOST_CHANGES = 500


def services() -> ResponseReturnValue:
    """Every service of the account in a line."""
    admin = load_admin()
    shown, recorded = figures_of(admin, admin.services), admin.ctx.records_calls
    return page(
        "apitokens/admin/services.html",
        figures=with_calls(admin, shown) if recorded else shown,
        waiting=access_requests.count_waiting_users(admin.ctx, admin.account_id),
        recorded=recorded,
        retention=admin.ctx.settings.usage_retention_days,
    )


def service(slug: str) -> ResponseReturnValue:
    """What a service is, and its switch for the whole account."""
    admin = load_admin()
    return page(
        "apitokens/admin/service.html",
        section=section_of(admin, slug, "service"),
        settings=admin.ctx.settings,
    )


def switch(slug: str) -> ResponseReturnValue:
    """Switch a service for the whole account; off, after a question."""
    admin = load_admin()
    section = section_of(admin, slug, "service")
    wanted = request.values.get("active") == "1"
    if not wanted:
        question = service_off_question(
            section.service.name,
            section.figures.tokens,
            url_for(f"{NAME}.switch", slug=slug),
            url_for(f"{NAME}.service", slug=slug),
        )
        refused = answered(question)
        if refused is not None:
            return refused
    elif not ConfirmForm().is_genuine():
        raise StaleForm
    stored(
        admin.ctx,
        lambda: subscriptions.switch_service(
            admin.ctx, admin.account_id, slug, active=wanted, actor=admin.actor
        ),
    )
    name = section.service.name
    if wanted:
        leave_notice(_("%(service)s is on again.", service=name))
    else:
        leave_notice(_("%(service)s is off for everybody.", service=name))
    return _go(url_for(f"{NAME}.service", slug=slug))


def _go(address: str) -> ResponseReturnValue:
    """To another page, from a form in a dialog too."""
    if not htmx.wants_fragment():
        return redirect(address, 303)
    response = htmx.fragment(partial("closed"))
    response.headers["HX-Redirect"] = address
    return response


# -- users ---------------------------------------------------------------------


def users(slug: str) -> ResponseReturnValue:
    """Every user of the account, each with a switch."""
    admin = load_admin()
    admin.service(slug)
    shown = user_list(admin, slug, asked_people())
    if htmx.wants_fragment():
        return htmx.fragment(users_partial(shown))
    return page(
        "apitokens/admin/service_users.html",
        section=section_of(admin, slug, "users"),
        list=shown,
    )


def save_users(slug: str) -> ResponseReturnValue:
    """Switch the subscriptions that the form changes, all or none.

    A change is what a row says now against what it said when it was rendered, so that
    two administrators who save at once undo nothing of each other's.
    """
    admin = load_admin()
    admin.service(slug)
    turned_on, turned_off = _changes()
    changed = _changed(admin, slug, [*turned_on, *turned_off])
    losing = [m for m in changed if admin.ctx.key_text(m.user) in turned_off]
    if losing:
        refused = answered(_off_question(admin, slug, losing, turned_on, turned_off))
        if refused is not None:
            return refused
    elif not ConfirmForm().is_genuine():
        raise StaleForm
    stored(admin.ctx, lambda: _switch(admin, slug, turned_on, turned_off))
    return _saved(admin, slug, len(turned_on), len(turned_off))


def _switch(
    admin: Admin, slug: str, turned_on: Collection[str], turned_off: Collection[str]
) -> None:
    """Switch the subscriptions of users read anew: it may be done more than once."""
    for member in _changed(admin, slug, [*turned_on, *turned_off]):
        wanted = admin.ctx.key_text(member.user) in turned_on
        change = subscriptions.activate if wanted else subscriptions.deactivate
        change(admin.ctx, member.user, slug, actor=admin.actor)


def _changes() -> tuple[set[str], set[str]]:
    form = request.form
    rows, was, active = (set(form.getlist(name)) for name in ("row", "was", "active"))
    turned_on, turned_off = (active - was) & rows, (was - active) & rows
    if len(turned_on) + len(turned_off) > MOST_CHANGES:
        raise DomainError(
            _("Save at most %(n)s changes at a time.", n=MOST_CHANGES),
        )
    return turned_on, turned_off


def _changed(admin: Admin, slug: str, keys: Collection[str]) -> list[Member]:
    found = (
        account_users.members(admin.ctx, admin.account_id, slug, keys) if keys else []
    )
    if {admin.ctx.key_text(member.user) for member in found} != set(keys):
        # Somebody was deleted or moved meanwhile, or never was of this account.
        raise Conflict
    # In one order everywhere: two who save at once do not wait for each other.
    return sorted(found, key=lambda member: admin.ctx.key_text(member.user))


def _off_question(
    admin: Admin,
    slug: str,
    losing: Sequence[Member],
    turned_on: Collection[str],
    turned_off: Collection[str],
) -> Confirm:
    carried = [("row", key) for key in sorted({*turned_on, *turned_off})]
    carried += [("was", key) for key in sorted(turned_off)]
    carried += [("active", key) for key in sorted(turned_on)]
    return users_off_question(
        [(admin.ctx.user_label(m.user), m) for m in losing],
        action=url_for(f"{NAME}.save_users", slug=slug, **people_args()),
        back=url_for(f"{NAME}.users", slug=slug, **people_args()),
        hidden=carried,
        now=admin.ctx.now(),
        recorded=admin.ctx.records_calls,
    )


def _saved(admin: Admin, slug: str, on: int, off: int) -> ResponseReturnValue:
    parts = [
        _n("%(n)s turned on", "%(n)s turned on", on) if on else "",
        _n("%(n)s turned off", "%(n)s turned off", off) if off else "",
    ]
    message = _("Saved") + ". " + ", ".join(filter(None, parts))
    if not (on or off):
        message = _("Nothing to save")
    if not htmx.wants_fragment():
        leave_notice(message)
        return redirect(url_for(f"{NAME}.users", slug=slug, **people_args()), 303)
    shown = users_partial(replace(user_list(admin, slug, asked_people()), saved=True))
    changed = {htmx.TOASTS: toast(message), htmx.TABS: tabs_partial(admin, slug)}
    if request.form.get("confirm") == "1":
        # The form stands in the dialog, which closes.
        return htmx.fragment(
            partial("closed"), out_of_band={htmx.LIST: shown, **changed}
        )
    return htmx.fragment(shown, out_of_band=changed)
