"""What the pages of administrators share: their account, and the links between them."""

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
from flask_apitokens.i18n import number as number_text
from flask_apitokens.state import current_apitokens

from .access import is_account
from .access import is_admin
from .login import actor_of
from .login import signed_in

NAME = "apitokens_admin"
#: set in a request's environment once the application's layout shows the links
_LINKS_SHOWN = "flask_apitokens.admin_links"


@dataclass(frozen=True)
class Admin:
    """The signed-in administrator and their account, the only one they administer."""

    ctx: Context
    user: Any
    account_id: str

    @property
    def actor(self) -> Actor:
        """The administrator, as the audit log names them."""
        return actor_of(self.ctx, self.user)

    @property
    def services(self) -> list[Service]:
        """The services of the account, in the order of declaration."""
        return list(self.ctx.services_of(self.account_id).values())

    def service(self, slug: str) -> Service:
        """Return a service of the account.

        :raises NotFound: if the account has no such service.
        """
        service = self.ctx.services_of(self.account_id).get(slug)
        if service is None:
            raise NotFound
        return service


@dataclass(frozen=True)
class Link:
    """A link to an administrators' page.

    :param here: whether it leads to the present page.
    :param count: a number that is shown beside the label.
    """

    label: str
    href: str
    here: bool = False
    count: str | None = None


def load_admin() -> Admin:
    """Return the administrator of this request.

    :raises AccessDenied: if no administrator is signed in, which
        :func:`.access.admit_admin` rules out.
    """
    user = signed_in()
    if user is None:
        raise AccessDenied
    ctx = current_apitokens.context()
    account_id = ctx.account_of(user)
    if not is_account(account_id):
        # The user left the account after the request was admitted.
        raise AccessDenied
    return Admin(ctx, user, account_id)


def start() -> ResponseReturnValue:
    """Redirect to the first page of administrators."""
    load_admin()
    return redirect(url_for(f"{NAME}.services"))


def links() -> list[Link]:
    """Return the links to administrators' pages; none for other users.

    The application's layout may show them in its navigation: templates call this as
    ``apitokens_admin_links()``. A page whose layout did so shows no links of its own.
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
        _link(
            _("Access requests"),
            "requests",
            count=number_text(waiting) if waiting else None,
        ),
        *([_link(_("Usage history"), "usage")] if ctx.records_calls else []),
        _link(_("Audit log"), "audit"),
    ]


def own_links() -> list[Link]:
    """Return the links for a page; none if the application's layout shows them."""
    return [] if request.environ.get(_LINKS_SHOWN) else links()


def _link(label: str, page: str, *, count: str | None = None) -> Link:
    href = url_for(f"{NAME}.{page}")
    return Link(label, href, request.path.startswith(_path(href)), count)


def _path(href: str) -> str:
    return href.removeprefix(request.script_root)
