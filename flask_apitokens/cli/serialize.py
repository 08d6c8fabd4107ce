"""What commands tell of tokens: plain values, so that they outlive the session."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from flask_apitokens.audit import log as audit_log
from flask_apitokens.core.context import Context
from flask_apitokens.crypto.tokens import IMPORTED
from flask_apitokens.db.models import Token
from flask_apitokens.domain import email_binding
from flask_apitokens.domain import token_list
from flask_apitokens.domain import token_status

from .output import printable

Facts = dict[str, Any]

_LIFE = (
    "created_at",
    "created_by",
    "shown_at",
    "expires_at",
    "revoked_at",
    "deactivated_at",
    "deactivated_reason",
    "last_used_at",
    "last_used_ip",
    "successor_id",
    "predecessor_id",
)

#: the columns of a list
COLUMNS = (
    "id",
    "name",
    "owner",
    "kind",
    "service",
    "scopes",
    "status",
    "created_at",
    "last_used_at",
    "expires_at",
)
EVENT_COLUMNS = ("at", "action", "actor", "ip", "detail")


def facts_of(ctx: Context, tokens: Sequence[Token]) -> list[Facts]:
    """The facts of each token, in order; never anything of its secret."""
    known = token_status.statuses_of(ctx, tokens)
    owners = token_list.owners_of(ctx, tokens)
    return [
        {
            "id": token.id,
            "name": token.name,
            "kind": token.kind,
            "imported": token.scheme == IMPORTED,
            # A row may be deleted between the two statements.
            "status": _status(
                ctx,
                token,
                owners.get(token.owner_id),
                known.get(token.id) or token_status.status_of(ctx, token),
            ),
            "owner": _label(ctx, owners.get(token.owner_id)),
            "owner_id": key_of(token.owner_id),
            "userless": token.userless,
            "account_id": token.account_id,
            "service": token.service,
            "scopes": list(token.scopes),
            "networks": list(token.networks or ()),
            **{name: getattr(token, name) for name in _LIFE},
        }
        for token in tokens
    ]


def _status(ctx: Context, token: Token, owner: Any, status: str) -> str:
    """*status*, unless no statement could know better."""
    works = status in {"active", "expiring"}
    if works and owner is not None and email_binding.has_moved(ctx, token, owner):
        return "paused"
    return status


def _label(ctx: Context, owner: Any) -> str | None:
    return None if owner is None else ctx.user_label(owner)


def key_of(key: Any) -> Any:
    """A primary key as JSON has it: a number stays one, the rest is text."""
    return key if key is None or isinstance(key, int) else str(key)


def events_of(ctx: Context, token: Token) -> list[Facts]:
    """The newest events of a token, newest first."""
    return [
        {
            "at": event.at,
            "action": event.action,
            "actor": event.actor_label,
            "ip": event.ip,
            "detail": event.detail,
        }
        for event in audit_log.events_of(ctx, token.id)
    ]


def row_of(facts: Facts) -> list[Any]:
    """A token as a row of a list."""
    return [_whose(facts) if name == "owner" else facts[name] for name in COLUMNS]


def named(facts: Facts) -> str:
    """A token in a sentence: its id, its name and whose it is."""
    name, whose = printable(facts["name"]), printable(_whose(facts))
    return f"{facts['id']} “{name}” of {whose}"


def _whose(facts: Facts) -> str:
    if not facts["userless"]:
        return str(facts["owner"] or facts["owner_id"])
    account = facts["account_id"]
    return f"nobody (account {account})" if account else "nobody"
