"""``flask apitokens notices …``."""

from __future__ import annotations

import logging

import click
from flask.cli import AppGroup

from flask_apitokens import signals
from flask_apitokens.core.context import Context
from flask_apitokens.domain import expiry_notices
from flask_apitokens.state import current_apitokens

from . import session as cli_session
from .arguments import json_option
from .output import say
from .output import show_json

log = logging.getLogger("flask_apitokens")

notices_group = AppGroup("notices", help="Tell people what they should know in time.")


@notices_group.command("send")
@json_option
def send(*, as_json: bool) -> None:
    """Tell the owners of tokens that end soon, for a cron job.

    Each notice of APITOKENS_EXPIRY_NOTICE_DAYS is sent once for a token, however many
    processes run this. One that on_notice or a receiver of notice_due fails for is sent
    again by the next run.
    """
    sent = failed = 0
    with cli_session.reading() as ctx:
        for token_id in expiry_notices.due(ctx):
            due = expiry_notices.claim(ctx, token_id)
            if due is None:
                ctx.session.rollback()
                continue
            # From here on it is nobody else's.
            ctx.session.commit()
            if _tell(ctx, due):
                sent += 1
            else:
                failed += 1
    if as_json:
        show_json({"sent": sent, "failed": failed})
    say(f"Sent {sent} {'notice' if sent == 1 else 'notices'}.")
    if sent and not _somebody_listens():
        say(
            "APITokens has no on_notice, and notice_due no receiver: they went to the "
            "log alone, at the level INFO."
        )
    if failed:
        raise click.ClickException(
            f"{failed} could not be sent: the log says why. The next run tries again."
        )


def _somebody_listens() -> bool:
    state = current_apitokens
    heard = signals.notice_due.has_receivers_for(state.app)
    return state.callbacks.on_notice is not None or heard


def _tell(ctx: Context, due: expiry_notices.Due) -> bool:
    try:
        notice = due.notice
        ctx.notify("notice_due", token=notice.token, days=due.days, notice=notice)
        told = ctx.callbacks.tell(notice)
    except Exception:
        log.exception("a receiver of notice_due failed for %s", due.token_id)
        told = False
    # Whatever it has left in the session is not ours to commit.
    ctx.session.rollback()
    if not told:
        expiry_notices.give_back(ctx, due)
        ctx.session.commit()
    return told
