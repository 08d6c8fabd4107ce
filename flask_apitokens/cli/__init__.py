"""``flask apitokens …``: nouns, then verbs.

An edge like the pages: it asks the domain functions and commits. Its own messages are
plain English whatever the host's locale, so that scripts and logs read the same
everywhere.
"""

from __future__ import annotations

from flask.cli import AppGroup

from .service import service_group
from .subscription import subscription_group
from .token import token_group

group = AppGroup("apitokens", help="API tokens, their services and subscriptions.")
group.add_command(token_group)
group.add_command(service_group)
group.add_command(subscription_group)
