"""``flask apitokens notices …``."""

from __future__ import annotations

from functools import partial

import click
from flask.cli import AppGroup

from flask_apitokens import signals
from flask_apitokens.domain import expiry_notices
from flask_apitokens.state import commit_change
from flask_apitokens.state import current_apitokens

from . import options
from . import output
from . import session as cli_session

notices_group = AppGroup("notices", help="Send notices to the owners of tokens.")


@notices_group.command("send")
@options.json_option
def send(*, as_json: bool) -> None:
    """Notify the owners of tokens that expire soon, for a cron job.

    Each notice of APITOKENS_EXPIRY_NOTICE_DAYS is sent once for a token, however many
    processes run this command. If on_notice or a receiver of notice_due fails for a
    notice, the next run sends it again.
    """
    sent = failed = 0
    with cli_session.open_context() as ctx:
        for token_id in expiry_notices.due(ctx):
            # The commit sends the notice. The claim is in the same transaction, so
            # another process that runs now skips this token.
            due = commit_change(ctx, partial(expiry_notices.claim, ctx, token_id))
            if due is None:
                continue
            if due.event not in ctx.undelivered:
                sent += 1
                continue
            failed += 1
            ctx.undelivered.clear()
            commit_change(ctx, partial(expiry_notices.give_back, ctx, due))
    if as_json:
        output.print_json({"sent": sent, "failed": failed})
    output.print_message(f"Sent {sent} {'notice' if sent == 1 else 'notices'}.")
    if sent and not _has_receivers():
        output.print_message(
            "APITokens has no on_notice, and notice_due no receiver: they went to the "
            "log alone, at the level INFO."
        )
    if failed:
        raise click.ClickException(
            f"{failed} could not be sent: the log says why. The next run tries again."
        )


def _has_receivers() -> bool:
    state = current_apitokens
    has_receiver = signals.notice_due.has_receivers_for(state.app)
    return state.callbacks.on_notice is not None or has_receiver
