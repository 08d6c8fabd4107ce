"""The calls with one token."""

from __future__ import annotations

from dataclasses import replace

from flask import redirect
from flask.typing import ResponseReturnValue

from flask_apitokens.domain import token_list
from flask_apitokens.web import htmx
from flask_apitokens.web.scopes.token_scope import TokenScope
from flask_apitokens.web.usage_history import check_recorded
from flask_apitokens.web.usage_history import token_reading


def of_token(scope: TokenScope, token_id: str) -> ResponseReturnValue:
    """Answer a filter or a page link of the history with the list of calls.

    Without htmx it redirects to the page of the token, which shows the same.

    :raises NotFound: if calls are not recorded.
    """
    check_recorded(scope.ctx)
    reading = token_reading(scope, scope.token(token_id))
    if htmx.wants_fragment():
        return reading.fragment()
    return redirect(reading.at.page_url(**reading.args))


def of_token_csv(scope: TokenScope, token_id: str) -> ResponseReturnValue:
    """Answer with the calls as a CSV file.

    :raises NotFound: if calls are not recorded.
    """
    check_recorded(scope.ctx)
    ctx, token = scope.ctx, scope.token(token_id)
    owners = token_list.owners_of(ctx, [token])
    labels = {str(key): ctx.user_label(user) for key, user in owners.items()}
    return replace(token_reading(scope, token), labels=labels).file()
