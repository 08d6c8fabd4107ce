"""Tokens and events as plain values, which outlive the database session."""

from __future__ import annotations

from collections.abc import Mapping
from collections.abc import Sequence
from typing import Any

from flask_apitokens.audit import log as audit_log
from flask_apitokens.core.context import Context
from flask_apitokens.crypto.tokens import IMPORTED
from flask_apitokens.db.models import Event
from flask_apitokens.db.models import Token
from flask_apitokens.domain import email_binding
from flask_apitokens.domain import token_list
from flask_apitokens.domain import token_status

from .output import printable

#: what ``--json`` prints of one thing
Record = dict[str, Any]

#: attributes of a token that the record has under the same name
_SAME = (
    *("created_at", "created_by", "shown_at", "expires_at", "revoked_at"),
    *("deactivated_at", "deactivated_reason", "last_used_at", "last_used_ip"),
    *("successor_id", "predecessor_id"),
)


def serialize_tokens(ctx: Context, tokens: Sequence[Token]) -> list[Record]:
    """Return the record of each token, in order; none has any part of its secret."""
    statuses = token_status.statuses_of(ctx, tokens)
    owners = token_list.owners_of(ctx, tokens)
    records = []
    for token in tokens:
        owner = owners.get(token.owner_id)
        # A row may have been deleted between the two statements.
        status = statuses.get(token.id) or token_status.status_of(ctx, token)
        record = {
            "id": token.id,
            "name": token.name,
            "kind": token.kind,
            "imported": token.scheme == IMPORTED,
            "status": _status(ctx, token, owner, status=status),
            "owner": None if owner is None else ctx.user_label(owner),
            "owner_id": serialize_key(token.owner_id),
            "userless": token.userless,
            "account_id": token.account_id,
            "service": token.service,
            "scopes": list(token.scopes),
            "networks": list(token.networks or ()),
            **{name: getattr(token, name) for name in _SAME},
        }
        records.append(record)
    return records


def _status(ctx: Context, token: Token, owner: Any, *, status: str) -> str:
    # Whether the owner's email changed is known to the application's code, so the
    # statement that finds the other statuses cannot tell it.
    works = status in {"active", "expiring"}
    if works and owner is not None and email_binding.has_moved(ctx, token, owner):
        return "paused"
    return status


def serialize_key(key: Any) -> Any:
    """Return a primary key as JSON has it: a number, or its text."""
    return key if key is None or isinstance(key, int) else str(key)


def serialize_event(event: Event) -> Record:
    """Return the record of an event of the audit log."""
    return {
        "id": event.id,
        "at": event.at,
        "actor": event.actor_label,
        "actor_id": event.actor_id,
        "action": event.action,
        "account_id": event.account_id,
        "token_id": event.token_id,
        "token_name": event.token_name,
        "service": event.service,
        "subject": event.subject_label,
        "subject_id": event.subject_id,
        "ip": event.ip,
        "detail": event.detail,
    }


def newest_events(ctx: Context, token: Token) -> list[Record]:
    """Return the newest events of a token, newest first, without what it repeats."""
    names = ("at", "action", "actor", "ip", "detail")
    events = map(serialize_event, audit_log.events_of(ctx, token.id))
    return [{name: event[name] for name in names} for event in events]


def token_cells(record: Mapping[str, Any]) -> Record:
    """Return the record of a token as a row of a table, with an owner to read."""
    return {**record, "owner": _owner_text(record)}


def describe(record: Mapping[str, Any]) -> str:
    """Return the id, the name and the owner of a token, for a sentence."""
    name, owner = printable(record["name"]), printable(_owner_text(record))
    return f"{record['id']} “{name}” of {owner}"


def _owner_text(record: Mapping[str, Any]) -> str:
    if not record["userless"]:
        return str(record["owner"] or record["owner_id"])
    account = record["account_id"]
    return f"no owner (account {account})" if account else "no owner"
