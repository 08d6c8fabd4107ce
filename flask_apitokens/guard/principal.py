"""Flask-Principal's identity of a call: the owner of its token.

Only an application that uses Flask-Principal, such as one with Flask-Security, imports
this module.
"""

from __future__ import annotations

import functools
from typing import Any

from flask import after_this_request
from flask import current_app
from flask import g
from flask.wrappers import Response
from flask_principal import AnonymousIdentity
from flask_principal import Identity
from flask_principal import identity_loaded

from .current_token import CurrentToken

#: what Flask-Security notes on ``g`` of the cookie's log-in
_OF_COOKIE = ("fs_authn_via", "fs_paa")


class OwnerIdentity(Identity):
    """The owner of a token. Its needs are collected when one is first asked for.

    The application's ``identity_loaded`` functions provide them, and load the user.
    """

    def __init__(self, owner_id: Any) -> None:
        self.id = owner_id
        self.auth_type = "flask_apitokens"

    def __getattr__(self, name: str) -> Any:
        # Only what is missing comes here: the needs, and what the functions add.
        if name.startswith("__") or "provides" in vars(self):
            raise AttributeError(name)
        self.provides: set[Any] = set()
        identity_loaded.send(current_app._get_current_object(), identity=self)  # type: ignore[attr-defined]
        return getattr(self, name)


def set_owner(token: CurrentToken) -> None:
    """Replace the identity, such as that of the cookie, until the response is sent."""
    before = g.get("identity")
    if not isinstance(before, Identity):
        return
    for name in _OF_COOKIE:
        g.pop(name, None)
    userless = token.is_userless
    g.identity = AnonymousIdentity() if userless else OwnerIdentity(token.owner_id)
    after_this_request(functools.partial(_restore, before))


def _restore(before: Identity, response: Response) -> Response:
    # The application context, and with it `g`, may outlive the request.
    here = g._get_current_object()
    response.call_on_close(functools.partial(setattr, here, "identity", before))
    return response
