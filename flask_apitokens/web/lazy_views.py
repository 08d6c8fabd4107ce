"""The functions that the address table names, imported when they are first called.

A process that only guards API calls registers all addresses too. It must not import the
views and what they need. A type checker and an editor read the imports below: they
check, follow and rename each reference of the table.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from flask_apitokens.guard.blueprints import LazyModules

if TYPE_CHECKING:

    class web:
        """The modules of this folder."""

        from . import access as access
        from . import admin_pages as admin_pages
        from . import error_pages as error_pages

    class scopes:
        """The modules of :mod:`.scopes`."""

        from .scopes import all_tokens as all_tokens
        from .scopes import own_tokens as own_tokens
        from .scopes import service_tokens as service_tokens
        from .scopes import token_scope as token_scope

    class views:
        """The modules of :mod:`.views`."""

        from .views import access_requests as access_requests
        from .views import rotate as rotate
        from .views import single_token as single_token
        from .views import token_actions as token_actions
        from .views import tokens as tokens
        from .views import usage as usage

    class admin:
        """The modules of :mod:`.views.admin`."""

        from .views.admin import access_requests as access_requests
        from .views.admin import answer_requests as answer_requests
        from .views.admin import audit as audit
        from .views.admin import deactivate as deactivate
        from .views.admin import services as services
        from .views.admin import tokens as tokens
        from .views.admin import usage as usage
else:
    web = LazyModules(f"{__package__}")
    scopes = LazyModules(f"{__package__}.scopes")
    views = LazyModules(f"{__package__}.views")
    admin = LazyModules(f"{__package__}.views.admin")
