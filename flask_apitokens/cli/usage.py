"""``flask apitokens usage …``."""

from __future__ import annotations

from flask.cli import AppGroup

from flask_apitokens.state import current_apitokens

from . import edge
from .arguments import json_option
from .output import say
from .output import show_json

usage_group = AppGroup("usage", help="The calls of the last days.")


@usage_group.command("prune")
@json_option
def prune(*, as_json: bool) -> None:
    """Remove calls older than APITOKENS_USAGE_RETENTION_DAYS, for a cron job.

    Processes that record calls do so now and then by themselves.
    """
    with edge.reading() as domain:
        days = domain.settings.usage_retention_days
        removed = current_apitokens.recorder.prune()
    if as_json:
        show_json({"removed": removed, "retention_days": days})
    say(f"Removed {removed} rows older than {days} days.")
