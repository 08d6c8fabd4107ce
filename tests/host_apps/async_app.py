"""A host with async views, for hypercorn: ``tests.host_apps.async_app:app``."""

from __future__ import annotations

import asyncio
import os
from typing import Any

from asgiref.wsgi import WsgiToAsgi
from flask import Blueprint
from flask.views import MethodView
from flask_login import current_user

from flask_apitokens import current_token
from flask_apitokens import token_required
from tests import hosts

app = hosts.create_host(os.environ["TEST_DATABASE_URL"], create_tables=False)
asgi = WsgiToAsgi(app)  # type: ignore[no-untyped-call]


async def told() -> dict[str, Any]:
    """Return whose token it is, before and after other calls had their turn."""
    user: Any = current_user
    before = [current_token.id, user.email]
    await asyncio.sleep(0)
    return {"before": before, "after": [current_token.id, user.email]}


class Told(MethodView):
    """The same as a class, guarded through its decorators."""

    decorators = [token_required]

    async def get(self) -> dict[str, Any]:
        """Answer a call."""
        return await told()


outer = Blueprint("outer", __name__, url_prefix="/outer")
inner = Blueprint("inner", __name__, url_prefix="/inner")
inner.add_url_rule("/", "told", told)
outer.register_blueprint(inner)
hosts.host_of(app).apitokens.protect(outer)
app.register_blueprint(outer)
app.add_url_rule("/view", "view", token_required(told))
app.add_url_rule("/class", view_func=Told.as_view("class"))
