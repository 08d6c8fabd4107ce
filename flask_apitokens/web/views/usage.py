"""A usage history wherever it stands: its figures, its calls, and a file of them."""

from __future__ import annotations

from dataclasses import replace

from flask import redirect
from flask.typing import ResponseReturnValue

from flask_apitokens.domain import token_list
from flask_apitokens.web import htmx
from flask_apitokens.web.scopes.token_scope import TokenScope
from flask_apitokens.web.usage_history import check_recorded
from flask_apitokens.web.usage_history import reading_of

# -- of one token --------------------------------------------------------------


def of_token(scope: TokenScope, token_id: str) -> ResponseReturnValue:
    """The calls with one token, for a control of its page.

    :raises NotFound: where nothing is recorded.
    """
    check_recorded(scope.ctx)
    reading = reading_of(scope, scope.token(token_id))
    if htmx.wants_fragment():
        return reading.fragment()
    return redirect(reading.at.page_url(**reading.args))


def of_token_csv(scope: TokenScope, token_id: str) -> ResponseReturnValue:
    """The calls with one token as a file.

    :raises NotFound: where nothing is recorded.
    """
    check_recorded(scope.ctx)
    ctx, token = scope.ctx, scope.token(token_id)
    owners = token_list.owners_of(ctx, [token])
    labels = {str(key): ctx.user_label(user) for key, user in owners.items()}
    return replace(reading_of(scope, token), labels=labels).file()
