"""The audit log of an account, as a page and as a CSV file."""

from __future__ import annotations

from typing import Any

from flask import redirect
from flask import request
from flask import url_for
from flask.typing import ResponseReturnValue

from flask_apitokens.audit import queries as audit_queries
from flask_apitokens.audit.queries import GROUPS
from flask_apitokens.audit.queries import LogQuery
from flask_apitokens.core.utc import parse_day
from flask_apitokens.core.utc import start_of_day
from flask_apitokens.db.pagination import MAX_ID
from flask_apitokens.i18n import gettext as _
from flask_apitokens.web import htmx
from flask_apitokens.web.admin_pages import NAME
from flask_apitokens.web.admin_pages import Admin
from flask_apitokens.web.admin_pages import load_admin
from flask_apitokens.web.csv_response import stream_csv
from flask_apitokens.web.pages import page
from flask_apitokens.web.pages import partial
from flask_apitokens.web.presenters import audit_events
from flask_apitokens.web.presenters.audit_events import EventList
from flask_apitokens.web.query_args import searched
from flask_apitokens.web.query_args import token_searched_for


def log() -> ResponseReturnValue:
    """Show a page of events, or refresh it for a search, a filter or a page link."""
    admin = load_admin()
    if token_searched_for() and not htmx.wants_fragment():
        # The address has the whole secret in it. The redirect takes it out of the
        # address bar and of the browser's history.
        return redirect(url_for(f"{NAME}.audit", **_args()))
    shown = _list(admin)
    if not htmx.wants_fragment():
        return page(
            "apitokens/admin/audit.html",
            title=_("Audit log"),
            list=shown,
            groups=audit_events.groups_offered(),
        )
    # The address of the download carries the search of the page.
    link = partial("audit_download", folder="admin", list=shown)
    return htmx.fragment(
        partial("audit", folder="admin", list=shown), out_of_band={htmx.ACTIONS: link}
    )


def _list(admin: Admin) -> EventList:
    found = audit_queries.page_of(admin.ctx, admin.account_id, _asked())
    keys = {name: _key(name) for name in ("before", "after")}
    return audit_events.list_of(
        found,
        admin.ctx.catalog,
        args=_args(),
        place={name: key for name, key in keys.items() if key is not None},
        focus=request.args.get("focus") == "list",
    )


def _asked() -> LogQuery:
    """Return the events that this address asks for. Invalid arguments are ignored."""
    args = _args()
    since = parse_day(args.get("from", ""))
    return LogQuery(
        q=args.get("q", ""),
        actions=GROUPS.get(args.get("event", ""), ()),
        since=None if since is None else start_of_day(since),
        before=_key("before"),
        after=_key("after"),
    )


def _args() -> dict[str, Any]:
    """Return search and filters as arguments of an address."""
    given = request.args
    event, since = given.get("event", ""), parse_day(given.get("from", ""))
    every = {
        "q": searched(given.get("q", "")),
        "event": event if event in GROUPS else "",
        "from": since.isoformat() if since else "",
    }
    return {name: value for name, value in every.items() if value}


def _key(name: str) -> int | None:
    key = request.args.get(name, type=int)
    return key if key is not None and 0 < key <= MAX_ID else None


def export() -> ResponseReturnValue:
    """Answer with the events that search and filters find, as a CSV file."""
    admin = load_admin()
    found = audit_queries.batches(admin.ctx, admin.account_id, _asked())
    batches = (map(audit_events.csv_cells, rows) for rows in found)
    return stream_csv(admin.ctx, "audit-log", audit_events.CSV_HEADER, batches=batches)
