"""A host that records its calls in the request, as most applications do by hand."""

from __future__ import annotations

from datetime import UTC
from datetime import datetime
from typing import Any

from flask import request
from sqlalchemy import insert
from sqlalchemy import update

from flask_apitokens import current_token
from flask_apitokens import token_required

from .hosts import ANSWER
from .hosts import Host
from .hosts import host_with_plugin
from .hosts import install_yardstick


def host_with_recording_view(url: str, **config: Any) -> Host:
    """Return the host with the plugin, and a view that writes its own record."""
    host = host_with_plugin(url, **config)
    install_yardstick(host)
    state, session = host.state, host.db.session
    token, call = state.models.Token, state.models.Call

    @host.app.get("/usual")
    @token_required(service="tmy", scopes="read")
    def usual() -> str:
        now = datetime.now(UTC)
        used = update(token).where(token.id == current_token.id)
        session.execute(used.values(last_used_at=now, last_used_ip=request.remote_addr))
        session.execute(
            insert(call).values(
                at=now,
                account_id=current_token.account_id,
                service=current_token.service,
                token_id=current_token.id,
                token_name=current_token.name,
                owner_key=str(current_token.owner_id),
                method=request.method,
                rule=str(request.url_rule),
                path=request.path,
                status=200,
                result=0,
                duration=0,
                ip=request.remote_addr,
                user_agent=request.user_agent.string,
            )
        )
        session.commit()
        return ANSWER

    return host
