"""The group ``flask apitokens``: nouns, then verbs.

The messages of the commands are English whatever the locale of the application, so that
scripts and logs read the same everywhere.
"""

from __future__ import annotations

from importlib import import_module
from typing import cast

import click
from click import Command
from flask.cli import AppGroup

#: the modules with the commands of each noun; the first one has the noun's group
NOUNS = {
    "audit": ("audit",),
    "notices": ("notices",),
    "pepper": ("pepper",),
    "service": ("service",),
    "subscription": ("subscription", "access_requests"),
    "token": ("token", "token_list", "token_actions", "rotate", "import_command"),
    "usage": ("usage",),
}


class _LazyGroup(AppGroup):
    """Loads command groups when they are called: a web server needs none of them."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(NOUNS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> Command | None:
        if cmd_name not in NOUNS:
            return None
        first, *_others = [
            import_module(f".{name}", __package__) for name in NOUNS[cmd_name]
        ]
        return cast("Command", getattr(first, f"{cmd_name}_group"))


group = _LazyGroup("apitokens", help="Manage API tokens, services and subscriptions.")
