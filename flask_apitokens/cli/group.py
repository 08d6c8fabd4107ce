"""``flask apitokens …``: nouns, then verbs.

An edge like the pages: it asks the domain functions and commits. Its own messages are
plain English whatever the host's locale, so that scripts and logs read the same
everywhere.
"""

from __future__ import annotations

from importlib import import_module
from typing import cast

import click
from click import Command
from flask.cli import AppGroup

#: each has its module, and in it a group of this name and "_group"
NOUNS = (
    *("audit", "notices", "pepper", "service"),
    *("subscription", "token", "usage"),
)


class _Nouns(AppGroup):
    """Loads a noun when somebody says it: a server has no use for any of them."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(NOUNS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> Command | None:
        if cmd_name not in NOUNS:
            return None
        module = import_module(f".{cmd_name}", __package__)
        return cast("Command", getattr(module, f"{cmd_name}_group"))


group = _Nouns("apitokens", help="API tokens, their services and subscriptions.")
