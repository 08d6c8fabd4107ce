"""What all administrators' pages have in common: who administers what, and the ways."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from flask import redirect
from flask import request
from flask import url_for
from flask.typing import ResponseReturnValue

from flask_apitokens.catalog import Service
from flask_apitokens.core.actor import Actor
from flask_apitokens.core.context import Context
from flask_apitokens.domain import access_requests
from flask_apitokens.errors import AccessDenied
from flask_apitokens.errors import NotFound
from flask_apitokens.i18n import gettext as _
from flask_apitokens.state import current_apitokens

from .access import is_account
from .access import is_admin
from .login import actor_of
from .login import signed_in

NAME = "apitokens_admin"
#: set once the host's layout shows the ways between our pages itself
_LINKS_SHOWN = "flask_apitokens.admin_links"


@dataclass(frozen=True)
class Admin:
    """The signed-in administrator and the account they see, which is their own."""

    ctx: Context
    user: Any
    account_id: str

    @property
    def actor(self) -> Actor:
        """The administrator as the audit log names them."""
        return actor_of(self.ctx, self.user)

    @property
    def services(self) -> list[Service]:
        """The services of the account, in the order of declaration."""
        return list(self.ctx.services_of(self.account_id).values())

    def service(self, slug: str) -> Service:
        """One of the account's services.

        :raises NotFound: if it has no such service.
        """
        service = self.ctx.services_of(self.account_id).get(slug)
        if service is None:
            raise NotFound
        return service


@dataclass(frozen=True)
class Link:
    """A way to one of our pages.

    :param count: how many there are of what the page shows, if that is told.
    """

    label: str
    href: str
    here: bool = False
    count: str | None = None


def load_admin() -> Admin:
    """The administrator of this request.

    :raises AccessDenied: if there is none, which the pages' guard rules out.
    """
    user = signed_in()
    if user is None:
        raise AccessDenied
    ctx = current_apitokens.context()
    account_id = ctx.account_of(user)
    if not is_account(account_id):
        # A moment ago it was one.
        raise AccessDenied
    return Admin(ctx, user, account_id)


def start() -> ResponseReturnValue:
    """The first of the pages."""
    load_admin()
    return redirect(url_for(f"{NAME}.services"))


def links() -> list[Link]:
    """The ways to the administrators' pages, for the host's own navigation.

    ``apitokens_admin_links()`` in a layout; none for who is no administrator. Pages
    whose layout asked show no way of their own.
    """
    user = signed_in()
    if user is None or not is_admin(user):
        return []
    request.environ[_LINKS_SHOWN] = True
    ctx = current_apitokens.context()
    waiting = access_requests.count_waiting(ctx, ctx.account_of(user))
    return [
        _link(_("API services"), "services"),
        _link(_("All tokens"), "all_tokens"),
        _link(_("Access requests"), "requests", f"{waiting:,}" if waiting else None),
        *([_link(_("Usage history"), "usage")] if ctx.records_calls else []),
        _link(_("Audit log"), "audit"),
    ]


def own_links() -> list[Link]:
    """The same for our pages, empty where the host's layout has shown them."""
    return [] if request.environ.get(_LINKS_SHOWN) else links()


def _link(label: str, page: str, count: str | None = None) -> Link:
    href = url_for(f"{NAME}.{page}")
    return Link(label, href, request.path.startswith(_path(href)), count)


def _path(href: str) -> str:
    return href.removeprefix(request.script_root)
